"""Models read from disk and loaded. Both may hang, so each has a thread of its own and a deadline."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TypeVar

from app.daemon_thread import DaemonThreads
from app.errors import ModelRefused, ModelUnreadable
from app.inference.session import Model
from app.repository.audit import Audit, read_audit
from app.repository.manifest import GRAPH_FILE, Graphs, Manifest, read_graph
from app.repository.precision import load_model
from app.repository.signature import Signer
from app.repository.version_folders import ModelFolder, VersionFolder, find_models, scan_model
from app.settings import DeviceChoice, PrecisionChoice

SCAN_SECONDS = 5  # after which a folder that is listed counts as hung
SCANS = 4  # folders listed at the same time

T = TypeVar("T")

logger = logging.getLogger(__name__)


class Loader:
    """What a repository does with its disk and with graphs."""

    def __init__(self, root: Path, default_model: str, timeout_s: float) -> None:
        """`timeout_s`: for reading a version, and for loading and warming it up."""
        self.root = root
        self.default_model = default_model
        self.timeout_s = timeout_s
        self.on_disk: dict[str, ModelFolder] = {}  # as last scanned
        self._threads = DaemonThreads()
        self._scans = asyncio.Semaphore(SCANS)

    async def find_models(self) -> dict[str, Path]:
        """The folder of each model, by name. Raises `ModelUnreadable`."""
        try:
            work = partial(find_models, self.root, self.default_model)
            models = await self._threads.run("models folder", work, SCAN_SECONDS)
        except TimeoutError as error:
            raise ModelUnreadable("the models folder does not answer") from error
        except OSError as error:
            raise ModelUnreadable(f"the models folder cannot be read ({error.strerror})") from error
        self.on_disk = {name: folder for name, folder in self.on_disk.items() if name in models}
        return models

    async def scan_model(self, name: str, folder: Path) -> ModelFolder:
        """What is in the folder of one model. Raises `ModelUnreadable`."""
        work = partial(scan_model, folder, name if folder == self.root else None)
        try:
            async with self._scans:
                self.on_disk[name] = await self._threads.run(f"folder of {name}", work, SCAN_SECONDS)
        except TimeoutError as error:
            raise ModelUnreadable(f"{name}: its folder does not answer; loaded versions are still served") from error
        except (FileNotFoundError, NotADirectoryError):  # a link to a file, or removed meanwhile
            return ModelFolder()
        except OSError as error:
            raise ModelUnreadable(f"{name}: its folder cannot be read ({error.strerror})") from error
        return self.on_disk[name]

    async def scan_all(self) -> None:
        """Brings `on_disk` up to date. Raises `ModelUnreadable` if the models folder cannot be read."""
        models = await self.find_models()
        scans = (self.scan_model(name, folder) for name, folder in models.items())
        await asyncio.gather(*scans, return_exceptions=True)

    async def read(self, name: str, folder: VersionFolder, signer: Signer | None) -> tuple[Manifest, Graphs]:
        """The manifest and the graphs. Raises `ModelRefused`."""
        where = f"{name}/{folder.version}"
        overdue = ModelUnreadable(f"{where}: its files were not read within {self.timeout_s:g} s")
        return await self._in_time(where, partial(folder.read, signer), overdue)

    async def read_audit(self, folder: VersionFolder, manifest: Manifest, signer: Signer | None) -> Audit | None:
        """The audit of a version that was just read; None if there is none to show."""
        where = f"{manifest.name}/{manifest.version}"
        try:
            work = partial(read_audit, folder.path, manifest, signer)
            return await self._threads.run(f"audit of {where}", work, SCAN_SECONDS)
        except TimeoutError:
            logger.warning("not shown: the audit of %s was not read within %d s", where, SCAN_SECONDS)
            return None

    async def read_graph(self, manifest: Manifest, folder: VersionFolder) -> bytes:
        """The float32 graph of a served version, for a client. Raises `ModelRefused` if it is no longer there."""
        where = f"{manifest.name}/{manifest.version}"
        try:
            work = partial(read_graph, folder.path / GRAPH_FILE, manifest)
            return await self._threads.run(f"graph of {where}", work, SCAN_SECONDS)
        except TimeoutError as error:
            raise ModelUnreadable(f"{where}: the disk does not answer") from error
        except OSError as error:
            raise ModelRefused(f"{where}: {GRAPH_FILE} cannot be read ({error.strerror})") from error

    async def load(
        self,
        manifest: Manifest,
        graphs: Graphs,
        device: DeviceChoice,
        precision: PrecisionChoice,
        max_batch_size: int,
    ) -> Model:
        """Loaded and warmed up. Raises `DeviceUnavailable` or `ModelRefused`."""
        where = f"{manifest.name}/{manifest.version}"
        overdue = ModelRefused(f"the graph was not loaded and run within {self.timeout_s:g} s")
        return await self._in_time(where, partial(load_model, graphs, device, precision, max_batch_size), overdue)

    async def _in_time(self, name: str, work: Callable[[], T], overdue: ModelRefused) -> T:
        try:
            return await self._threads.run(name, work, self.timeout_s)
        except TimeoutError as error:
            raise overdue from error
