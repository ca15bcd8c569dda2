"""One version of a model, loaded and answering: its session, the batcher before it, and how it is let go."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Iterable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Self

from app.arrays import Images, Probabilities
from app.inference.batcher import Batcher, BatchSettings
from app.inference.memory import trim_memory
from app.inference.session import Model
from app.observability.metrics import Drift, RunMetrics
from app.observability.request_context import CURRENT
from app.repository.manifest import Files, Manifest
from app.settings import DeviceChoice


@dataclass(eq=False)
class Servable:
    """One version of one model, loaded. All protocols meet in `predict`."""

    manifest: Manifest
    files: Files  # on disk, when they were last looked at
    model: Model
    batcher: Batcher
    running: AsyncExitStack  # what ends with it: the batcher
    drift: Drift
    retired: bool = False  # another version has its place, or none

    @classmethod
    async def start(
        cls, manifest: Manifest, graph: bytes, files: Files, device: DeviceChoice, batch: BatchSettings
    ) -> Self:
        """Warm and taking images. Raises `DeviceUnavailable` or `ModelRefused`."""
        model = await asyncio.to_thread(warm_model, graph, device, batch.max_batch_size)
        metrics = RunMetrics.of(manifest.name, manifest.version)
        batcher = Batcher(model.run, batch, metrics, seconds_per_image=model.seconds_per_image)
        running = AsyncExitStack()
        await running.enter_async_context(batcher)
        drift = Drift.of(manifest.name, manifest.version)
        return cls(manifest, files, model, batcher, running, drift)

    def check_capacity(self) -> None:
        """Before the work of reading pictures is done. Raises `Overloaded` or `Stopping` where no image is taken."""
        if not self.retired:
            self.batcher.check_capacity()

    async def predict(self, images: Images) -> Probabilities:
        """(n, 28, 28) -> (n, 10). Raises `Overloaded`, `Stopping` or `DeadlineExceeded`."""
        asked = time.perf_counter()
        probabilities = await self.ask(images)
        self.drift.observe(images, probabilities)
        if context := CURRENT.get():
            context.asked, context.answered = asked, time.perf_counter()
        return probabilities

    def ask(self, images: Images) -> Awaitable[Probabilities]:
        """The same for images that nobody sent: they do not count as such."""
        if self.retired:  # whoever held it then ends on it; they are few, so they need no batch
            return asyncio.to_thread(self.model.run, images)
        return self.batcher.submit(images)

    async def close(self) -> None:
        """Answers everyone still waiting first."""
        await self.running.aclose()


def warm_model(graph: bytes, device: DeviceChoice, max_batch_size: int) -> Model:
    model = Model(graph, device, max_batch_size=max_batch_size)
    model.warm_up()
    trim_memory()  # 0.4 ms; 120 exchanges of `digits` keep 3 to 5 MB of the process, without it 11
    return model


async def retire(servables: Iterable[Servable]) -> None:
    """Closes what is served no longer. Whoever holds one may go on asking it."""
    leaving = list(servables)
    for servable in leaving:
        servable.retired = True
    await asyncio.gather(*(servable.close() for servable in leaving))
