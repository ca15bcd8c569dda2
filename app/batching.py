"""Joins the images of many requests into one run of the model.

    submit -> Waiting(images, future) -> queue -> batch -> run, in one thread -> each future its rows

There is no timer by default: a batch forms while the one before it runs.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from types import TracebackType
from typing import Self

import numpy as np

from app.errors import InternalError, Overloaded, Stopping
from app.model import Images, Probabilities

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Waiting:
    """A question with the place for its answer. Whoever asked may have left: then the future is done."""

    images: Images
    future: asyncio.Future[Probabilities]


class Batcher:
    """Runs `run` on whole batches, one after the other, and hands each caller its own rows."""

    def __init__(
        self,
        run: Callable[[Images], Probabilities],
        *,
        max_batch_size: int,
        max_batch_delay_ms: float = 0,
        max_queue_size: int,
    ) -> None:
        """`max_batch_size` and `max_queue_size` count images; `max_batch_delay_ms` is how long the first may wait."""
        self.run = run
        self.max_batch_size = max_batch_size
        self.max_batch_delay_ms = max_batch_delay_ms
        self.max_queue_size = max_queue_size
        self.queued = 0  # images in the queue
        self._queue: deque[Waiting] = deque()
        self._changed = asyncio.Event()
        self._stopping = False

    async def __aenter__(self) -> Self:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="batcher")
        self._worker = asyncio.create_task(self._work())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Answers everyone still waiting, then ends."""
        self._stopping = True
        self._changed.set()
        await self._worker
        self._thread.shutdown()

    async def submit(self, images: Images) -> Probabilities:
        """(n, 28, 28) -> (n, 10). Raises `Overloaded` at the door when the queue is full, `Stopping` at the end."""
        if self._stopping:
            raise Stopping("The service is shutting down: send the request to another instance.")
        if self.queued + len(images) > self.max_queue_size:
            raise Overloaded(f"{self.queued} images are waiting already: send the request again a little later.")
        loop = asyncio.get_running_loop()
        parts = [
            Waiting(images[i : i + self.max_batch_size], loop.create_future())
            for i in range(0, len(images), self.max_batch_size)
        ]
        self._queue.extend(parts)
        self.queued += len(images)
        self._changed.set()
        answers = await asyncio.gather(*(part.future for part in parts))
        return answers[0] if len(answers) == 1 else np.concatenate(answers)

    async def _work(self) -> None:
        while batch := await self._next_batch():
            await self._answer(batch)

    async def _next_batch(self) -> list[Waiting]:
        """Waits for the first, takes as many as fit. Empty only when stopping and nobody is left."""
        while True:
            while not self._queue:
                if self._stopping:
                    return []
                await self._next_change()
            if self.max_batch_delay_ms:
                await self._fill()
            if batch := self._take():
                return batch

    async def _fill(self) -> None:
        """Lets the first wait for company, until the batch is full or its time is over."""
        try:
            async with asyncio.timeout(self.max_batch_delay_ms / 1000):
                while self.queued < self.max_batch_size and not self._stopping:
                    await self._next_change()
        except TimeoutError:
            pass

    async def _next_change(self) -> None:
        self._changed.clear()
        await self._changed.wait()

    def _take(self) -> list[Waiting]:
        """From the front of the queue as many as fit, without those whose caller has left."""
        batch: list[Waiting] = []
        size = 0
        while self._queue and size + len(self._queue[0].images) <= self.max_batch_size:
            waiting = self._queue.popleft()
            self.queued -= len(waiting.images)
            if not waiting.future.done():
                batch.append(waiting)
                size += len(waiting.images)
        return batch

    async def _answer(self, batch: list[Waiting]) -> None:
        images = batch[0].images if len(batch) == 1 else np.concatenate([waiting.images for waiting in batch])
        try:
            # In a thread, so that the loop goes on reading pictures for the next batch meanwhile.
            answers = await asyncio.get_running_loop().run_in_executor(self._thread, self.run, images)
        except Exception:
            logger.exception("a batch of %d images failed", len(images))
            for waiting in batch:
                if not waiting.future.done():
                    waiting.future.set_exception(InternalError())
            return
        start = 0
        for waiting in batch:
            end = start + len(waiting.images)
            if not waiting.future.done():  # its caller left while the batch ran
                waiting.future.set_result(answers[start:end])
            start = end
