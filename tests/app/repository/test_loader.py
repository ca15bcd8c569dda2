"""A disk or a graph that hangs is refused, and hangs neither other models nor requests."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from app.errors import ModelNotFound, ModelRefused, ModelUnreadable, NotReady
from app.inference.session import Model
from app.repository import manifest, precision, version_folders
from app.repository.manifest import GRAPH_FILE, MANIFEST_FILE, Graphs
from app.repository.repository import ModelRepository
from app.repository.version_folders import LABELS_FILE
from tests.support.constant_model import write_version
from tests.support.servables import BATCH, zeros
from tests.support.service import TIMEOUT_S


@pytest.fixture
def hang() -> Iterator[threading.Event]:
    """What hangs waits for it; it is set at the test's end."""
    event = threading.Event()
    yield event
    event.set()


@pytest.fixture(autouse=True)
def short_deadlines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.repository.loader.SCAN_SECONDS", 1)
    monkeypatch.setattr("app.repository.repository.START_SECONDS", 0.2)


def repository(root: Path) -> ModelRepository:
    return ModelRepository(root, "cpu", BATCH, "m")


def two_models(root: Path) -> ModelRepository:
    write_version(root / "m", 1)
    write_version(root / "hung", 1)
    return repository(root)


def hang_folder(monkeypatch: pytest.MonkeyPatch, hang: threading.Event, name: str) -> list[str]:
    """Listing this folder hangs. Returns the attempts."""
    attempts: list[str] = []
    scan_model = version_folders.scan_model

    def hanging(folder: Path, served_as: str | None = None) -> version_folders.ModelFolder:
        if folder.name == name and not hang.is_set():
            attempts.append(name)
            hang.wait(TIMEOUT_S)
        return scan_model(folder, served_as)

    monkeypatch.setattr("app.repository.loader.scan_model", hanging)
    return attempts


