"""What is served is what is wanted and sound on disk; it is exchanged without a request lost."""

from __future__ import annotations

import asyncio
import gc
import logging
import shutil
import threading
import time
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from app.errors import DeviceUnavailable, ModelNotFound, ModelRefused, Stopping
from app.inference.session import Model
from app.observability import metrics
from app.repository.manifest import GRAPH_FILE, MANIFEST_FILE, Manifest, read_version
from app.repository.repository import ModelRepository, VersionSettings
from app.repository.signature import Signer
from app.repository.version_folders import LABELS_FILE
from app.repository.version_policy import VersionPolicy
from tests.app.repository.test_manifest import add_version, copy_versions, edit
from tests.app.repository.test_servable import BATCH, slow_down, zeros
from tests.conftest import PREVIOUS, ROOT
from tests.support.constant_model import graph_of, write_version


@pytest.fixture
def copied(models: Path, tmp_path: Path) -> Path:
    """A models folder of one's own with versions 1, 2 and 10 of one model."""
    return copy_versions(models, tmp_path)


def repository(root: Path, default: str = "digits-mlp", policy: str = "all", **settings: Any) -> ModelRepository:
    return ModelRepository(root, "cpu", BATCH, default, VersionSettings(VersionPolicy.parse(policy), **settings))


def test_newest_version_answers_and_each_can_be_asked_for(copied: Path) -> None:
    async def scenario() -> None:
        async with repository(copied) as models:
            assert models.get().manifest.version == 10
            assert models.get("digits-mlp", 2).manifest.version == 2
            assert [each.manifest.version for each in models] == [1, 2, 10]
            with pytest.raises(ModelNotFound, match="Served: 1, 2, 10"):
                models.get("digits-mlp", 3)
            with pytest.raises(ModelNotFound, match="'letters'"):
                models.get("letters")

    asyncio.run(scenario())


# --- loading and unloading -------------------------------------------------------------------------------------------


def versions_of(models: ModelRepository) -> list[int]:
    return [each.manifest.version for each in models]


def test_load_serves_what_is_on_disk_now(copied: Path) -> None:
    async def scenario() -> None:
        async with repository(copied) as models:
            first = models.get("digits-mlp", 1)
            shutil.rmtree(copied / "digits-mlp/2")
            add_version(copied, 11)
            await models.load("digits-mlp")
            assert versions_of(models) == [1, 10, 11]
            assert models.get().manifest.version == 11
            assert (await models.get().predict(zeros(3))).shape == (3, 10)
            assert models.get("digits-mlp", 1) is first  # it has not changed

    asyncio.run(scenario())


def test_version_whose_manifest_changed_is_loaded_anew(copied: Path) -> None:
    async def scenario() -> None:
        async with repository(copied) as models:
            old = models.get("digits-mlp", 1)
            edit(copied / "digits-mlp/1", threshold=0.123)
            await models.load("digits-mlp")
            new = models.get("digits-mlp", 1)
            assert new is not old
            assert new.manifest.threshold == 0.123

    asyncio.run(scenario())


def test_request_that_holds_a_version_ends_on_it(copied: Path) -> None:
    """Both the one that waits in its queue and the one that only comes to it when it is served no longer."""

    async def scenario() -> None:
        async with repository(copied) as models:
            held = models.get()
            slow_down(held, 0.2)
            waiting = asyncio.ensure_future(held.predict(zeros(2)))
            await asyncio.sleep(0.05)
            unloading = asyncio.create_task(models.unload("digits-mlp"))
            await asyncio.sleep(0.05)
            with pytest.raises(ModelNotFound):
                models.get()
            assert not waiting.done()
            assert not unloading.done()
            assert (await held.predict(zeros(100))).shape == (100, 10)
            await unloading
            assert waiting.done()  # unload waited for it
            assert (await waiting).shape == (2, 10)

    asyncio.run(scenario())


def test_service_that_stops_still_refuses_latecomers(copied: Path) -> None:
    async def scenario() -> None:
        async with repository(copied) as models:
            held = models.get()
        with pytest.raises(Stopping):
            await held.predict(zeros(1))

    asyncio.run(scenario())


