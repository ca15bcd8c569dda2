"""Dynamic batching: joins the images of many requests into one run of the model.

    submit -> QueueEntry(images, future) -> FairQueue -> batch -> run -> each future its rows

There is no timer by default. A short run is done in the event loop, once all requests that arrived in the same turn of
it are queued; a longer one in a thread, and the next batch forms meanwhile.

Backpressure: the queue is bounded by the time its images would wait for their run. Beyond that bound load is shed:
`submit` raises `Overloaded`. Small requests have a bound of their own, so that large ones never crowd them out. A
request that is past its deadline, or whose client has left, cancels its future and takes no more of a run.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Self

import numpy as np

from app.arrays import Images, Probabilities
from app.daemon_thread import DaemonThread
from app.errors import InternalError, NotReady, Overloaded, Stopping
from app.inference.fair_queue import BatchSlice, FairQueue, QueueEntry
from app.inference.run_health import RunHealth
from app.observability.metrics import RunMetrics

# Runs of at most this many seconds are done in the event loop: handing one to a thread and its results back costs about
# half as much.
SHORT_RUN_S = 300e-6
RECENT_RUNS = 8  # runs over which the time of a run is averaged
SMALL_SHARE = 8  # a request of at most this part of a batch is small: large ones leave it its room in the queue
CLOSE_SECONDS = 1  # for the run in progress at the end, for which nobody waits any more


@dataclass(frozen=True)
class BatchSettings:
    max_batch_size: int  # images in one run
    max_queue_size: int  # images waiting
    max_batch_delay_ms: float = 0  # how long the first request of a batch waits for others; 0: not at all
    timeout_ms: float = 10_000  # the deadline of a request; a run that takes longer is stuck
    max_queue_ms: float = 150  # how long the queue may take to run; a request beyond that is refused
    traced: bool = False  # `TracedBatcher` notes waits and runs for the requests' traces


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
        small = max(short_run, settings.max_batch_size // SMALL_SHARE)
        self.queue = FairQueue(settings.max_batch_size, short_run, metrics, small=small)
        self.health = RunHealth(run, metrics)
        self.queue_limit = settings.max_queue_size  # images, at this time
        self.run_seconds = seconds_per_image * settings.max_batch_size  # a moving average, with the way to the thread
        self._running: list[BatchSlice] = []  # the batch in the thread
        self._running_since = 0.0  # by time.perf_counter
        self._run: asyncio.Future[None] | None = None  # the last one in the thread
        self._scheduled = False  # `_run_next` follows once all callbacks that are ready have run
        self._delay_timer: asyncio.TimerHandle | None = None  # ends the wait for a fuller batch
        self._stopping = False

    async def __aenter__(self) -> Self:
        self._loop = asyncio.get_running_loop()
        self._thread = DaemonThread("batcher")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Graceful shutdown: accepts no more requests, answers those that wait, then ends.

        A stuck run is not waited for once all its requests are past their deadlines.
        """
        self._stopping = True
        self._schedule()
        entries = (*(entry for entry, _ in self._running), *self.queue)  # a large request may be in both
        if waiting := {entry.future for entry in entries if not entry.future.done()}:
            _, stuck = await asyncio.wait(waiting, timeout=self.timeout_s)
            for future in stuck:
                future.set_exception(Stopping())
        if self._run:
            await asyncio.wait((self._run,), timeout=CLOSE_SECONDS)
        self.health.close()
        self._thread.shutdown()

    @property
    def queued(self) -> int:
        """Images waiting; a request larger than a batch counts as one batch."""
        return self.queue.weight

    @property
    def problem(self) -> str:
        """Why the model cannot run now; empty if it can."""
        if self._is_stuck():
            return f"a run has not ended for {time.perf_counter() - self._running_since:.0f} s"
        return self.health.problem

    def submit(self, images: Images) -> asyncio.Future[Probabilities]:
        """(n, 28, 28) -> (n, 10), to be awaited.

        Raises as `check_capacity` does. The future raises `InternalError` if a run failed.
        """
        self.check_capacity(len(images))
        weight = min(len(images), self.queue.max_batch_size) or 1
        entry = QueueEntry(images, weight, self._loop.create_future(), time.perf_counter())
        self.queue.put(entry)
        if not self._scheduled:
            self._schedule()
        return entry.future

    def check_capacity(self, images: int = 1) -> None:
        """Sheds load: raises `Overloaded` if the queue has no room for so many images.

        Only other small requests can leave a small one without room. Raises `Stopping` at the end, and `NotReady` while
        a run is stuck.
        """
        if self._stopping:
            raise Stopping
        queue = self.queue
        waiting = queue.small_weight if images <= queue.small else queue.weight
        if waiting + min(images, queue.max_batch_size) > self.queue_limit:
            self.metrics.overloaded.inc()
            raise Overloaded(f"The queue is full ({queue.weight} images are waiting): retry later.")
        if images > queue.max_batch_size:
            self._check_deadline(images)
        if self._running and self._is_stuck():
            queue.drop_disconnected()
            raise NotReady(f"The model does not answer: {self.problem}. Retry later.")

    def _is_stuck(self) -> bool:
        return bool(self._running) and time.perf_counter() - self._running_since > self.timeout_s

    def _check_deadline(self, images: int) -> None:
        """Raises `Overloaded` for a large request that would hardly be done before its deadline."""
        waiting = sum(entry.remaining for entry in self.queue)
        seconds = (waiting + images) / self.queue.max_batch_size * self.run_seconds
        if seconds > self.timeout_s:
            self.metrics.overloaded.inc()
            raise Overloaded(
                f"{images} images, after {waiting} that wait, take about {seconds:.1f} s, and a request may take "
                f"{self.timeout_s:g} s: send fewer at once, or retry later."
            )

    # --- when the next batch runs ---

    def _schedule(self) -> None:
        """Runs the next batch soon: when the delay is over or, without one, after this turn of the event loop."""
        if self._scheduled or self._running or not self.queue.weight:
            return
        delay_ms = self.settings.max_batch_delay_ms
        if delay_ms and self.queue.weight < self.queue.max_batch_size and not self._stopping:
            wait = min(entry.queued_at for entry in self.queue) + delay_ms / 1000 - time.perf_counter()
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
            return
        if size <= self.queue.short_run:
            self._finish(batch, *self._timed_run(batch))
        else:
            self._running, self._running_since = batch, time.perf_counter()
            self._run = self._loop.run_in_executor(self._thread, self._run_in_thread, batch)

    # --- one run ---

    def _run_in_thread(self, batch: list[BatchSlice]) -> None:
        self._loop.call_soon_threadsafe(self._finish_in_loop, batch, *self._timed_run(batch))

    def _finish_in_loop(self, batch: list[BatchSlice], rows: Probabilities | Exception, seconds: float) -> None:
        self._adapt_queue_limit(time.perf_counter() - self._running_since)
        self._finish(batch, rows, seconds)

    def _adapt_queue_limit(self, seconds: float) -> None:
        """As many images as are run within `max_queue_ms` at the recent speed, and one batch at least."""
        self.run_seconds += (seconds - self.run_seconds) / RECENT_RUNS
        runs = max(1.0, self.settings.max_queue_ms / 1000 / self.run_seconds)
        self.queue_limit = min(self.settings.max_queue_size, int(runs * self.queue.max_batch_size))

    def _timed_run(self, batch: list[BatchSlice]) -> tuple[Probabilities | Exception, float]:
        """The batch's rows, or why the run failed, and its seconds."""
        images = batch[0][1] if len(batch) == 1 else np.concatenate([images for _, images in batch])
        start = time.perf_counter()
        try:
            return self.run(images), time.perf_counter() - start
        except Exception as error:  # noqa: BLE001  # of whatever kind: the callers get an `InternalError`
            return error, time.perf_counter() - start

    def _finish(self, batch: list[BatchSlice], rows: Probabilities | Exception, seconds: float) -> None:
        self._running = []
        if isinstance(rows, Exception):
            self.health.failed(rows)
        elif self.health.failed_runs:
            self.health.succeeded()
        start = 0
        for entry, images in batch:
            end = start + len(images)
            if isinstance(rows, Exception):
                self._fail(entry)
            else:
                entry.deliver(rows[start:end])
            start = end
        self._observe(batch, start, seconds)
        self._schedule()

    def _fail(self, entry: QueueEntry) -> None:
        self.metrics.failed.inc()
        if not entry.future.done():
            entry.future.set_exception(InternalError())

    def _observe(self, batch: list[BatchSlice], images: int, seconds: float) -> None:
        began = time.perf_counter() - seconds
        waits = [began - entry.queued_at for entry, _ in batch]
        self.metrics.observe_run(images, seconds, waits, self.queue.weight)
