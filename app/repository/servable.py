"""One loaded version of a model: its session and the batcher before it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Iterable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial
from typing import Self

from app.arrays import Images, Probabilities
from app.daemon_thread import in_daemon_thread
from app.inference.batcher import Batcher, BatchSettings
from app.inference.session import Model
from app.inference.traced_batcher import TracedBatcher
from app.observability.metrics import DriftMetrics, RunMetrics
from app.observability.request_context import CURRENT_REQUEST
from app.repository.audit import Audit
from app.repository.manifest import Manifest
from app.repository.version_folders import VersionFolder


@dataclass(eq=False)
class Servable:
    """One loaded version of one model. All protocols meet in `predict`."""

    manifest: Manifest
    folder: VersionFolder  # as it was when it was loaded or last found unchanged
    model: Model
    batcher: Batcher
    resources: AsyncExitStack  # closed with it: the batcher
    drift: DriftMetrics
    labels: tuple[str, str]  # name and version, as metrics have them
    audit: Audit | None = None  # for who asks about the version
    retired: bool = False  # it is no longer served: replaced or unloaded

    @classmethod
    async def start(cls, manifest: Manifest, folder: VersionFolder, model: Model, batch: BatchSettings) -> Self:
        """Accepts images for a model that is loaded and warmed up."""
        metrics = RunMetrics.of(manifest.name, manifest.version)
        batcher_class = TracedBatcher if batch.traced else Batcher
        batcher = batcher_class(model.run, batch, metrics, seconds_per_image=model.seconds_per_image)
        resources = AsyncExitStack()
        await resources.enter_async_context(batcher)
        drift = DriftMetrics.of(manifest.name, manifest.version)
        return cls(manifest, folder, model, batcher, resources, drift, (manifest.name, str(manifest.version)))

    def check_capacity(self) -> None:
        """Sheds load before pictures are decoded: raises what `predict` would raise for one image."""
        if not self.retired:
            self.batcher.check_capacity()

    async def predict(self, images: Images) -> Probabilities:
        """(n, 28, 28) -> (n, 10). Raises `Overloaded`, `NotReady`, `Stopping` or `InternalError`."""
        context = CURRENT_REQUEST.get()
        if context:
            context.model, context.decoded_at = self.labels, time.perf_counter()
        probabilities = await self.run(images)
        self.drift.observe(images, probabilities)
        if context:
            context.predicted_at = time.perf_counter()
        return probabilities

    def run(self, images: Images) -> Awaitable[Probabilities]:
        """Like `predict`, for images that no client sent: they do not count as predictions."""
        if self.retired:  # only the few requests that still hold it come here, so they need no batch
            return in_daemon_thread(partial(self.model.run, images), "retired model")
        return self.batcher.submit(images)

    async def close(self) -> None:
        """Graceful shutdown: answers all requests that wait first."""
        await self.resources.aclose()


async def retire(servables: Iterable[Servable]) -> None:
    """Closes servables that are no longer served. Requests that hold one may still use it."""
    retired = list(servables)
    for servable in retired:
        servable.retired = True
    await asyncio.gather(*(servable.close() for servable in retired))
