"""A batcher that notes each request's waits and runs for its trace."""

from __future__ import annotations

import asyncio
import time
from weakref import WeakKeyDictionary

from app.arrays import Images, Probabilities
from app.inference.batcher import Batcher
from app.inference.fair_queue import BatchSlice
from app.observability.request_context import CURRENT_REQUEST, RequestTrace, TracedRun


class TracedBatcher(Batcher):
    """Stands in for `Batcher` while tracing; without tracing nothing is noted."""

    # By a request's future: its trace, and since when it waits for its next run.
    waits: WeakKeyDictionary[asyncio.Future[Probabilities], tuple[RequestTrace, float]]

    async def __aenter__(self) -> TracedBatcher:
        self.waits = WeakKeyDictionary()
        return await super().__aenter__()

    def submit(self, images: Images) -> asyncio.Future[Probabilities]:
        future = super().submit(images)
        context = CURRENT_REQUEST.get()
        if context and context.trace:
            now = time.perf_counter()
            context.trace.queued_at = context.trace.queued_at or now
            self.waits[future] = context.trace, now
        return future

    def _observe(self, batch: list[BatchSlice], images: int, seconds: float) -> None:
        super()._observe(batch, images, seconds)
        ended = time.perf_counter()
        for entry, _ in batch:
            if waiting := self.waits.get(entry.future):
                trace, since = waiting
                trace.runs.append(TracedRun(since, max(since, ended - seconds), ended, images))
                self.waits[entry.future] = trace, ended
