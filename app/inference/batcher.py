"""Dynamic batching: joins the images of many requests into one run of the model.

    submit -> QueueEntry(images, future) -> FairQueue -> batch -> run -> each future its rows

There is no timer by default. A short run is done in the event loop, once all requests that arrived in the same turn of
it are queued; a longer one in a thread, and the next batch forms meanwhile.

Backpressure: the queue is bounded by the time its images would wait for their run. Beyond that bound load is shed:
`submit` raises `Overloaded`. Each request has a deadline, after which its future raises `DeadlineExceeded`.
"""

from __future__ import annotations

import asyncio
import logging
import os
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from types import TracebackType
from typing import Self

import numpy as np

from app.arrays import Images, Probabilities
from app.errors import DeadlineExceeded, InternalError, Overloaded, Stopping
from app.inference.fair_queue import BatchSlice, FairQueue, QueueEntry
from app.observability.metrics import RunMetrics

logger = logging.getLogger(__name__)

# Runs of at most this many seconds are done in the event loop: handing one to a thread and its results back costs about
# half as much.
SHORT_RUN_S = 300e-6
RECENT_RUNS = 8  # runs over which the time of a run is averaged
RUN_NICENESS = 10  # by which the thread's priority is lower than the event loop's, on Linux's scale from -20 to 19


@dataclass(frozen=True)
class BatchSettings:
    max_batch_size: int  # images in one run
    max_queue_size: int  # images waiting
    max_batch_delay_ms: float = 0  # how long the first request of a batch waits for others; 0: not at all
    timeout_ms: float = 10_000  # the deadline of a request, counted from when it is queued
    max_queue_ms: float = 150  # how long the queue may take to run; a request beyond that is refused


