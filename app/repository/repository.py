"""The served models, loaded from disk and replaced while requests are answered.

    find_models -> scan each folder, the newest version first -> read, checked, loaded, warmed up -> served
                                                              -> refused until its files change

A reload loads the new version, registers it in one assignment, and unloads the old one. Requests that hold the old one
finish on it. A refused version changes nothing of what is served.

Models are reloaded beside each other, and whatever touches a disk or a graph has a deadline and a thread of its own
(`Loader`): a model that hangs is refused, and hangs neither another one nor a request.
"""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import Iterable
from contextlib import suppress
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Self

from app.audit.author import acting
from app.audit.log import AuditLog
from app.audit.record import Act
from app.errors import AuditUnavailable, DeviceUnavailable, ModelNotFound, ModelRefused, ModelUnreadable, StartupError
from app.inference.batcher import BatchSettings
from app.repository.exchange import exchanged, refused, relabelled
from app.repository.loader import Loader
from app.repository.manifest import Graphs, Manifest
from app.repository.refusal import ALL_MODELS, WHOLE_FOLDER, Refusal, Refusals, reasons, report
from app.repository.servable import Servable, retire
from app.repository.served_models import ServedModels
from app.repository.signature import Signer
from app.repository.version_folders import LABELS_FILE, ModelFolder, VersionFolder, describe_absence, parse_labels
from app.repository.version_policy import VersionSettings
from app.repository.version_states import VersionState, states_of
from app.settings import DeviceChoice

INDEX_SECONDS = 0.5  # for a scan during a request; after that the one before it holds
START_SECONDS = 5  # that the start waits for other models than the default one; they go on loading after that

logger = logging.getLogger(__name__)


