"""The models on disk and the ones being served.

models/<name>/<version>/   version: a whole number, the largest is served by default
    model.onnx             the graph
    manifest.json          what it is, where it came from, what it reaches
    card.md *.png          for people
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from app.batching import Batcher, BatchSettings
from app.errors import ModelNotFound, ModelRefused
from app.metrics import RunMetrics
from app.model import DeviceChoice, Images, Model, Probabilities

logger = logging.getLogger(__name__)

# Handing a batch to a thread and its answers back costs about this; a shorter run is cheaper in the event loop.
INLINE_SECONDS = 300e-6

GRAPH = "model.onnx"
MANIFEST = "manifest.json"


class Tensor(BaseModel):
    """A graph's input or output."""

    name: str
    dtype: str
    shape: list[str | int] = Field(description="A name stands for a size that varies.")


class Metric(BaseModel):
    """A figure and what it was measured on."""

    name: str
    value: float
    data: str = Field(description="The data it was measured on, and how many.")
    interval: tuple[float, float] | None = Field(default=None, description="95 % confidence interval.")


class Parity(BaseModel):
    """How far the exported graph is from the Keras model it was made from."""

    data: str
    batch_sizes: list[int]
    max_abs_difference: float = Field(description="Largest difference of any probability.")
    equal_argmax: bool


class Manifest(BaseModel):
    """Where a served graph came from and what it reaches."""

    model_config = ConfigDict(extra="forbid")

    name: str
    version: int
    created: str = Field(description="ISO 8601, UTC.")
    labels: list[str]
    inputs: list[Tensor]
    outputs: list[Tensor]
    sha256: str = Field(description="Of model.onnx.")
    bytes: int = Field(description="Of model.onnx.")
    parameters: int
    threshold: float = Field(description="`accepted` means a confidence of at least this.")
    temperature: float = Field(description="The logits are divided by it in the graph; fitted on validation digits.")
    data: dict[str, Any] = Field(description="What it was trained on, with digests.")
    seed: int
    config: dict[str, Any] = Field(description="The whole training config.")
    libraries: dict[str, str] = Field(description="The versions it was made with.")
    metrics: list[Metric]
    parity: Parity


@dataclass(frozen=True)
class Servable:
    """One version of one model, loaded. All protocols meet in `predict`."""

    manifest: Manifest
    model: Model
    batcher: Batcher

    async def predict(self, images: Images) -> Probabilities:
        """(n, 28, 28) -> (n, 10). Raises `Overloaded` or `Stopping`."""
        return await self.batcher.submit(images)


class ModelRepository:
    """Every version under `root`, loaded by `async with` and found by `get`."""

    def __init__(self, root: Path, device: DeviceChoice, batch: BatchSettings, default_model: str) -> None:
        self.root = root
        self.device = device
        self.batch = batch
        self.default_model = default_model
        self.servables: dict[str, dict[int, Servable]] = {}
        self._running = AsyncExitStack()

    async def __aenter__(self) -> Self:
        """Raises `StartupError` if a version is refused, if there is none, or if the device cannot be had."""
        for folder in version_folders(self.root):
            servable = await self._load(folder)
            self.servables.setdefault(servable.manifest.name, {})[servable.manifest.version] = servable
        if self.default_model not in self.servables:
            found = ", ".join(sorted(self.servables)) or "none"
            raise ModelRefused(f"the default model {self.default_model!r} is not in {self.root} (found: {found})")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Answers everyone still waiting, then lets the models go."""
        await self._running.aclose()

    async def _load(self, folder: Path) -> Servable:
        manifest, graph = read_version(folder)
        model = Model(graph, self.device, max_batch_size=self.batch.max_batch_size)
        model.warm_up()
        metrics = RunMetrics.of(manifest.name, manifest.version)
        batcher = Batcher(model.run, self.batch, metrics, inline_images=inline_images(model))
        servable = Servable(manifest, model, await self._running.enter_async_context(batcher))
        self.device = model.device  # what `auto` found holds for every model
        logger.info("loaded %s version %d on %s", manifest.name, manifest.version, model.device)
        return servable

    def get(self, name: str | None = None, version: int | None = None) -> Servable:
        """The servable named, or the default; the version asked for, or the largest. Raises `ModelNotFound`."""
        versions = self.versions(name)
        if version is None:
            return versions[max(versions)]
        if version not in versions:
            have = ", ".join(map(str, sorted(versions)))
            raise ModelNotFound(f"There is no version {version} of {name or self.default_model}: there is {have}.")
        return versions[version]

    def versions(self, name: str | None = None) -> dict[int, Servable]:
        """All versions of a model. Raises `ModelNotFound`."""
        name = name or self.default_model
        if name not in self.servables:
            raise ModelNotFound(f"There is no model {name!r}: there is {', '.join(sorted(self.servables))}.")
        return self.servables[name]

    def __iter__(self) -> Iterator[Servable]:
        """By name, then version."""
        for _, versions in sorted(self.servables.items()):
            for _, servable in sorted(versions.items()):
                yield servable


def inline_images(model: Model) -> int:
    """How many images may be run in the event loop itself: as many as take no longer than `INLINE_SECONDS`."""
    if model.device != "cpu":
        return 0  # the wait for a GPU is time in which the loop can do something else
    return int(INLINE_SECONDS / model.seconds_per_image)


def version_folders(root: Path) -> list[Path]:
    """models/<name>/<whole number>, in order. Raises `ModelRefused` if there is nothing to serve."""
    if not root.is_dir():
        raise ModelRefused(f"there is no models folder {root}: name one with --models or DIGITS_MODELS")
    folders = [folder for folder in root.glob("*/*") if folder.is_dir() and folder.name.isdecimal()]
    if not folders:
        raise ModelRefused(f"{root} holds no models/<name>/<version>: publish one with python -m training publish")
    return sorted(folders, key=lambda folder: (folder.parent.name, int(folder.name)))


def newest_version(root: Path, name: str) -> Path:
    """The folder of a model's largest version. Raises `ModelRefused` if there is no such model."""
    folders = [folder for folder in version_folders(root) if folder.parent.name == name]
    if not folders:
        raise ModelRefused(f"{root} holds no model {name!r}")
    return folders[-1]


def read_version(folder: Path) -> tuple[Manifest, bytes]:
    """The manifest and the graph's bytes, checked against each other and the folder. Raises `ModelRefused`."""
    where = f"{folder.parent.name}/{folder.name}"
    try:
        manifest = Manifest.model_validate_json((folder / MANIFEST).read_bytes())
        graph = (folder / GRAPH).read_bytes()
    except OSError as error:
        raise ModelRefused(f"{where}: {Path(str(error.filename)).name} cannot be read ({error.strerror})") from error
    except ValidationError as error:
        first = error.errors()[0]
        raise ModelRefused(f"{where}: {MANIFEST} is wrong at {first['loc']}: {first['msg']}") from error
    if (manifest.name, manifest.version) != (folder.parent.name, int(folder.name)):
        raise ModelRefused(f"{where}: its manifest says it is {manifest.name}/{manifest.version}")
    if hashlib.sha256(graph).hexdigest() != manifest.sha256:
        raise ModelRefused(f"{where}: {GRAPH} is not the file its manifest describes (the sha256 differs)")
    return manifest, graph
