"""The models that are served: loaded, found by name and version, and exchanged while requests go on.

    scan -> for each model its folders, the largest version first -> read, checked, loaded, warmed -> served
                                                                  -> refused, until its files change

A new version is loaded beside the old ones and takes its place in one assignment; whoever holds a servable ends on it.
What is refused changes nothing.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

from app.errors import DeviceUnavailable, ModelNotFound, ModelRefused, StartupError
from app.inference.batcher import BatchSettings
from app.observability.metrics import observe_loaded, observe_refused
from app.repository.manifest import (
    ALL,
    LABELS,
    Files,
    Manifest,
    ModelFolder,
    VersionFolder,
    VersionPolicy,
    read_labels,
    read_version,
    scan,
    version_folders,
)
from app.repository.servable import Servable, retire
from app.repository.signature import Signer
from app.settings import DeviceChoice

logger = logging.getLogger(__name__)


class VersionState(NamedTuple):
    """A version that is served, on disk, or both."""

    name: str
    version: int
    ready: bool
    reason: str  # why it is not served


class Refusal(NamedTuple):
    """Why something in a model's folder is not taken, and with which files it was not."""

    reason: str
    files: Files = frozenset()


Refusals = dict[str, Refusal]  # by the name of what is refused: a version, labels.json, or the folder itself as "."


@dataclass(frozen=True)
class VersionSettings:
    policy: VersionPolicy = ALL
    poll_seconds: float = 0  # between two looks for changes on disk; 0: there is no second
    signer: Path | None = None  # the public key of whoever must have signed a version
    labels: Mapping[tuple[str, str], int] = field(default_factory=dict)  # (model, label) -> version; they beat a file's