def test_refused_version_changes_nothing_and_the_others_are_loaded(copied: Path) -> None:
    async def scenario() -> None:
        async with repository(copied) as models:
            old = models.get("digits-mlp", 10)
            add_version(copied, 11)
            (copied / "digits-mlp/10" / GRAPH_FILE).write_bytes(b"no graph")
            with pytest.raises(ModelRefused, match=r"digits-mlp/10.*sha256"):
                await models.load("digits-mlp")
            assert versions_of(models) == [1, 2, 10, 11]
            assert models.get("digits-mlp", 10) is old
            assert (await old.predict(zeros(1))).shape == (1, 10)

    asyncio.run(scenario())


def test_model_gone_from_disk_serves_on_until_unloaded(copied: Path) -> None:
    async def scenario() -> None:
        async with repository(copied) as models:
            shutil.rmtree(copied / "digits-mlp")
            with pytest.raises(ModelNotFound, match="on disk"):
                await models.load("digits-mlp")
            assert versions_of(models) == [1, 2, 10]
            await models.unload("digits-mlp")
            assert versions_of(models) == []
            with pytest.raises(ModelNotFound, match="Served: none"):
                await models.unload("digits-mlp")

    asyncio.run(scenario())


def test_states_tell_what_is_served_what_is_not_and_why(copied: Path) -> None:
    async def scenario() -> None:
        async with repository(copied) as models:
            shutil.rmtree(copied / "digits-mlp/10")
            shutil.copytree(copied / "digits-mlp/2", copied / "digits-mlp/3")  # its manifest says 2
            with pytest.raises(ModelRefused):
                await models.load("digits-mlp")
            states = await models.states()
            assert [(each.version, each.ready) for each in states] == [(1, True), (2, True), (3, False)]
            assert "says it is digits-mlp/2" in states[2].reason
            edit(copied / "digits-mlp/3", version=3)
            await models.load("digits-mlp")
            await models.unload("digits-mlp")
            states = await models.states()
            assert [(each.version, each.ready) for each in states] == [(1, False), (2, False), (3, False)]
            assert {each.reason for each in states} == {"It is not loaded."}

    asyncio.run(scenario())