class Batcher:
    """Runs `run` on one batch after the other and gives each caller its own rows.

    The queue is as long as the time that recent runs took allows. At ten times the capacity, beside other work on the
    same cores, a batch of 64 takes several times what it takes alone, and all that waits would wait that much longer.
    """

    def __init__(
        self,
        run: Callable[[Images], Probabilities],
        settings: BatchSettings,
        metrics: RunMetrics,
        *,
        seconds_per_image: float = 0.0,
    ) -> None:
        """`seconds_per_image` is a run's time divided by its images; 0: always run in the thread."""
        self.run = run
        self.settings = settings
        self.metrics = metrics
        self.timeout_s = settings.timeout_ms / 1000
        short_run = int(SHORT_RUN_S / seconds_per_image) if seconds_per_image else 0  # images
        self.queue = FairQueue(settings.max_batch_size, short_run, metrics)
        self.queue_limit = settings.max_queue_size  # images, at this time
        self.run_seconds = seconds_per_image * settings.max_batch_size  # a moving average, with the way to the thread
        self._running: list[BatchSlice] = []  # the batch in the thread
        self._scheduled = False  # `_run_next` follows once all callbacks that are ready have run
        self._delay_timer: asyncio.TimerHandle | None = None  # ends the wait for a fuller batch
        self._deadline_timer: asyncio.TimerHandle | None = None  # fires at the next deadline
        self._stopping = False
        self._idle = asyncio.Event()

    async def __aenter__(self) -> Self:
        self._loop = asyncio.get_running_loop()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="batcher", initializer=lower_thread_priority)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Graceful shutdown: accepts no more requests, answers those that wait, then ends."""
        self._stopping = True
        self._schedule()
        while self.queue.entries or self._running:
            self._idle.clear()
            await self._idle.wait()
        if self._deadline_timer:
            self._deadline_timer.cancel()
        self._thread.shutdown()

    @property
    def queued(self) -> int:
        """Images waiting; a request larger than a batch counts as one batch."""
        return self.queue.weight

    def submit(self, images: Images) -> asyncio.Future[Probabilities]:
        """(n, 28, 28) -> (n, 10), to be awaited.

        Raises as `check_capacity` does. The future raises `DeadlineExceeded`, or `InternalError` if a run failed.
        """
        weight = min(len(images), self.queue.max_batch_size)
        self.check_capacity(weight)
        entry = QueueEntry(images, weight, self._loop.create_future(), time.perf_counter())
        self.queue.put(entry)
        if not self._scheduled:
            self._schedule()
        if self._deadline_timer is None:
            self._deadline_timer = self._loop.call_later(self.timeout_s, self._expire)
        return entry.future

    def check_capacity(self, weight: int = 1) -> None:
        """Sheds load: raises `Overloaded` if the queue has no room for `weight` more images, `Stopping` at the end."""
        if self._stopping:
            raise Stopping
        if self.queue.weight + weight > self.queue_limit:
            self.metrics.overloaded.inc()
            raise Overloaded(f"The queue is full ({self.queue.weight} images are waiting): retry later.")

    # --- when the next batch runs ---

    def _schedule(self) -> None:
        """Runs the next batch soon: when the delay is over or, without one, after this turn of the event loop."""
        if self._scheduled or self._running or not self.queue.entries:
            return
        delay_ms = self.settings.max_batch_delay_ms
        if delay_ms and self.queue.weight < self.queue.max_batch_size and not self._stopping:
            wait = self.queue.entries[0].queued_at + delay_ms / 1000 - time.perf_counter()
            self._delay_timer = self._delay_timer or self._loop.call_later(max(0.0, wait), self._run_next)
        else:
            self._scheduled = True
            self._loop.call_soon(self._gather, 0)

    def _gather(self, queued_before: int) -> None:
        """Waits for another turn of the event loop while every turn adds images to the queue.

        Every run reads all the model's weights, so a fuller batch is worth a turn. An image that is alone after the
        first turn is run at once.
        """
        if max(1, queued_before) < self.queue.weight < self.queue.max_batch_size:
            self._loop.call_soon(self._gather, self.queue.weight)
        else:
            self._scheduled = False
            self._run_next()

    def _run_next(self) -> None:
        if self._delay_timer:
            self._delay_timer.cancel()
            self._delay_timer = None
        if self._running:
            return
        batch, size = self.queue.take_batch()
        if not batch:
            self._idle.set()
        elif size <= self.queue.short_run:
            self._finish(batch, *self._timed_run(batch))
        else:
            self._running = batch
            self._loop.run_in_executor(self._thread, self._run_in_thread, batch, time.perf_counter())

    # --- one run ---

    def _run_in_thread(self, batch: list[BatchSlice], began: float) -> None:
        self._loop.call_soon_threadsafe(self._finish_in_loop, batch, began, *self._timed_run(batch))

    def _finish_in_loop(
        self, batch: list[BatchSlice], began: float, rows: Probabilities | None, seconds: float
    ) -> None:
        self._adapt_queue_limit(time.perf_counter() - began)
        self._finish(batch, rows, seconds)

    def _adapt_queue_limit(self, seconds: float) -> None:
        """As many images as are run within `max_queue_ms` at the recent speed, and one batch at least."""
        self.run_seconds += (seconds - self.run_seconds) / RECENT_RUNS
        runs = max(1.0, self.settings.max_queue_ms / 1000 / self.run_seconds)
        self.queue_limit = min(self.settings.max_queue_size, int(runs * self.queue.max_batch_size))

    def _timed_run(self, batch: list[BatchSlice]) -> tuple[Probabilities | None, float]:
        """The batch's rows, or None if the run failed, and its seconds."""
        images = batch[0][1] if len(batch) == 1 else np.concatenate([images for _, images in batch])
        start = time.perf_counter()
        try:
            return self.run(images), time.perf_counter() - start
        except Exception:
            logger.exception("a batch of %d images failed", len(images))
            return None, time.perf_counter() - start

    def _finish(self, batch: list[BatchSlice], rows: Probabilities | None, seconds: float) -> None:
        self._running = []
        start = 0
        for entry, images in batch:
            end = start + len(images)
            if rows is None:
                self._fail(entry)
            else:
                entry.deliver(rows[start:end])
            start = end
        self._observe(batch, start, seconds)
        self._schedule()
        if not self.queue.entries:
            self._idle.set()

    def _fail(self, entry: QueueEntry) -> None:
        self.metrics.failed.inc()
        if not entry.future.done():
            entry.future.set_exception(InternalError())

    def _observe(self, batch: list[BatchSlice], images: int, seconds: float) -> None:
        began = time.perf_counter() - seconds
        waits = [began - entry.queued_at for entry, _ in batch]
        self.metrics.observe_run(images, seconds, waits, self.queue.weight)

    def _expire(self) -> None:
        """Fails requests past their deadline, queued or running, and sets the timer to the next deadline."""
        now = time.perf_counter()
        waiting = [*(entry for entry, _ in self._running), *self.queue.entries]  # a large request may be in both
        for entry in waiting:
            if now >= entry.queued_at + self.timeout_s and not entry.future.done():
                self.metrics.expired.inc()
                entry.future.set_exception(DeadlineExceeded(f"No prediction within {self.timeout_s:g} s: retry later."))
        pending = [entry.queued_at for entry in waiting if not entry.future.done()]
        next_deadline = min(pending, default=now) + self.timeout_s
        self._deadline_timer = self._loop.call_later(next_deadline - now, self._expire) if pending else None


def lower_thread_priority() -> None:
    """Lets the event loop, which has little to do, go before the runs on a core that both want.

    One core, small requests beside a convolutional model's 4,096 images: p99 8.0 ms without it, 4.3 ms with.
    """
    if sys.platform == "linux":  # where each thread has a priority of its own
        niceness = os.getpriority(os.PRIO_PROCESS, 0) + RUN_NICENESS
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), niceness)
