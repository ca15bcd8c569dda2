"""The models on disk and the ones being served.

models/<name>/<version>/   version: a whole number, the largest is served by default
    model.onnx             the graph
    manifest.json          what it is, where it came from, what it reaches
    card.md *.png          for people
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import Awaitable, Iterable, Iterator, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from app.batching import Batcher, BatchSettings
from app.errors import ModelNotFound, ModelRefused
from app.metrics import RunMetrics, observe_loaded
from app.model import DeviceChoice, Images, Model, Probabilities

logger = logging.getLogger(__name__)

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


@dataclass(eq=False)
class Servable:
    """One version of one model, loaded. All protocols meet in `predict`."""

    manifest: Manifest
    model: Model
    batcher: Batcher
    running: AsyncExitStack  # what ends with it: the batcher
    retired: bool = False  # another version has its place, or none

    def predict(self, images: Images) -> Awaitable[Probabilities]:
        """(n, 28, 28) -> (n, 10). Raises `Overloaded` or `Stopping`, and, awaited, `DeadlineExceeded`."""
        if self.retired:  # whoever held it then ends on it; they are few, so they need no batch
            return asyncio.to_thread(self.model.run, images)
        return self.batcher.submit(images)

    async def close(self) -> None:
        """Answers everyone still waiting first."""
        await self.running.aclose()


class VersionState(NamedTuple):
    """A version that is served, on disk, or both."""

    name: str
    version: int
    ready: bool
    reason: str  # why it is not served


class ModelRepository:
    """Every version under `root`, loaded by `async with` and found by `get`; exchanged by `load` and `unload`."""

    def __init__(self, root: Path, device: DeviceChoice, batch: BatchSettings, default_model: str) -> None:
        self.root = root
        self.device = device
        self.batch = batch
        self.default_model = default_model
        self.servables: dict[str, dict[int, Servable]] = {}
        self.refused: dict[str, str] = {}  # why a model could not be loaded anew
        self._changing = asyncio.Lock()

    async def __aenter__(self) -> Self:
        """Raises `StartupError` if a version is refused, if there is none, or if the device cannot be had."""
        for name, folders in by_name(version_folders(self.root)).items():
            self.servables[name] = await self._open(folders, {})
        if self.default_model not in self.servables:
            found = ", ".join(sorted(self.servables)) or "none"
            raise ModelRefused(f"the default model {self.default_model!r} is not in {self.root} (found: {found})")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Answers everyone still waiting, then lets the models go."""
        await asyncio.gather(*(servable.close() for servable in self))

    async def load(self, name: str) -> None:
        """Serves the versions of a model that are on disk now, all or, if one is refused, those from before.

        A version whose manifest is the same stays as it is. Requests that hold a version that goes end on it. Raises
        `ModelNotFound` if there is none on disk, or `ModelRefused`.
        """
        async with self._changing:
            folders = by_name(await asyncio.to_thread(folders_of, self.root)).get(name)
            if not folders:
                raise ModelNotFound(f"There is no version of {name!r} on disk to load.")
            old = self.servables.get(name, {})
            try:
                new = await self._open(folders, old)
            except ModelRefused as error:
                self.refused[name] = str(error)
                raise
            self.refused.pop(name, None)
            self.servables[name] = new
            await retire(servable for servable in old.values() if servable not in new.values())

    async def unload(self, name: str) -> None:
        """Serves a model no longer, once everyone who waits for it is answered. Raises `ModelNotFound`.

        The default model too: a request that names no model is then told that there is none, until it is loaded again.
        """
        async with self._changing:
            old = self.versions(name)
            del self.servables[name]
            await retire(old.values())

    async def states(self) -> list[VersionState]:
        """Every version that is served or on disk, by name, then version."""
        on_disk = {(each.parent.name, int(each.name)) for each in await asyncio.to_thread(folders_of, self.root)}
        served = {(each.manifest.name, each.manifest.version) for each in self}
        return [
            VersionState(*each, ready=each in served, reason="" if each in served else self._why_not(each[0]))
            for each in sorted(on_disk | served)
        ]

    def _why_not(self, name: str) -> str:
        return self.refused.get(name, "It is not loaded.")

    async def _open(self, folders: Iterable[Path], old: Mapping[int, Servable]) -> dict[int, Servable]:
        """The versions in these folders, those of `old` that have not changed among them. Raises `ModelRefused`."""
        versions = {}
        for folder in folders:
            manifest, graph = await asyncio.to_thread(read_version, folder)
            known = old.get(manifest.version)
            unchanged = known if known and known.manifest == manifest else None
            versions[manifest.version] = unchanged or await self._start(manifest, graph)
        return versions

    async def _start(self, manifest: Manifest, graph: bytes) -> Servable:
        model = await asyncio.to_thread(warm_model, graph, self.device, self.batch.max_batch_size)
        self.device = model.device  # what `auto` found holds for every model
        metrics = RunMetrics.of(manifest.name, manifest.version)
        batcher = Batcher(model.run, self.batch, metrics, seconds_per_image=model.seconds_per_image)
        running = AsyncExitStack()
        await running.enter_async_context(batcher)
        observe_loaded(manifest.name, manifest.version, model.device, loaded=True)
        logger.info("loaded %s version %d on %s", manifest.name, manifest.version, model.device)
        return Servable(manifest, model, batcher, running)

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
            have = ", ".join(sorted(self.servables)) or "none"
            raise ModelNotFound(f"There is no model {name!r}: there is {have}.")
        return self.servables[name]

    def __iter__(self) -> Iterator[Servable]:
        """By name, then version."""
        for _, versions in sorted(self.servables.items()):
            for _, servable in sorted(versions.items()):
                yield servable


async def retire(servables: Iterable[Servable]) -> None:
    """Closes what is served no longer. Whoever holds one may go on asking it."""
    leaving = list(servables)
    for servable in leaving:
        servable.retired = True
        name, version = servable.manifest.name, servable.manifest.version
        observe_loaded(name, version, servable.model.device, loaded=False)
        logger.info("%s version %d is served no longer", name, version)
    await asyncio.gather(*(servable.close() for servable in leaving))


def warm_model(graph: bytes, device: DeviceChoice, max_batch_size: int) -> Model:
    model = Model(graph, device, max_batch_size=max_batch_size)
    model.warm_up()
    return model


def version_folders(root: Path) -> list[Path]:
    """models/<name>/<whole number>, in order. Raises `ModelRefused` if there is nothing to serve."""
    if not root.is_dir():
        raise ModelRefused(f"there is no models folder {root}: name one with --models or DIGITS_MODELS")
    folders = folders_of(root)
    if not folders:
        raise ModelRefused(f"{root} holds no models/<name>/<version>: publish one with python -m training publish")
    return folders


def folders_of(root: Path) -> list[Path]:
    """models/<name>/<whole number>, in order, if there are any."""
    folders = [folder for folder in root.glob("*/*") if folder.is_dir() and folder.name.isdecimal()]
    return sorted(folders, key=lambda folder: (folder.parent.name, int(folder.name)))


def by_name(folders: Iterable[Path]) -> dict[str, list[Path]]:
    names: dict[str, list[Path]] = {}
    for folder in folders:
        names.setdefault(folder.parent.name, []).append(folder)
    return names


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
