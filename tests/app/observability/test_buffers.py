"""Buffered observations are flushed once, completely, and before they are too many."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from app.observability.buffers import MAX_BUFFERED, HistogramBuffer, flush
from app.observability.bulk_histogram import BulkHistogram
from app.observability.metrics import DriftMetrics, RunMetrics
from tests.support.service import TIMEOUT_S


class PausedList(list[float]):
    """Returns its copy only after a value was added meanwhile."""

    def __init__(self, values: list[float]) -> None:
        super().__init__(values)
        self.copied, self.added = threading.Event(), threading.Event()

    def copy(self) -> list[float]:
        taken = super().copy()
        self.copied.set()
        assert self.added.wait(TIMEOUT_S)
        return taken


def test_no_value_is_lost_or_counted_twice_by_concurrent_flushes() -> None:
    histogram = BulkHistogram("busy", "", buckets=(1, 2), registry=None)
    buffer = HistogramBuffer(histogram)
    buffer.values = values = PausedList([1.0] * 5)
    with ThreadPoolExecutor(2) as threads:
        flushes = [threads.submit(flush, (buffer,)) for _ in range(2)]
        assert values.copied.wait(TIMEOUT_S)
        buffer.observe(2.0)
        values.added.set()
        for flushing in flushes:
            flushing.result()
    assert [sample.value for sample in histogram._samples() if sample.name == "_count"] == [6]
    assert buffer.values == []


def test_buffers_do_not_grow_beyond_their_limit() -> None:
    drift, runs = DriftMetrics.of("buffered", 1), RunMetrics.of("buffered", 1)
    for _ in range(3 * MAX_BUFFERED - 1):
        drift.observe(np.zeros((2, 28, 28), np.uint8), np.full((2, 10), 0.1, np.float32))
        runs.observe_run(1, 0.001, [0.001, 0.002], 0)
    assert len(drift._images) == len(drift._rows) == len(runs.batch_images.values) == MAX_BUFFERED - 1
    assert len(runs.queue_seconds.values) < MAX_BUFFERED