def test_loads_at_once_are_done_one_after_the_other(copied: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reading: list[str] = []
    together: list[int] = []

    def noting(folder: Path, signer: Signer | None) -> tuple[Manifest, bytes]:
        reading.append(folder.name)
        together.append(len(reading))
        time.sleep(0.01)
        reading.remove(folder.name)
        return read_version(folder, signer)

    async def scenario() -> None:
        async with repository(copied) as models:
            monkeypatch.setattr("app.repository.repository.read_version", noting)
            for version in (11, 12, 13):
                add_version(copied, version)
            await asyncio.gather(models.load("digits-mlp"), models.load("digits-mlp"), models.reload())
            assert versions_of(models) == [1, 2, 10, 11, 12, 13]

    asyncio.run(scenario())
    assert together == [1, 1, 1]


def test_others_are_answered_while_a_model_loads(copied: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answered = threading.Event()

    def slow(folder: Path, signer: Signer | None) -> tuple[Manifest, bytes]:
        assert answered.wait(60)
        return read_version(folder, signer)

    async def scenario() -> None:
        async with repository(copied) as models:
            monkeypatch.setattr("app.repository.repository.read_version", slow)
            add_version(copied, 11)
            loading = asyncio.create_task(models.load("digits-mlp"))
            await asyncio.sleep(0.05)  # it has begun
            assert (await models.get().predict(zeros(1))).shape == (1, 10)
            assert not loading.done()
            answered.set()
            await loading
            assert versions_of(models)[-1] == 11

    asyncio.run(scenario())


def test_session_is_freed_with_the_last_who_holds_its_version(copied: Path) -> None:
    async def scenario() -> None:
        async with repository(copied) as models:
            held = models.get("digits-mlp", 10)
            gone = weakref.ref(models.get("digits-mlp", 2).model.session)
            session = weakref.ref(held.model.session)
            shutil.rmtree(copied / "digits-mlp/2")
            shutil.rmtree(copied / "digits-mlp/10")
            await models.reload()
            await until(lambda: gone() is None)
            assert (await held.predict(zeros(1))).shape == (1, 10)
            del held
            await until(lambda: session() is None)  # the thread that ran it may hold it a little longer

    gc.collect()
    gc.disable()  # nobody has to wait for it
    try:
        asyncio.run(scenario())
    finally:
        gc.enable()


# --- which versions --------------------------------------------------------------------------------------------------


def test_latest_is_what_can_be_served_of_the_largest(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with repository(tmp_path, "m", "latest:2") as models:
            assert versions_of(models) == [2, 3]
            (write_version(tmp_path / "m", 4) / MANIFEST_FILE).unlink()
            await models.reload()
            assert versions_of(models) == [2, 3]
            write_version(tmp_path / "m", 5)
            await models.reload()
            assert versions_of(models) == [3, 5]

    for version in (1, 2, 3):
        write_version(tmp_path / "m", version)
    asyncio.run(scenario())


def test_specific_versions_come_when_they_are_there(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with repository(tmp_path, "m", "specific:2,7") as models:
            assert versions_of(models) == [2]
            write_version(tmp_path / "m", 7)
            write_version(tmp_path / "m", 8)
            await models.reload()
            assert versions_of(models) == [2, 7]

    for version in (1, 2, 3):
        write_version(tmp_path / "m", version)
    asyncio.run(scenario())


def start(models: ModelRepository) -> None:
    async def scenario() -> None:
        async with models:
            pass

    asyncio.run(scenario())


def test_default_model_that_is_not_there_or_not_wanted_is_refused(copied: Path) -> None:
    with pytest.raises(ModelRefused, match="found: digits-mlp"):
        start(repository(copied, "digits"))
    with pytest.raises(ModelRefused, match="no version of the default model"):
        start(repository(copied, policy="specific:3"))


def test_service_starts_with_what_is_sound_but_not_without_its_default_model(copied: Path) -> None:
    """A worker that is replaced while somebody copies a new version is replaced."""

    async def scenario() -> None:
        async with repository(copied) as models:
            assert versions_of(models) == [1, 2]
            assert "sha256" in models.refusals["digits-mlp"]["10"].reason

    (copied / "digits-mlp/10" / GRAPH_FILE).write_bytes(b"damaged")
    asyncio.run(scenario())
    for version in (1, 2):
        (copied / f"digits-mlp/{version}" / GRAPH_FILE).write_bytes(b"damaged")
    with pytest.raises(ModelRefused, match=r"cannot be served: digits-mlp/1: model.onnx .*; digits-mlp/10:"):
        start(repository(copied))


def test_device_that_cannot_be_had_stops_the_start_and_later_only_its_version(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_memory_left(graph: bytes, device: str, max_batch_size: int) -> Model:
        raise DeviceUnavailable("out of memory")

    async def scenario() -> None:
        async with repository(tmp_path, "m") as models:
            monkeypatch.setattr("app.repository.servable.load_model", no_memory_left)
            write_version(tmp_path / "m", 2)
            await models.reload()
            assert versions_of(models) == [1]
            assert models.refusals["m"]["2"].reason == "m/2: out of memory"

    write_version(tmp_path / "m", 1)
    asyncio.run(scenario())
    with pytest.raises(DeviceUnavailable):
        start(repository(tmp_path, "m"))


def test_device_that_auto_finds_holds_for_every_model_after(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with ModelRepository(tmp_path, "auto", BATCH, "m") as models:
            assert models.device == models.get().model.device

    write_version(tmp_path / "m", 1)
    asyncio.run(scenario())


# --- watching --------------------------------------------------------------------------------------------------------


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):  # for what takes a moment where the machine is idle
        while not condition():
            await asyncio.sleep(0.01)


def test_versions_that_come_change_and_go_are_noticed(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with repository(tmp_path, "m", poll_seconds=0.01) as models:
            write_version(tmp_path / "m", 2)
            await until(lambda: versions_of(models) == [1, 2])
            assert await reads(models) == 2
            edit(tmp_path / "m/2", threshold=0.123)
            await until(lambda: models.get().manifest.threshold == 0.123)
            write_version(tmp_path / "other", 7)
            await until(lambda: "other" in models.servables)
            shutil.rmtree(tmp_path / "m/2")
            await until(lambda: versions_of(models) == [1, 7])
            assert await reads(models) == 1

    write_version(tmp_path / "m", 1)
    asyncio.run(scenario())


async def reads(models: ModelRepository) -> int:
    (row,) = await models.get().predict(zeros(1))
    return int(row.argmax())


def test_unchanged_version_is_neither_read_nor_loaded_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario() -> None:
        async with repository(tmp_path, "m") as models:
            before = models.get()
            (tmp_path / "m/1/card.md").write_text("touched")
            await models.reload()
            assert models.get() is before
            monkeypatch.setattr("app.repository.repository.read_version", None)
            await models.reload()
            assert models.get() is before

    write_version(tmp_path / "m", 1)
    asyncio.run(scenario())


WRONG = {
    "no manifest yet": (MANIFEST_FILE, None, "cannot be read"),
    "half a graph": (GRAPH_FILE, graph_of(2)[:1000], "sha256"),
    "no JSON": (MANIFEST_FILE, b"{", "manifest.json is wrong"),
    "another's": (
        MANIFEST_FILE,
        (ROOT / "models/digits" / PREVIOUS / MANIFEST_FILE).read_bytes(),
        f"says it is digits/{PREVIOUS}",
    ),
}


@pytest.mark.parametrize(("name", "content", "words"), WRONG.values(), ids=WRONG)
def test_wrong_version_is_refused_once_and_taken_when_it_is_right(
    name: str, content: bytes | None, words: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario() -> None:
        async with repository(tmp_path, "m") as models:
            folder = write_version(tmp_path / "m", 2)
            right = (folder / name).read_bytes()
            (folder / name).write_bytes(content) if content else (folder / name).unlink()
            for _ in range(3):
                await models.reload()
            assert versions_of(models) == [1]
            assert words in models.refusals["m"]["2"].reason
            assert metrics.values({"model": "m", "entry": "2"}) == {"digits_model_refused": 1}
            assert [each.getMessage().count("m/2") for each in caplog.records] == [1]
            (folder / name).write_bytes(right)
            await models.reload()
            assert versions_of(models) == [1, 2]
            assert not models.refusals
            assert metrics.values({"model": "m", "entry": "2"}) == {"digits_model_refused": 0}

    write_version(tmp_path / "m", 1)
    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("graph", "words"),
    [
        (b"no graph", "onnxruntime cannot load the graph"),
        (graph_of(2, classes=11), "no float probabilities"),
        (graph_of(2, batch=1), "does not run"),
        (graph_of(2, activation="Relu"), "not probabilities"),
    ],
    ids=["no graph", "eleven classes", "one image at a time", "no softmax"],
)
def test_graph_that_is_no_reader_of_digits_is_refused(graph: bytes, words: str, tmp_path: Path) -> None:
    async def scenario() -> None:
        async with repository(tmp_path, "m") as models:
            write_version(tmp_path / "m", 2, graph)
            await models.reload()
            assert versions_of(models) == [1]
            assert words in models.refusals["m"]["2"].reason

    write_version(tmp_path / "m", 1)
    asyncio.run(scenario())


def test_refused_version_is_tried_again_on_demand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def busy(graph: bytes, device: str, max_batch_size: int) -> Model:
        raise DeviceUnavailable("out of memory")

    async def scenario() -> None:
        async with repository(tmp_path, "m") as models:
            write_version(tmp_path / "m", 2)
            with monkeypatch.context() as patched:
                patched.setattr("app.repository.servable.load_model", busy)
                await models.reload()
            await models.reload()
            assert versions_of(models) == [1]
            await models.load("m")
            assert versions_of(models) == [1, 2]

    write_version(tmp_path / "m", 1)
    asyncio.run(scenario())


def test_last_version_is_served_on_when_nothing_sound_is_left(tmp_path: Path) -> None:
    """A share that is not there for a while takes no model with it."""

    async def scenario() -> None:
        async with repository(tmp_path / "root", "m") as models:
            (write_version(tmp_path / "root/m", 2) / GRAPH_FILE).write_bytes(b"damaged")
            shutil.rmtree(tmp_path / "root/m/1")
            await models.reload()
            assert versions_of(models) == [1]
            (tmp_path / "root").rename(tmp_path / "elsewhere")
            await models.reload()
            assert versions_of(models) == [1]
            assert await reads(models) == 1
            assert "no version is left on disk" in models.refusals["m"]["."].reason

    write_version(tmp_path / "root/m", 1)
    asyncio.run(scenario())


def test_what_a_client_unloaded_stays_so_until_a_client_loads_it(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with repository(tmp_path, "m") as models:
            await models.unload("m")
            await models.reload()
            assert versions_of(models) == []
            await models.load("m")
            assert versions_of(models) == [1]

    write_version(tmp_path / "m", 1)
    asyncio.run(scenario())


def test_failure_of_one_look_is_logged_and_another_one_follows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario() -> None:
        async with repository(tmp_path, "m", poll_seconds=0.01) as models:
            with monkeypatch.context() as patched:
                patched.setattr("app.repository.repository.scan", None)
                await until(lambda: bool(caplog.records))
            write_version(tmp_path / "m", 2)
            await until(lambda: versions_of(models) == [1, 2])

    write_version(tmp_path / "m", 1)
    with caplog.at_level(logging.ERROR):
        asyncio.run(scenario())


def test_metrics_tell_which_versions_are_loaded(tmp_path: Path) -> None:
    def loaded(version: int) -> float:
        labels = {"model": "told", "version": str(version), "device": "cpu"}
        return metrics.values(labels)["digits_model_loaded"]

    async def scenario() -> None:
        async with repository(tmp_path, "told", "latest:1") as models:
            edit(tmp_path / "told/1", threshold=0.5)  # loaded anew in its own place
            await models.reload()
            assert loaded(1) == 1
            write_version(tmp_path / "told", 2)
            await models.reload()
            assert (loaded(1), loaded(2)) == (0, 1)

    write_version(tmp_path / "told", 1)
    asyncio.run(scenario())


# --- labels ----------------------------------------------------------------------------------------------------------


def test_labels_on_disk_move_while_serving_and_those_set_beat_them(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with repository(tmp_path, "m", labels={("m", "fixed"): 1}) as models:
            (tmp_path / "m" / LABELS_FILE).write_text('{"stable": 1, "canary": 2, "fixed": 2}')
            await models.reload()
            assert [models.version_of_label("m", each) for each in ("stable", "canary", "fixed")] == [1, 2, 1]
            assert models.labels_of(models.get("m", 1)) == ["fixed", "stable"]
            (tmp_path / "m" / LABELS_FILE).unlink()
            await models.reload()
            with pytest.raises(ModelNotFound, match="label: stable"):
                models.version_of_label("m", "stable")
            assert models.version_of_label("m", "fixed") == 1

    for version in (1, 2):
        write_version(tmp_path / "m", version)
    asyncio.run(scenario())


def test_labels_stay_where_they_are_until_all_they_name_is_served(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with repository(tmp_path, "m") as models:
            (tmp_path / "m" / LABELS_FILE).write_text('{"stable": 2}')
            await models.reload()
            assert models.version_of_label("m", "stable") == 1
            assert models.refusals["m"][LABELS_FILE].reason == "m/labels.json: 'stable' names version 2, which is not served"
            write_version(tmp_path / "m", 2)
            await models.reload()
            assert models.version_of_label("m", "stable") == 2
            assert not models.refusals

    write_version(tmp_path / "m", 1)
    (tmp_path / "m" / LABELS_FILE).write_text('{"stable": 1}')
    asyncio.run(scenario())
