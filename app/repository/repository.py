"""The served models: loaded, found by name and version, and replaced while requests are answered.

    scan -> the folders of each model, the newest version first -> read, checked, loaded, warmed up -> served
                                                                -> refused until their files change

A reload loads the new version, registers it in one assignment, and unloads the old one. Requests that hold the old one
finish on it. A refused version changes nothing of what is served.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

from app.errors import DeviceUnavailable, ModelNotFound, ModelRefused, StartupError
from app.inference.batcher import BatchSettings
from app.observability.metrics import observe_loaded
from app.repository.manifest import Manifest, read_version
from app.repository.refusal import WHOLE_FOLDER, Refusal, Refusals, reasons, report
from app.repository.servable import Servable, retire
from app.repository.signature import Signer
from app.repository.version_folders import (
    LABELS_FILE,
    FileStates,
    ModelFolder,
    VersionFolder,
    list_versions,
    parse_labels,
    scan,
)
from app.repository.version_policy import ALL_VERSIONS, VersionPolicy
from app.settings import DeviceChoice, parse_version

logger = logging.getLogger(__name__)


class VersionState(NamedTuple):
    """A version that is served, on disk, or both."""

    name: str
    version: int
    ready: bool
    reason: str  # why it is not served


@dataclass(frozen=True)
class VersionSettings:
    policy: VersionPolicy = ALL_VERSIONS
    poll_seconds: float = 0  # between two scans for changes on disk; 0: scan only at the start
    signer: Path | None = None  # the public key of who must have signed every version
    labels: Mapping[tuple[str, str], int] = field(default_factory=dict)  # (model, label) -> version; before labels.json


class ModelRepository:
    """The models under `root`: loaded by `async with`, found by `get`, reloaded when the disk changes or on demand."""

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
        self.servables: dict[str, dict[int, Servable]] = {}  # by model, then version
        self.labels: dict[str, dict[str, int]] = {}  # by model, from its labels.json
        self.refusals: dict[str, Refusals] = {}  # by model
        self._unloaded: set[str] = set()  # models that a client unloaded; only a client loads them again
        self._signer: Signer | None = None
        self._started = False
        self._reload_lock = asyncio.Lock()
        self._poll_task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        """Loads what is on disk. Other refusals than these are logged, and the service starts.

        Raises `StartupError` if no version of the default model can be served or the device is unavailable.
        """
        list_versions(self.root)
        self._signer = Signer.read(self.settings.signer) if self.settings.signer else None
        await self.reload()
        if self.default_model not in self.servables:
            raise ModelRefused(self._why_no_default())
        self._started = True
        if self.settings.poll_seconds:
            self._poll_task = asyncio.create_task(self._poll())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Graceful shutdown: answers all requests that wait, then closes the models."""
        if self._poll_task:
            self._poll_task.cancel()
            with suppress(asyncio.CancelledError):
                await self._poll_task
        await asyncio.gather(*(servable.close() for servable in self))

    def _why_no_default(self) -> str:
        name = self.default_model
        if name in self.refusals:
            return f"the default model cannot be served: {reasons(self.refusals[name])}"
        found = ", ".join(sorted(self.servables)) or "none"
        return f"{self.root} holds no version of the default model {name!r} that the policy serves (found: {found})"

    # --- what is served ---

    def get(self, name: str | None = None, version: int | None = None) -> Servable:
        """The named or the default model in the given or the newest version. Raises `ModelNotFound`."""
        versions = self.versions(name)
        if version is None:
            return versions[max(versions)]
        if version not in versions:
            raise ModelNotFound(
                f"There is no version {version} of {name or self.default_model}. {self._choices(name, versions)}"
            )
        return versions[version]

    def resolve(self, name: str | None = None, version: str | None = None) -> Servable:
        """The named or the default model in the version that a client names by its number or by a label.

        Without a version: the newest. Raises `ModelNotFound`, which names the versions and labels that there are.
        """
        if version is None:
            return self.get(name)
        number = parse_version(version)
        return self.get(name, self.version_of_label(name or self.default_model, version) if number is None else number)

    def versions(self, name: str | None = None) -> dict[int, Servable]:
        """All served versions of the named or the default model. Raises `ModelNotFound`."""
        name = name or self.default_model
        if name not in self.servables:
            served = ", ".join(sorted(self.servables)) or "none"
            raise ModelNotFound(f"There is no model {name!r}. Served: {served}.")
        return self.servables[name]

    def version_of_label(self, name: str, label: str) -> int:
        """Raises `ModelNotFound`."""
        version = self.settings.labels.get((name, label)) or self.labels.get(name, {}).get(label)
        if version is None:
            choices = self._choices(name, self.versions(name))
            raise ModelNotFound(f"There is no version or label {label!r} of {name}. {choices}")
        return version

    def _choices(self, name: str | None, versions: Iterable[int]) -> str:
        """For clients that asked for something else."""
        labels = self._all_labels(name or self.default_model)
        return f"Served: {', '.join(map(str, sorted(versions)))}; labels: {', '.join(sorted(labels)) or 'none'}."

    def _all_labels(self, name: str) -> dict[str, int]:
        """The version of each label; those of the settings come before those of labels.json."""
        from_settings = {label: number for (model, label), number in self.settings.labels.items() if model == name}
        return {**self.labels.get(name, {}), **from_settings}

    def labels_of(self, servable: Servable) -> list[str]:
        labels = self._all_labels(servable.manifest.name)
        return sorted(label for label, number in labels.items() if number == servable.manifest.version)

    def __iter__(self) -> Iterator[Servable]:
        """By name, then version."""
        for _, versions in sorted(self.servables.items()):
            for _, servable in sorted(versions.items()):
                yield servable

    async def states(self) -> list[VersionState]:
        """Every version that is served or on disk, by name, then version."""
        folders = await asyncio.to_thread(scan, self.root)
        on_disk = {(name, version.version) for name, folder in folders.items() for version in folder.versions}
        served = {(name, version) for name, versions in self.servables.items() for version in versions}
        return [
            VersionState(name, version, ready, "" if ready else self._why_not_served(name, version))
            for name, version in sorted(on_disk | served)
            for ready in [(name, version) in served]
        ]

    def _why_not_served(self, name: str, version: int) -> str:
        refusal = self.refusals.get(name, {}).get(str(version))
        return refusal.reason if refusal else "It is not loaded."

    # --- reload, load, unload ---

    async def reload(self) -> None:
        """Serves what is on disk now, except for models that a client unloaded."""
        async with self._reload_lock:
            folders = await asyncio.to_thread(scan, self.root)
            for name in sorted({*folders, *self.servables} - self._unloaded):
                await self._reload_model(name, folders.get(name, ModelFolder()))

    async def load(self, name: str) -> None:
        """Reloads one model, even if it was unloaded, and tries its refused versions again.

        Raises `ModelNotFound` if it is not on disk, `ModelRefused` if any version was refused; the others are served.
        """
        async with self._reload_lock:
            folder = (await asyncio.to_thread(scan, self.root)).get(name)
            if not folder:
                raise ModelNotFound(f"There is no version of {name!r} on disk to load.")
            self._unloaded.discard(name)
            await self._reload_model(name, folder, retry_refused=True)
            if name in self.refusals:
                raise ModelRefused(reasons(self.refusals[name]))

    async def unload(self, name: str) -> None:
        """Stops serving a model, after all requests that wait for it are answered. Raises `ModelNotFound`.

        This may be the default model: requests that name no model are then refused until it is loaded again.
        """
        async with self._reload_lock:
            self.versions(name)
            self._unloaded.add(name)
            self._set_refusals(name, {})
            await self._swap(name, {})

    async def _poll(self) -> None:
        while True:
            await asyncio.sleep(self.settings.poll_seconds)
            try:
                await self.reload()
            except Exception:
                logger.exception("scanning %s for changes failed", self.root)

    async def _reload_model(self, name: str, folder: ModelFolder, *, retry_refused: bool = False) -> None:
        """Serves the versions that the policy includes and that are not refused; if there are none, the loaded ones."""
        old = self.servables.get(name, {})
        new, refusals = await self._load_versions(folder, old, {} if retry_refused else self.refusals.get(name, {}))
        if old and not folder.versions:
            refusals[WHOLE_FOLDER] = Refusal(f"{name}: no version is left on disk; the loaded ones are still served")
        new = new or old
        try:
            self._set_labels(name, parse_labels(folder.labels, new))
        except ModelRefused as error:
            refusals[LABELS_FILE] = Refusal(f"{name}/{LABELS_FILE}: {error}")
        self._set_refusals(name, refusals)
        await self._swap(name, new)

    async def _load_versions(
        self, folder: ModelFolder, old: Mapping[int, Servable], refused_before: Refusals
    ) -> tuple[dict[int, Servable], Refusals]:
        """A refused version leaves its place to its loaded predecessor or, if there is none, to the next version."""
        versions: dict[int, Servable] = {}
        refusals: Refusals = {}
        for version in folder.versions:
            if self.settings.policy.includes(version.version, newer=len(versions)):
                entry = version.path.name
                servable = old.get(version.version)
                try:
                    servable = await self._load_version(version, servable, refused_before.get(entry))
                except ModelRefused as error:
                    refusals[entry] = Refusal(str(error), version.files)
                if servable:
                    versions[version.version] = servable
        return versions, refusals

    async def _load_version(self, folder: VersionFolder, old: Servable | None, refusal: Refusal | None) -> Servable:
        """The loaded one if nothing of it has changed. Unchanged files are not read. Raises `ModelRefused`."""
        if old and old.files == folder.files:
            return old
        if refusal and refusal.files == folder.files:
            raise ModelRefused(refusal.reason)
        manifest, graph = await asyncio.to_thread(read_version, folder.path, self._signer)
        if old and old.manifest == manifest:
            old.files = folder.files
            return old
        return await self._start(manifest, graph, folder.files)

    async def _start(self, manifest: Manifest, graph: bytes, files: FileStates) -> Servable:
        try:
            servable = await Servable.start(manifest, graph, files, self.device, self.batch)
        except StartupError as error:
            if isinstance(error, DeviceUnavailable) and not self._started:
                raise
            raise ModelRefused(f"{manifest.name}/{manifest.version}: {error}") from error
        self.device = servable.model.device  # what `auto` has chosen holds for all models
        return servable

    def _set_labels(self, name: str, labels: dict[str, int]) -> None:
        if labels != self.labels.get(name, {}):
            logger.info("labels of %s: %s", name, labels or "none")
        self.labels[name] = labels

    def _set_refusals(self, name: str, refusals: Refusals) -> None:
        report(name, self.refusals.pop(name, {}), refusals)
        if refusals:
            self.refusals[name] = refusals

    async def _swap(self, name: str, new: dict[int, Servable]) -> None:
        """Registers the new servables, and retires the old ones after all requests that wait for them are answered."""
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
            logger.info("unloaded %s version %d", name, version)
        await retire(servable for version, servable in old.items() if servable is not new.get(version))