class ModelRepository:
    """The versions under `root`, loaded by `async with`, found by `get`, exchanged as the disk changes or on demand."""

    def __init__(
        self,
        root: Path,
        device: DeviceChoice,
        batch: BatchSettings,
        default_model: str,
        versions: VersionSettings | None = None,
    ) -> None:
        self.root = root
        self.device = device
        self.batch = batch
        self.default_model = default_model
        self.settings = versions or VersionSettings()
        self.servables: dict[str, dict[int, Servable]] = {}
        self.labels: dict[str, dict[str, int]] = {}  # of each model, as its file says
        self.refused: dict[str, Refusals] = {}  # of each model
        self._unloaded: set[str] = set()  # by a client, and not to be loaded but by one
        self._signer: Signer | None = None
        self._started = False
        self._changing = asyncio.Lock()
        self._watching: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        """Raises `StartupError` if the default model has no version that can be served, or the device cannot be had.

        Whatever else is refused is said, and the service starts: it would go on with it too.
        """
        version_folders(self.root)
        self._signer = Signer.read(self.settings.signer) if self.settings.signer else None
        await self.refresh()
        if self.default_model not in self.servables:
            raise ModelRefused(self._why_no_default())
        self._started = True
        if self.settings.poll_seconds:
            self._watching = asyncio.create_task(self._watch())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Answers everyone still waiting, then lets the models go."""
        if self._watching:
            self._watching.cancel()
            with suppress(asyncio.CancelledError):
                await self._watching
        await asyncio.gather(*(servable.close() for servable in self))

    def _why_no_default(self) -> str:
        name = self.default_model
        if name in self.refused:
            return f"the default model cannot be served: {reasons(self.refused[name])}"
        found = ", ".join(sorted(self.servables)) or "none"
        return f"the default model {name!r} is not in {self.root}, or in no version that is wanted (found: {found})"

    # --- what is served ---

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

    def labelled(self, name: str, label: str) -> int:
        """The version that bears a label. Raises `ModelNotFound`."""
        version = self.settings.labels.get((name, label)) or self.labels.get(name, {}).get(label)
        if version is None:
            raise ModelNotFound(f"Unrecognized servable version label: {label}")
        return version

    def labels_of(self, servable: Servable) -> list[str]:
        name, version = servable.manifest.name, servable.manifest.version
        set_here = {label: at for (model, label), at in self.settings.labels.items() if model == name}
        return sorted(label for label, at in {**self.labels.get(name, {}), **set_here}.items() if at == version)

    def __iter__(self) -> Iterator[Servable]:
        """By name, then version."""
        for _, versions in sorted(self.servables.items()):
            for _, servable in sorted(versions.items()):
                yield servable

    async def states(self) -> list[VersionState]:
        """Every version that is served or on disk, by name, then version."""
        on_disk = {
            (name, each.version)
            for name, folder in (await asyncio.to_thread(scan, self.root)).items()
            for each in folder.versions
        }
        served = {(each.manifest.name, each.manifest.version) for each in self}
        return [
            VersionState(*each, ready=each in served, reason="" if each in served else self._why_not(*each))
            for each in sorted(on_disk | served)
        ]

    def _why_not(self, name: str, version: int) -> str:
        refusal = self.refused.get(name, {}).get(str(version))
        return refusal.reason if refusal else "It is not loaded."

    # --- changes of it ---

    async def refresh(self) -> None:
        """Serves what is on disk now, but for what a client unloaded."""
        async with self._changing:
            found = await asyncio.to_thread(scan, self.root)
            for name in sorted({*found, *self.servables} - self._unloaded):
                await self._update(name, found.get(name, ModelFolder()))

    async def load(self, name: str) -> None:
        """The same for one model, also if it was unloaded, and once more for what was refused.

        Raises `ModelNotFound` if there is none on disk, or `ModelRefused` if a part of it was refused; the rest is
        served then.
        """
        async with self._changing:
            found = (await asyncio.to_thread(scan, self.root)).get(name)
            if not found:
                raise ModelNotFound(f"There is no version of {name!r} on disk to load.")
            self._unloaded.discard(name)
            await self._update(name, found, again=True)
            if name in self.refused:
                raise ModelRefused(reasons(self.refused[name]))

    async def unload(self, name: str) -> None:
        """Serves a model no longer, once everyone who waits for it is answered. Raises `ModelNotFound`.

        The default model too: a request that names no model is then told that there is none, until it is loaded again.
        """
        async with self._changing:
            self.versions(name)
            self._unloaded.add(name)
            self._tell(name, {})
            await self._exchange(name, {})

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(self.settings.poll_seconds)
            try:
                await self.refresh()
            except Exception:
                logger.exception("looking for changes in %s failed", self.root)

    async def _update(self, name: str, folder: ModelFolder, *, again: bool = False) -> None:
        """Serves of a model what is wanted and not refused; if that were nothing, what was served before."""
        old = self.servables.get(name, {})
        new, refused = await self._open(folder, old, {} if again else self.refused.get(name, {}))
        if old and not folder.versions:
            refused["."] = Refusal(f"{name}: no version of it is on disk any more, and it is served on")
        new = new or old
        try:
            self._label(name, read_labels(folder.labels, new))
        except ModelRefused as error:
            refused[LABELS] = Refusal(f"{name}/{LABELS}: {error}")
        self._tell(name, refused)
        await self._exchange(name, new)

    async def _open(
        self, folder: ModelFolder, old: Mapping[int, Servable], before: Refusals
    ) -> tuple[dict[int, Servable], Refusals]:
        """The versions that are wanted, and what is refused: that leaves its place to what had it, or to the next."""
        versions: dict[int, Servable] = {}
        refused: Refusals = {}
        for each in folder.versions:
            if self.settings.policy.wants(each.version, len(versions)):
                servable = old.get(each.version)
                try:
                    servable = await self._version(each, servable, before.get(each.path.name))
                except ModelRefused as error:
                    refused[each.path.name] = Refusal(str(error), each.files)
                if servable:
                    versions[each.version] = servable
        return versions, refused

    async def _version(self, folder: VersionFolder, old: Servable | None, refusal: Refusal | None) -> Servable:
        """The old one if only its files were touched; read only if they were. Raises `ModelRefused`."""
        if old and old.files == folder.files:
            return old
        if refusal and refusal.files == folder.files:
            raise ModelRefused(refusal.reason)
        manifest, graph = await asyncio.to_thread(read_version, folder.path, self._signer)
        if old and old.manifest == manifest:
            old.files = folder.files
            return old
        return await self._start(manifest, graph, folder.files)

    async def _start(self, manifest: Manifest, graph: bytes, files: Files) -> Servable:
        try:
            servable = await Servable.start(manifest, graph, files, self.device, self.batch)
        except StartupError as error:
            if isinstance(error, DeviceUnavailable) and not self._started:
                raise
            raise ModelRefused(f"{manifest.name}/{manifest.version}: {error}") from error
        self.device = servable.model.device  # what `auto` found holds for every model
        return servable

    def _label(self, name: str, labels: dict[str, int]) -> None:
        if labels != self.labels.get(name, {}):
            logger.info("labels of %s: %s", name, labels or "none")
        self.labels[name] = labels

    def _tell(self, name: str, refused: Refusals) -> None:
        """Says what is refused, once for the same files."""
        before = self.refused.pop(name, {})
        for _, refusal in refused.items() - before.items():
            logger.warning("refused: %s", refusal.reason)
        for entry in before.keys() ^ refused.keys():
            observe_refused(name, entry, refused=entry in refused)
        if refused:
            self.refused[name] = refused

    async def _exchange(self, name: str, new: dict[int, Servable]) -> None:
        """From here on `new` is served. What was before is let go once those who wait for it are answered."""
        old = self.servables.get(name, {})
        if new:
            self.servables[name] = new
        else:
            self.servables.pop(name, None)
        for version, servable in new.items():
            if servable is not old.get(version):
                observe_loaded(name, version, servable.model.device, loaded=True)
                logger.info("loaded %s version %d on %s", name, version, servable.model.device)
        for version in old.keys() - new.keys():
            observe_loaded(name, version, old[version].model.device, loaded=False)
            logger.info("%s version %d is served no longer", name, version)
        await retire(servable for version, servable in old.items() if servable is not new.get(version))


def reasons(refused: Refusals) -> str:
    return "; ".join(each.reason for _, each in sorted(refused.items()))
