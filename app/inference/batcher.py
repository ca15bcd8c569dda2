"""Joins the images of many requests into one run of the model.

    submit -> QueueEntry(images, future) -> queue -> batch -> run -> each future its rows

There is no timer by default. A short run is done in the event loop, once all requests that arrived in the same turn of
it are queued; a longer one in a thread, and the next batch forms meanwhile.
"""

from __future__ import annotations

import asyncio
import logging
import math
import os
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from types import TracebackType
from typing import Self

import numpy as np

from app.arrays import Images, Probabilities
from app.errors import DeadlineExceeded, InternalError, Overloaded, Stopping
from app.observability.metrics import RunMetrics

logger = logging.getLogger(__name__)

# A run this short is done in the event loop: handing it to a thread and its answers back costs about half as much.
SHORT_RUN_S = 300e-6
SMALL_RECENTLY_S = 0.1
RECENT_RUNS = 8  # of which the mean tells how fast the queue moves
RUN_NICENESS = 10


@dataclass(frozen=True)
class BatchSettings:
    max_batch_size: int  # images in one run
    max_queue_size: int  # images waiting
    max_batch_delay_ms: float = 0  # how long the first of a batch may wait for company
    timeout_ms: float = 10_000  # how long a request may wait for its answer
    max_queue_ms: float = 150  # how long it would have to wait for its run, beyond which it is refused


class QueueEntry:
    """A question with the place for its answer. Whoever asked may have left: then the future is done."""

    __slots__ = ("answers", "future", "images", "queued_at", "taken", "weight")

    def __init__(self, images: Images, weight: int, future: asyncio.Future[Probabilities], queued_at: float) -> None:
        self.images = images
        self.weight = weight  # images that count in the queue: of a large request one batch
        self.future = future
        self.queued_at = queued_at
        self.taken = 0  # images that are in a batch or answered already
        self.answers: list[Probabilities] = []


Part = tuple[QueueEntry, Images]  # what one batch holds of one request


