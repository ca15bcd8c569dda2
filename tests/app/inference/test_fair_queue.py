"""What a batch holds of each waiting request: the three policies, one by one."""

from __future__ import annotations

import asyncio
import time

import numpy as np

from app.arrays import Probabilities
from app.inference.fair_queue import SMALL_RECENTLY_S, FairQueue, QueueEntry
from app.observability.metrics import RunMetrics


def queue_of(*sizes: int, max_batch_size: int = 8, short_run: int = 0, small: int = 0) -> FairQueue:
    """A queue of requests with so many images each."""
    queue = FairQueue(max_batch_size, short_run, RunMetrics.of("fair", 1), small=small)
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
    while queue.weight:
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


def test_small_requests_go_first_and_large_ones_share_a_short_run_of_each_batch() -> None:
    queue = queue_of(5, 5, 1, short_run=2, small=2)
    batch, _ = queue.take_batch()
    assert [len(images) for _, images in batch] == [1, 2]
    assert [entry.remaining for entry in queue] == [5, 3]  # the one that got nothing is the next


def test_small_requests_leave_large_ones_a_short_run_of_each_batch() -> None:
    assert batches(queue_of(*[2] * 5, 9, short_run=2, small=2)) == [[2, 2, 2, 2], [2, 2, 2], [2], [2], [1]]


def test_without_short_runs_large_requests_fill_what_small_ones_leave() -> None:
    assert batches(queue_of(20, 1, 1, small=1)) == [[1, 1, 6], [8], [6]]


def test_small_request_that_does_not_fit_goes_on_before_others() -> None:
    assert batches(queue_of(3, 3, 3, 2, small=3)) == [[3, 3, 2], [1, 2]]


def test_large_requests_get_whole_batches_some_time_after_the_last_small_one() -> None:
    queue = queue_of(5, 5, short_run=2, small=2)
    put(queue, 1, queued_at=time.perf_counter() - SMALL_RECENTLY_S)
    assert [len(images) for _, images in queue.take_batch()[0]] == [1, 5, 2]
    assert batches(queue) == [[3]]


def test_weights_are_those_of_what_waits() -> None:
    queue = queue_of(1, 2, 20, small=2)
    assert (queue.weight, queue.small_weight) == (11, 3)
    queue.take_batch()
    assert (queue.weight, queue.small_weight) == (8, 0)
    for entry in queue:
        entry.future.cancel()
    put(queue, 2)
    queue.drop_disconnected()
    assert (queue.weight, queue.small_weight, len(list(queue))) == (2, 2, 1)