class ModelRepository(ServedModels):
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
        self.settings = versions or VersionSettings()
        self.audit: AuditLog | None = None  # set before it is entered, where there is one
        super().__init__(default_model, self.settings.labels)
        self.refusals: dict[str, Refusals] = {}  # by model
        self._unloaded: set[str] = set()  # models that a client unloaded; only a client loads them again
        self._signer: Signer | None = None
        self._started = False
        self._loader = Loader(root, default_model, self.settings.load_timeout_s)
        self._locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)  # by model: one reload at a time
        self._reloads: dict[str, asyncio.Task[None]] = {}  # by model
        self._poll_task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        """Loads what is on disk, the default model first. Refusals of others are logged, and the service starts.

        Raises `StartupError` if no version of the default model can be served or the device is unavailable.
        """
        self._signer = Signer.read(self.settings.signer) if self.settings.signer else None
        try:
            models = await self._loader.find_models()
        except ModelUnreadable as error:
            raise ModelRefused(f"{error}: name another one than {self.root} with --models or DIGITS_MODELS") from error
        if self.default_model in models:
            await self._reload_model(self.default_model, models[self.default_model])
        self._started = self.default_model in self.servables
        await self.reload(START_SECONDS)
        if not self._started:
            await self.__aexit__(None, None, None)
            raise ModelRefused(self._why_no_default())
        if self.settings.poll_seconds:
            self._poll_task = asyncio.create_task(self._poll())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Graceful shutdown: answers all requests that wait, then closes the models."""
        tasks = [task for task in (self._poll_task, *self._reloads.values()) if task]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.gather(*(servable.close() for servable in self))

    def _why_no_default(self) -> str:
        name = self.default_model
        if name in self.refusals:
            return f"the default model cannot be served: {reasons(self.refusals[name])}"
        if not any(folder.versions for folder in self._loader.on_disk.values()):
            return describe_absence(self.root, self.default_model)
        found = ", ".join(sorted(self.servables)) or "none"
        return f"{self.root} holds no version of the default model {name!r} that the policy serves (found: {found})"

    # --- on disk ---

    async def states(self) -> list[VersionState]:
        """Every version that is served or on disk, by name, then version."""
        with suppress(TimeoutError, ModelUnreadable):
            async with asyncio.timeout(INDEX_SECONDS):
                await self._loader.scan_all()
        return states_of(self._loader.on_disk, self.servables, self.refusals)

    async def read_graph(self, servable: Servable) -> bytes:
        """The float32 graph. Raises `ModelRefused` if it is no longer on disk, `ModelUnreadable` if the disk hangs."""
        return await self._loader.read_graph(servable.manifest, servable.folder)

    # --- reload, load, unload ---

    async def reload(self, patience_s: float | None = None) -> None:
        """Serves what is on disk now, except for models that a client unloaded.

        Models that take longer than `patience_s` go on loading after it.
        """
        try:
            models = await self._loader.find_models()
        except ModelUnreadable as error:
            refusals = {WHOLE_FOLDER: Refusal(f"{error}; loaded versions are still served")}
            await self._record(refused(ALL_MODELS, self.refusals.get(ALL_MODELS, {}), refusals))
            self._set_refusals(ALL_MODELS, refusals)
            return
        self._set_refusals(ALL_MODELS, {})
        for name in sorted({*models, *self.servables, *self.refusals} - self._unloaded - self._reloads.keys()):
            task = asyncio.create_task(self._reload_model(name, models.get(name)))
            self._reloads[name] = task
            task.add_done_callback(partial(self._end_reload, name))
        if self._reloads:
            await asyncio.wait(self._reloads.values(), timeout=patience_s)

    def _end_reload(self, name: str, task: asyncio.Task[None]) -> None:
        del self._reloads[name]
        if task.cancelled():
            return
        error = task.exception()
        if error and not isinstance(error, AuditUnavailable):  # which is logged already
            logger.error("reloading %s failed", name, exc_info=error)

    async def load(self, name: str) -> None:
        """Reloads one model, even if it was unloaded, and tries its refused versions again.

        Raises `ModelNotFound` if it is not on disk, `ModelRefused` if any version was refused; the others are served.
        A caller that is cancelled does not stop it.
        """
        await asyncio.shield(self._load(name))

    async def _load(self, name: str) -> None:
        folder = (await self._loader.find_models()).get(name)
        if not folder or not (await self._loader.scan_model(name, folder)).versions:
            raise ModelNotFound(f"There is no version of {name!r} on disk to load.")
        self._unloaded.discard(name)
        await self._reload_model(name, folder, retry_refused=True)
        if name in self.refusals:
            raise ModelRefused(reasons(self.refusals[name]))

    async def unload(self, name: str) -> None:
        """Stops serving a model, after all requests that wait for it are answered. Raises `ModelNotFound`.

        This may be the default model: the service is not ready then until it is loaded again.
        """
        self.versions(name)
        async with self._locks[name]:
            await self._record(exchanged(name, self.servables.get(name, {}), {}))
            self._unloaded.add(name)
            self._set_refusals(name, {})
            await self.replace(name, {})

    async def _poll(self) -> None:
        while True:
            await asyncio.sleep(self.settings.poll_seconds)
            try:
                with acting("poll"):
                    await self.reload(self.settings.poll_seconds)
            except AuditUnavailable:
                continue  # logged already
            except Exception:
                logger.exception("scanning %s for changes failed", self.root)

    async def _reload_model(self, name: str, path: Path | None, *, retry_refused: bool = False) -> None:
        async with self._locks[name]:
            if name in self._unloaded:  # meanwhile
                return
            before = self.refusals.get(name, {})
            try:
                folder = await self._loader.scan_model(name, path) if path else ModelFolder()
            except ModelUnreadable as error:
                refusals = {**before, WHOLE_FOLDER: Refusal(str(error))}
                await self._record(refused(name, before, refusals))
                self._set_refusals(name, refusals)
            else:
                await self._serve(name, folder, {} if retry_refused else before)

    async def _serve(self, name: str, folder: ModelFolder, before: Refusals) -> None:
        """Serves the versions that the policy includes and that are not refused; if there are none, the loaded ones."""
        old = self.servables.get(name, {})
        new, refusals = await self._load_versions(name, folder, before)
        refusals |= {entry: Refusal(f"{name}/{entry}: {problem}") for entry, problem in folder.problems.items()}
        if old and not folder.versions:
            refusals[WHOLE_FOLDER] = Refusal(f"{name}: no version is left on disk; the loaded ones are still served")
        new = new or old
        labels = self.labels.get(name, {})
        if LABELS_FILE not in folder.problems:
            try:
                labels = parse_labels(folder.labels, new)
            except ModelRefused as error:
                provisional = self._polls() and LABELS_FILE not in before
                refusals[LABELS_FILE] = Refusal(f"{name}/{LABELS_FILE}: {error}", provisional=provisional)
        try:
            await self._record_exchange(name, new, labels, refusals)
        except AuditUnavailable:
            await retire(servable for version, servable in new.items() if servable is not old.get(version))
            raise
        self.set_labels(name, labels)
        self._set_refusals(name, refusals)
        await self.replace(name, new)

    async def _record_exchange(
        self, name: str, new: dict[int, Servable], labels: dict[str, int], refusals: Refusals
    ) -> None:
        """Before it happens, so that nothing is served of which the audit log does not know. Raises as `_record`."""
        await self._record(
            [
                *refused(name, self.refusals.get(name, {}), refusals),
                *exchanged(name, self.servables.get(name, {}), new),
                *relabelled(name, self.labels.get(name, {}), labels),
            ]
        )

    async def _record(self, acts: Iterable[Act]) -> None:
        """Raises `AuditUnavailable`."""
        if self.audit:
            await self.audit.record(*acts)

    def _polls(self) -> bool:
        return self._started and self.settings.poll_seconds > 0

    async def _load_versions(
        self, name: str, folder: ModelFolder, before: Refusals
    ) -> tuple[dict[int, Servable], Refusals]:
        """A refused version leaves its place to its loaded predecessor or, if there is none, to the next version."""
        old = self.servables.get(name, {})
        versions: dict[int, Servable] = {}
        refusals: Refusals = {}
        for version in folder.versions:
            if self.settings.policy.includes(version.version, newer=len(versions)):
                entry = str(version.version)
                servable = old.get(version.version)
                try:
                    servable = await self._load_version(name, version, before.get(entry))
                except ModelRefused as error:
                    changing = self._polls() and (entry not in before or before[entry].files != version.files)
                    refusals[entry] = Refusal(str(error), version.files, isinstance(error, ModelUnreadable), changing)
                if servable:
                    versions[version.version] = servable
        return versions, refusals

    async def _load_version(self, name: str, folder: VersionFolder, refusal: Refusal | None) -> Servable:
        """The loaded one if nothing of it has changed. Unchanged files are not read. Raises `ModelRefused`."""
        old = self.servables.get(name, {}).get(folder.version)
        if old and old.folder == folder:
            return old
        if refusal and refusal.files == folder.files and not refusal.transient:
            raise ModelRefused(refusal.reason)
        self.loading.add(name)
        try:
            manifest, graphs = await self._loader.read(name, folder, self._signer)
            audit = await self._loader.read_audit(folder, manifest, self._signer)
            if old and old.manifest == manifest:
                old.folder, old.audit = folder, audit
                return old
            servable = await self._start(manifest, graphs, folder)
            servable.audit = audit
            return servable
        finally:
            self.loading.discard(name)

    async def _start(self, manifest: Manifest, graphs: Graphs, folder: VersionFolder) -> Servable:
        try:
            model = await self._loader.load(
                manifest, graphs, self.device, self.settings.precision, self.batch.max_batch_size
            )
        except StartupError as error:
            if isinstance(error, DeviceUnavailable) and not self._started:
                raise
            raise ModelRefused(f"{manifest.name}/{manifest.version}: {error}") from error
        self.device = model.device  # what `auto` has chosen holds for all models
        return await Servable.start(manifest, folder, model, self.batch)

    def _set_refusals(self, name: str, refusals: Refusals) -> None:
        report(name, self.refusals.pop(name, {}), refusals)
        if refusals:
            self.refusals[name] = refusals
