"""What a batch holds of each waiting request: the three policies, one by one."""

from __future__ import annotations

import asyncio
import time

import numpy as np

from app.arrays import Probabilities
from app.inference.fair_queue import SMALL_RECENTLY_S, FairQueue, QueueEntry
from app.observability.metrics import RunMetrics


def queue_of(*sizes: int, max_batch_size: int = 8, short_run: int = 0) -> FairQueue:
    """A queue of requests with so many images each."""
    queue = FairQueue(max_batch_size, short_run, RunMetrics.of("fair", 1))
    for size in sizes:
        put(queue, size)
    return queue


def put(queue: FairQueue, size: int, queued_at: float | None = None) -> QueueEntry:
    images = np.zeros((size, 28, 28), np.uint8)
    future: asyncio.Future[Probabilities] = asyncio.Future(loop=asyncio.new_event_loop())
    future.get_loop().close()
    entry = QueueEntry(images, min(size, queue.max_batch_size), future, queued_at or time.perf_counter())
    queue.put(entry)
    return entry


def batches(queue: FairQueue) -> list[list[int]]:
    """The sizes of the slices of each batch, until the queue is empty."""
    found = []
    while queue.entries:
        batch, size = queue.take_batch()
        found.append([len(images) for _, images in batch])
        assert sum(found[-1]) == size
    assert queue.weight == 0
    return found


def test_requests_are_served_in_order_as_far_as_they_fit() -> None:
    assert batches(queue_of(3, 3, 2, 5)) == [[3, 3, 2], [5]]


def test_entry_that_nobody_waits_for_is_dropped() -> None:
    queue = queue_of(1)
    put(queue, 8).future.cancel()
    put(queue, 2)
    assert batches(queue) == [[1, 2]]


def test_large_request_goes_to_the_end_of_the_queue_after_each_batch() -> None:
    assert batches(queue_of(20, 6, 1)) == [[8], [6, 1, 1], [8], [3]]


def test_large_requests_share_a_short_run_of_each_batch_while_small_ones_arrive() -> None:
    queue = queue_of(5, 5, 1, short_run=2)
    batch, _ = queue.take_batch()
    assert [len(images) for _, images in batch] == [2, 1]
    assert [entry.remaining for entry in queue.entries] == [5, 3]  # the one that got nothing is the next


def test_large_requests_get_whole_batches_some_time_after_the_last_small_one() -> None:
    queue = queue_of(5, 5, short_run=2)
    put(queue, 1, queued_at=time.perf_counter() - SMALL_RECENTLY_S)
    assert batches(queue) == [[5, 3], [1, 2]]