def test_hung_folder_is_refused_once_it_is_overdue_and_other_models_are_reloaded(
    tmp_path: Path, hang: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario() -> None:
        async with two_models(tmp_path) as models:
            await models.reload()  # until both are loaded
            attempts = hang_folder(monkeypatch, hang, "hung")
            write_version(tmp_path / "m", 2)
            for _ in range(3):
                await models.reload()
            assert models.get("m", 2)
            assert models.refusals["hung"]["."].reason.startswith("hung: its folder does not answer")
            assert (await models.get("hung").predict(zeros(1))).shape == (1, 10)
            assert len(attempts) == 1  # one thread waits, however often it is tried
            states = [(state.name, state.version, state.ready) for state in await models.states()]
            assert states == [("hung", 1, True), ("m", 1, True), ("m", 2, True)]
            hang.set()
            while models.refusals:
                await asyncio.sleep(0.01)
                await models.reload()

    asyncio.run(scenario())


def test_hung_models_folder_is_refused_and_the_loaded_models_are_served(
    tmp_path: Path, hang: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario() -> None:
        async with two_models(tmp_path) as models:
            await models.reload()
            monkeypatch.setattr("app.repository.loader.find_models", lambda *_: hang.wait(TIMEOUT_S) and {})
            await models.reload()
            assert models.refusals["*"]["."].reason == (
                "the models folder does not answer; loaded versions are still served"
            )
            assert [state.name for state in await models.states()] == ["hung", "m"]
            with pytest.raises(ModelUnreadable):
                await models.load("m")
            assert (await models.get().predict(zeros(1))).shape == (1, 10)

    asyncio.run(scenario())


def test_service_starts_beside_a_hung_folder_but_not_on_one(
    tmp_path: Path, hang: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario() -> None:
        models = two_models(tmp_path)
        hang_folder(monkeypatch, hang, "hung")
        async with models:
            assert [served.manifest.name for served in models] == ["m"]
            while "hung" not in models.refusals:
                await asyncio.sleep(0.01)
        hang_folder(monkeypatch, hang, "m")
        with pytest.raises(ModelRefused, match="the default model cannot be served: m: its folder does not answer"):
            async with repository(tmp_path):
                pass
        monkeypatch.setattr("app.repository.loader.find_models", lambda *_: hang.wait(TIMEOUT_S) and {})
        with pytest.raises(ModelRefused, match="the models folder does not answer: name another one"):
            async with repository(tmp_path):
                pass

    asyncio.run(scenario())


def test_file_that_is_read_too_long_is_refused_and_tried_again(
    tmp_path: Path, hang: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario() -> None:
        async with two_models(tmp_path) as models:
            models._loader.timeout_s = 0.5
            read_version = manifest.read_version
            monkeypatch.setattr(
                "app.repository.version_folders.read_version",
                lambda *arguments: hang.wait(TIMEOUT_S) and read_version(*arguments),
            )
            write_version(tmp_path / "m", 2)
            await models.reload()
            assert models.refusals["m"]["2"].reason == "m/2: its files were not read within 0.5 s"
            assert models.get().manifest.version == 1
            models._loader.timeout_s = TIMEOUT_S
            hang.set()
            while models.refusals:  # its files are the same
                await asyncio.sleep(0.01)
                await models.reload()
            assert models.get().manifest.version == 2

    asyncio.run(scenario())


def test_graph_that_loads_too_long_is_refused_until_another_version_comes(
    tmp_path: Path, hang: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario() -> None:
        async with two_models(tmp_path) as models:
            models._loader.timeout_s = 0.5
            attempts: list[Graphs] = []

            def stuck(graphs: Graphs, *_: object) -> Model:
                attempts.append(graphs)
                hang.wait(TIMEOUT_S)
                raise ModelRefused("too late")

            with monkeypatch.context() as patched:
                patched.setattr("app.repository.loader.load_model", stuck)
                write_version(tmp_path / "m", 2)
                for _ in range(3):
                    await models.reload()
            assert models.refusals["m"]["2"].reason == "m/2: the graph was not loaded and run within 0.5 s"
            assert len(attempts) == 1
            models._loader.timeout_s = TIMEOUT_S
            write_version(tmp_path / "m", 3)
            await models.reload()
            assert models.get().manifest.version == 3

    asyncio.run(scenario())


def test_model_that_is_loading_when_the_service_starts_is_announced_and_then_served(
    tmp_path: Path, hang: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    load_model = precision.load_model

    def slow(*arguments: Any) -> Model:
        if threading.current_thread().name == "slow/1":
            hang.wait(TIMEOUT_S)
        return load_model(*arguments)

    async def scenario() -> None:
        monkeypatch.setattr("app.repository.loader.load_model", slow)
        async with repository(tmp_path) as models:
            with pytest.raises(NotReady, match="'slow' is being loaded"):
                models.get("slow")
            with pytest.raises(ModelNotFound):
                models.get("unknown")
            hang.set()
            while "slow" not in models.servables:
                await asyncio.sleep(0.01)

    write_version(tmp_path / "m", 1)
    write_version(tmp_path / "slow", 1)
    asyncio.run(scenario())


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
@pytest.mark.parametrize("name", [f"2/{MANIFEST_FILE}", f"2/{GRAPH_FILE}", LABELS_FILE])
@pytest.mark.parametrize("kind", ["pipe", "folder", "sparse"])
def test_file_of_another_kind_or_size_is_refused_without_being_read(tmp_path: Path, name: str, kind: str) -> None:
    async def scenario() -> None:
        async with repository(tmp_path) as models:
            write_version(tmp_path / "m", 2)
            path = tmp_path / "m" / name
            path.unlink(missing_ok=True)
            if kind == "pipe":
                os.mkfifo(path)
            elif kind == "folder":
                path.mkdir()
            else:
                with path.open("wb") as file:
                    file.truncate(2**40)
            await models.reload()
            (refusal,) = models.refusals["m"].values()
            assert path.name in refusal.reason
            assert models.get("m", 1)

    write_version(tmp_path / "m", 1)
    asyncio.run(scenario())