class Batcher:
    """Runs `run` on whole batches, one after the other, and hands each caller its own rows.

    A request larger than a batch is served a batch at a time, in turn with all others: whoever comes waits for one
    batch of each request before it, however large that is. So it counts for one batch in the queue. While small
    requests come too, large ones get no more than a short run of each batch, which the small ones would have to wait
    for.

    The queue is as long as what recent runs took allows: at ten times the capacity, beside other work on the same
    cores, a batch of 64 takes several times what it takes alone, and all that waits would wait so much longer.
    """

    def __init__(
        self,
        run: Callable[[Images], Probabilities],
        settings: BatchSettings,
        metrics: RunMetrics,
        *,
        seconds_per_image: float = 0.0,
    ) -> None:
        """`seconds_per_image` is what a run takes; 0 where the loop has something better to do than to wait for it."""
        self.run = run
        self.metrics = metrics
        self.max_batch_size = settings.max_batch_size
        self.max_batch_delay_s = settings.max_batch_delay_ms / 1000
        self.max_queue_size = settings.max_queue_size
        self.max_queue_s = settings.max_queue_ms / 1000
        self.timeout_s = settings.timeout_ms / 1000
        self.short_run = int(SHORT_RUN_S / seconds_per_image) if seconds_per_image else 0  # images
        self.queued = 0  # the weight of the queue
        self.room = settings.max_queue_size  # for what weight at this time
        self.run_seconds = seconds_per_image * settings.max_batch_size  # of late, the way to the thread and back too
        self._queue: deque[QueueEntry] = deque()
        self._running: list[Part] = []  # the batch in the thread
        self._small_at = -math.inf  # when the last small request came
        self._scheduled = False  # `_run_next` comes after the callbacks that are ready now
        self._company: asyncio.TimerHandle | None = None  # `_run_next` comes when the first has waited for company
        self._deadline: asyncio.TimerHandle | None = None
        self._stopping = False
        self._idle = asyncio.Event()

    async def __aenter__(self) -> Self:
        self._loop = asyncio.get_running_loop()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="batcher", initializer=let_the_loop_go_first)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Answers everyone still waiting, then ends."""
        self._stopping = True
        self._schedule()
        while self._queue or self._running:
            self._idle.clear()
            await self._idle.wait()
        if self._deadline:
            self._deadline.cancel()
        self._thread.shutdown()

    def submit(self, images: Images) -> asyncio.Future[Probabilities]:
        """(n, 28, 28) -> (n, 10), to be awaited.

        Raises as `check_room` does. The future raises `DeadlineExceeded` when it took too long.
        """
        weight = min(len(images), self.max_batch_size)
        self.check_room(weight)
        now = time.perf_counter()
        if weight <= self.short_run:
            self._small_at = now
        waiting = QueueEntry(images, weight, self._loop.create_future(), now)
        self._queue.append(waiting)
        self.queued += weight
        if not self._scheduled:
            self._schedule()
        if self._deadline is None:
            self._deadline = self._loop.call_later(self.timeout_s, self._expire)
        return waiting.future

    def check_room(self, weight: int = 1) -> None:
        """Raises `Overloaded` at the door when the queue is full, `Stopping` at the end."""
        if self._stopping:
            raise Stopping("The service is shutting down: send the request to another instance.")
        if self.queued + weight > self.room:
            self.metrics.overloaded.inc()
            raise Overloaded(f"{self.queued} images are waiting already: send the request again a little later.")

    def _schedule(self) -> None:
        """Runs the next batch once a turn of the loop has brought nothing more for it."""
        if self._scheduled or self._running or not self._queue:
            return
        if self.max_batch_delay_s and self.queued < self.max_batch_size and not self._stopping:
            wait = self._queue[0].queued_at + self.max_batch_delay_s - time.perf_counter()
            self._company = self._company or self._loop.call_later(max(0.0, wait), self._run_next)
        else:
            self._scheduled = True
            self._loop.call_soon(self._gather, 0)

    def _gather(self, before: int) -> None:
        """Every run reads the model's weights anew, so that a turn more for a fuller batch is worth its time.

        Whoever is alone after the first turn is run at once.
        """
        if max(1, before) < self.queued < self.max_batch_size:
            self._loop.call_soon(self._gather, self.queued)
        else:
            self._scheduled = False
            self._run_next()

    def _run_next(self) -> None:
        if self._company:
            self._company.cancel()
            self._company = None
        if self._running:
            return
        batch = self._take()
        if not batch:
            self._idle.set()
        elif sum(len(images) for _, images in batch) <= self.short_run:
            self._finish(batch, *self._timed_run(batch))
        else:
            self._running = batch
            self._loop.run_in_executor(self._thread, self._run_in_thread, batch, time.perf_counter())

    def _run_in_thread(self, batch: list[Part], began: float) -> None:
        self._loop.call_soon_threadsafe(self._finish_in_loop, batch, began, *self._timed_run(batch))

    def _finish_in_loop(self, batch: list[Part], began: float, answers: Probabilities | None, seconds: float) -> None:
        self._make_room(time.perf_counter() - began)
        self._finish(batch, answers, seconds)

    def _make_room(self, seconds: float) -> None:
        """For what is run within `max_queue_s` if it goes on like that, and for one batch always."""
        self.run_seconds += (seconds - self.run_seconds) / RECENT_RUNS
        runs = max(1.0, self.max_queue_s / self.run_seconds)
        self.room = min(self.max_queue_size, int(runs * self.max_batch_size))

    def _timed_run(self, batch: list[Part]) -> tuple[Probabilities | None, float]:
        """The answers, or None where the run failed, and its seconds."""
        images = batch[0][1] if len(batch) == 1 else np.concatenate([images for _, images in batch])
        start = time.perf_counter()
        try:
            return self.run(images), time.perf_counter() - start
        except Exception:
            logger.exception("a batch of %d images failed", len(images))
            return None, time.perf_counter() - start

    def _take(self) -> list[Part]:
        """A batch: from each request in turn what fits, without those whose caller has left."""
        batch: list[Part] = []
        room = self.max_batch_size
        room_for_large = self.short_run if time.perf_counter() - self._small_at < SMALL_RECENTLY_S else room
        passed_over: list[QueueEntry] = []
        in_part: list[QueueEntry] = []
        while self._queue and room:
            waiting = self._queue.popleft()
            self.queued -= waiting.weight
            if waiting.future.done():
                self.metrics.left.inc()
                continue
            left = len(waiting.images) - waiting.taken
            size = min(left, room)
            if left > self.short_run:
                size = min(size, room_for_large)
                room_for_large -= size
            if size == len(waiting.images):
                batch.append((waiting, waiting.images))
                waiting.taken = size
                room -= size
            elif size:
                batch.append((waiting, waiting.images[waiting.taken : waiting.taken + size]))
                waiting.taken += size
                room -= size
            if size < left:
                (in_part if size else passed_over).append(waiting)
        for waiting in (*passed_over, *in_part):  # to the end: the others first
            waiting.weight = min(len(waiting.images) - waiting.taken, self.max_batch_size)
            self._queue.append(waiting)
            self.queued += waiting.weight
        return batch

    def _finish(self, batch: list[Part], answers: Probabilities | None, seconds: float) -> None:
        self._running = []
        start = 0
        for waiting, images in batch:
            end = start + len(images)
            if answers is None:
                self._fail(waiting)
            else:
                self._answer(waiting, answers[start:end])
            start = end
        self._observe(batch, start, seconds)
        self._schedule()
        if not self._queue:
            self._idle.set()

    def _answer(self, waiting: QueueEntry, rows: Probabilities) -> None:
        if waiting.future.done():  # its caller left while the batch ran
            return
        if len(rows) == len(waiting.images):
            waiting.future.set_result(rows)
            return
        waiting.answers.append(rows)
        if waiting.taken == len(waiting.images):
            waiting.future.set_result(np.concatenate(waiting.answers))

    def _fail(self, waiting: QueueEntry) -> None:
        self.metrics.failed.inc()
        if not waiting.future.done():
            waiting.future.set_exception(InternalError())

    def _expire(self) -> None:
        """Answers those whose time is over, in the queue or in the run, and looks again when the next one's will be."""
        now = time.perf_counter()
        everyone = [*(waiting for waiting, _ in self._running), *self._queue]
        for waiting in everyone:
            if now >= waiting.queued_at + self.timeout_s and not waiting.future.done():
                self.metrics.expired.inc()
                waiting.future.set_exception(
                    DeadlineExceeded(f"No answer within {self.timeout_s:g} s: send the request again a little later.")
                )
        left = [waiting.queued_at for waiting in everyone if not waiting.future.done()]
        self._deadline = self._loop.call_later(min(left) + self.timeout_s - now, self._expire) if left else None

    def _observe(self, batch: list[Part], images: int, seconds: float) -> None:
        began = time.perf_counter() - seconds
        waits = [began - waiting.queued_at for waiting, _ in batch]
        self.metrics.observe_run(images, seconds, waits, self.queued)


def let_the_loop_go_first() -> None:
    """On a core that both want, the loop, which has little to do, is not kept waiting by a thread that has much.

    One core, small requests beside a convolutional model's 4,096 images: p99 8.0 ms without it, 4.3 ms with.
    """
    if sys.platform == "linux":  # where each thread has a priority of its own
        niceness = os.getpriority(os.PRIO_PROCESS, 0) + RUN_NICENESS
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), niceness)
