"""The sound versions on disk that the policy includes are served, and reloaded without losing a request."""

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
from app.repository.repository import ModelRepository
from app.repository.signature import Signer
from app.repository.version_folders import LABELS_FILE
from app.repository.version_policy import VersionPolicy, VersionSettings
from tests.conftest import PREVIOUS, ROOT
from tests.support.constant_model import graph_of, write_version
from tests.support.model_versions import add_version, edit_manifest
from tests.support.servables import BATCH, slow_down, zeros


def repository(root: Path, default: str = "digits-mlp", policy: str = "all", **settings: Any) -> ModelRepository:
    return ModelRepository(root, "cpu", BATCH, default, VersionSettings(VersionPolicy.parse(policy), **settings))


def test_newest_version_is_the_default_and_any_can_be_named(copied_models: Path) -> None:
    async def scenario() -> None:
        async with repository(copied_models) as models:
            assert models.get().manifest.version == 10
            assert models.get("digits-mlp", 2).manifest.version == 2
            assert versions_of(models) == [1, 2, 10]
            with pytest.raises(ModelNotFound, match="Served: 1, 2, 10"):
                models.get("digits-mlp", 3)
            with pytest.raises(ModelNotFound, match="'letters'"):
                models.get("letters")

    asyncio.run(scenario())


# --- loading and unloading -------------------------------------------------------------------------------------------


def versions_of(models: ModelRepository) -> list[int]:
    return [servable.manifest.version for servable in models]


def test_load_serves_what_is_on_disk_now(copied_models: Path) -> None:
    async def scenario() -> None:
        async with repository(copied_models) as models:
            first = models.get("digits-mlp", 1)
            shutil.rmtree(copied_models / "digits-mlp/2")
            add_version(copied_models, 11)
            await models.load("digits-mlp")
            assert versions_of(models) == [1, 10, 11]
            assert models.get().manifest.version == 11
            assert (await models.get().predict(zeros(3))).shape == (3, 10)
            assert models.get("digits-mlp", 1) is first  # unchanged

    asyncio.run(scenario())


def test_version_whose_manifest_changed_is_reloaded(copied_models: Path) -> None:
    async def scenario() -> None:
        async with repository(copied_models) as models:
            old = models.get("digits-mlp", 1)
            edit_manifest(copied_models / "digits-mlp/1", threshold=0.123)
            await models.load("digits-mlp")
            new = models.get("digits-mlp", 1)
            assert new is not old
            assert new.manifest.threshold == 0.123

    asyncio.run(scenario())


def test_request_that_holds_a_version_finishes_on_it(copied_models: Path) -> None:
    """Both a request that waits in its queue and one that predicts after the version was unloaded."""

    async def scenario() -> None:
        async with repository(copied_models) as models:
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


def test_stopped_repository_refuses_requests_that_hold_a_version(copied_models: Path) -> None:
    async def scenario() -> None:
        async with repository(copied_models) as models:
            held = models.get()
        with pytest.raises(Stopping):
            await held.predict(zeros(1))

    asyncio.run(scenario())


def test_refused_version_changes_nothing_and_the_others_are_loaded(copied_models: Path) -> None:
    async def scenario() -> None:
        async with repository(copied_models) as models:
            old = models.get("digits-mlp", 10)
            add_version(copied_models, 11)
            (copied_models / "digits-mlp/10" / GRAPH_FILE).write_bytes(b"no graph")
            with pytest.raises(ModelRefused, match=r"digits-mlp/10.*has 8 bytes"):
                await models.load("digits-mlp")
            assert versions_of(models) == [1, 2, 10, 11]
            assert models.get("digits-mlp", 10) is old
            assert (await old.predict(zeros(1))).shape == (1, 10)

    asyncio.run(scenario())


def test_model_deleted_from_disk_is_served_until_it_is_unloaded(copied_models: Path) -> None:
    async def scenario() -> None:
        async with repository(copied_models) as models:
            shutil.rmtree(copied_models / "digits-mlp")
            with pytest.raises(ModelNotFound, match="on disk"):
                await models.load("digits-mlp")
            assert versions_of(models) == [1, 2, 10]
            await models.unload("digits-mlp")
            assert versions_of(models) == []
            with pytest.raises(ModelNotFound, match="Served: none"):
                await models.unload("digits-mlp")

    asyncio.run(scenario())


def test_states_list_what_is_served_and_why_the_rest_is_not(copied_models: Path) -> None:
    async def scenario() -> None:
        async with repository(copied_models) as models:
            shutil.rmtree(copied_models / "digits-mlp/10")
            shutil.copytree(copied_models / "digits-mlp/2", copied_models / "digits-mlp/3")  # its manifest says 2
            with pytest.raises(ModelRefused):
                await models.load("digits-mlp")
            states = await models.states()
            assert [(state.version, state.ready) for state in states] == [(1, True), (2, True), (3, False)]
            assert "says it is digits-mlp/2" in states[2].reason
            edit_manifest(copied_models / "digits-mlp/3", version=3)
            await models.load("digits-mlp")
            await models.unload("digits-mlp")
            states = await models.states()
            assert [(state.version, state.ready) for state in states] == [(1, False), (2, False), (3, False)]
            assert {state.reason for state in states} == {"It is not loaded."}

    asyncio.run(scenario())


def test_concurrent_loads_run_one_after_the_other(copied_models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reading: list[str] = []
    together: list[int] = []

    def recording(folder: Path, signer: Signer | None) -> tuple[Manifest, bytes]:
        reading.append(folder.name)
        together.append(len(reading))
        time.sleep(0.01)
        reading.remove(folder.name)
        return read_version(folder, signer)

    async def scenario() -> None:
        async with repository(copied_models) as models:
            monkeypatch.setattr("app.repository.version_folders.read_version", recording)
            for version in (11, 12, 13):
                add_version(copied_models, version)
            await asyncio.gather(models.load("digits-mlp"), models.load("digits-mlp"), models.reload())
            assert versions_of(models) == [1, 2, 10, 11, 12, 13]

    asyncio.run(scenario())
    assert together == [1, 1, 1]


def test_requests_are_answered_while_a_model_loads(copied_models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answered = threading.Event()

    def slow(folder: Path, signer: Signer | None) -> tuple[Manifest, bytes]:
        assert answered.wait(60)
        return read_version(folder, signer)

    async def scenario() -> None:
        async with repository(copied_models) as models:
            monkeypatch.setattr("app.repository.version_folders.read_version", slow)
            add_version(copied_models, 11)
            loading = asyncio.create_task(models.load("digits-mlp"))
            await asyncio.sleep(0.05)  # it has begun
            assert (await models.get().predict(zeros(1))).shape == (1, 10)
            assert not loading.done()
            answered.set()
            await loading
            assert versions_of(models)[-1] == 11

    asyncio.run(scenario())


def test_session_is_freed_with_the_last_request_that_holds_its_version(copied_models: Path) -> None:
    async def scenario() -> None:
        async with repository(copied_models) as models:
            held = models.get("digits-mlp", 10)
            gone = weakref.ref(models.get("digits-mlp", 2).model.session)
            session = weakref.ref(held.model.session)
            shutil.rmtree(copied_models / "digits-mlp/2")
            shutil.rmtree(copied_models / "digits-mlp/10")
            await models.reload()
            await until(lambda: gone() is None)
            assert (await held.predict(zeros(1))).shape == (1, 10)
            del held
            await until(lambda: session() is None)  # the thread that ran it may hold it a moment longer

    gc.collect()
    gc.disable()  # the sessions must be freed without it
    try:
        asyncio.run(scenario())
    finally:
        gc.enable()


# --- version policy --------------------------------------------------------------------------------------------------


def test_latest_are_the_newest_versions_that_can_be_served(tmp_path: Path) -> None:
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


def test_specific_versions_are_loaded_once_they_are_on_disk(tmp_path: Path) -> None:
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


def test_default_model_that_is_missing_or_excluded_by_the_policy_is_refused(copied_models: Path) -> None:
    with pytest.raises(ModelRefused, match="found: digits-mlp"):
        start(repository(copied_models, "digits"))
    with pytest.raises(ModelRefused, match="no version of the default model"):
        start(repository(copied_models, policy="specific:3"))


def test_service_starts_with_the_sound_versions_but_not_without_its_default_model(copied_models: Path) -> None:
    """A worker can be replaced while a new version is being copied."""

    async def scenario() -> None:
        async with repository(copied_models) as models:
            assert versions_of(models) == [1, 2]
            assert "has 7 bytes" in models.refusals["digits-mlp"]["10"].reason

    (copied_models / "digits-mlp/10" / GRAPH_FILE).write_bytes(b"damaged")
    asyncio.run(scenario())
    for version in (1, 2):
        (copied_models / f"digits-mlp/{version}" / GRAPH_FILE).write_bytes(b"damaged")
    with pytest.raises(ModelRefused, match=r"cannot be served: digits-mlp/1: model.onnx .*; digits-mlp/10:"):
        start(repository(copied_models))


def test_unavailable_device_stops_the_start_but_later_only_refuses_the_version(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_memory_left(graph: bytes, device: str, max_batch_size: int) -> Model:
        raise DeviceUnavailable("out of memory")

    async def scenario() -> None:
        async with repository(tmp_path, "m") as models:
            monkeypatch.setattr("app.repository.loader.load_model", no_memory_left)
            write_version(tmp_path / "m", 2)
            await models.reload()
            assert versions_of(models) == [1]
            assert models.refusals["m"]["2"].reason == "m/2: out of memory"

    write_version(tmp_path / "m", 1)
    asyncio.run(scenario())
    with pytest.raises(DeviceUnavailable):
        start(repository(tmp_path, "m"))


def test_device_chosen_by_auto_holds_for_all_later_models(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with ModelRepository(tmp_path, "auto", BATCH, "m") as models:
            assert models.device == models.get().model.device

    write_version(tmp_path / "m", 1)
    asyncio.run(scenario())


# --- polling ---------------------------------------------------------------------------------------------------------


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):  # usually a moment
        while not condition():
            await asyncio.sleep(0.01)


def test_added_changed_and_deleted_versions_are_noticed(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with repository(tmp_path, "m", poll_seconds=0.01) as models:
            write_version(tmp_path / "m", 2)
            await until(lambda: versions_of(models) == [1, 2])
            assert await predicted_digit(models) == 2
            edit_manifest(tmp_path / "m/2", threshold=0.123)
            await until(lambda: models.get().manifest.threshold == 0.123)
            write_version(tmp_path / "other", 7)
            await until(lambda: "other" in models.servables)
            shutil.rmtree(tmp_path / "m/2")
            await until(lambda: versions_of(models) == [1, 7])
            assert await predicted_digit(models) == 1

    write_version(tmp_path / "m", 1)
    asyncio.run(scenario())


async def predicted_digit(models: ModelRepository) -> int:
    (row,) = await models.get().predict(zeros(1))
    return int(row.argmax())


def test_unchanged_version_is_neither_read_nor_loaded_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario() -> None:
        async with repository(tmp_path, "m") as models:
            before = models.get()
            (tmp_path / "m/1/card.md").write_text("touched")
            await models.reload()
            assert models.get() is before
            monkeypatch.setattr("app.repository.version_folders.read_version", None)
            await models.reload()
            assert models.get() is before

    write_version(tmp_path / "m", 1)
    asyncio.run(scenario())


DAMAGES = {
    "no manifest yet": (MANIFEST_FILE, None, "there is no manifest.json"),
    "half a graph": (GRAPH_FILE, graph_of(2)[:1000], "has 1,000 bytes"),
    "no JSON": (MANIFEST_FILE, b"{", "manifest.json is wrong"),
    "another model's": (
        MANIFEST_FILE,
        (ROOT / "models/digits" / PREVIOUS / MANIFEST_FILE).read_bytes(),
        f"says it is digits/{PREVIOUS}",
    ),
}


@pytest.mark.parametrize(("name", "content", "words"), DAMAGES.values(), ids=DAMAGES)
def test_damaged_version_is_logged_once_and_loaded_when_it_is_repaired(
    name: str, content: bytes | None, words: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario() -> None:
        async with repository(tmp_path, "m") as models:
            folder = write_version(tmp_path / "m", 2)
            sound = (folder / name).read_bytes()
            (folder / name).write_bytes(content) if content else (folder / name).unlink()
            for _ in range(3):
                await models.reload()
            assert versions_of(models) == [1]
            assert words in models.refusals["m"]["2"].reason
            assert metrics.values({"model": "m", "entry": "2"}) == {"digits_model_refused": 1}
            assert [record.getMessage().count("m/2") for record in caplog.records] == [1]
            (folder / name).write_bytes(sound)
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
def test_graph_that_does_not_classify_digits_is_refused(graph: bytes, words: str, tmp_path: Path) -> None:
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
                patched.setattr("app.repository.loader.load_model", busy)
                await models.reload()
            await models.reload()
            assert versions_of(models) == [1]
            await models.load("m")
            assert versions_of(models) == [1, 2]

    write_version(tmp_path / "m", 1)
    asyncio.run(scenario())


def test_loaded_version_is_still_served_when_no_sound_one_is_left_on_disk(tmp_path: Path) -> None:
    """A network share that is away for a while unloads no model."""

    async def scenario() -> None:
        async with repository(tmp_path / "root", "m") as models:
            (write_version(tmp_path / "root/m", 2) / GRAPH_FILE).write_bytes(b"damaged")
            shutil.rmtree(tmp_path / "root/m/1")
            await models.reload()
            assert versions_of(models) == [1]
            (tmp_path / "root").rename(tmp_path / "elsewhere")
            await models.reload()
            assert versions_of(models) == [1]
            assert await predicted_digit(models) == 1
            assert "cannot be read (No such file" in models.refusals["*"]["."].reason
            (tmp_path / "root").mkdir()
            await models.reload()
            assert versions_of(models) == [1]
            assert list(models.refusals) == ["m"]
            assert "no version is left on disk" in models.refusals["m"]["."].reason

    write_version(tmp_path / "root/m", 1)
    asyncio.run(scenario())


def test_model_unloaded_by_a_client_stays_unloaded_until_a_client_loads_it(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with repository(tmp_path, "m") as models:
            await models.unload("m")
            await models.reload()
            assert versions_of(models) == []
            await models.load("m")
            assert versions_of(models) == [1]

    write_version(tmp_path / "m", 1)
    asyncio.run(scenario())


def test_failed_scan_is_logged_and_the_next_one_works(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario() -> None:
        async with repository(tmp_path, "m", poll_seconds=0.01) as models:
            with monkeypatch.context() as patched:
                patched.setattr("app.repository.loader.scan_model", None)
                await until(lambda: bool(caplog.records))
            write_version(tmp_path / "m", 2)
            await until(lambda: versions_of(models) == [1, 2])

    write_version(tmp_path / "m", 1)
    with caplog.at_level(logging.ERROR):
        asyncio.run(scenario())


def test_metrics_show_which_versions_are_loaded(tmp_path: Path) -> None:
    def loaded(version: int) -> float:
        labels = {"model": "reported", "version": str(version), "device": "cpu"}
        return metrics.values(labels)["digits_model_loaded"]

    async def scenario() -> None:
        async with repository(tmp_path, "reported", "latest:1") as models:
            edit_manifest(tmp_path / "reported/1", threshold=0.5)  # reloaded in its own place
            await models.reload()
            assert loaded(1) == 1
            write_version(tmp_path / "reported", 2)
            await models.reload()
            assert (loaded(1), loaded(2)) == (0, 1)

    write_version(tmp_path / "reported", 1)
    asyncio.run(scenario())


# --- labels ----------------------------------------------------------------------------------------------------------


def test_labels_on_disk_move_while_serving_and_those_of_the_settings_come_first(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with repository(tmp_path, "m", labels={("m", "fixed"): 1}) as models:
            (tmp_path / "m" / LABELS_FILE).write_text('{"stable": 1, "canary": 2, "fixed": 2}')
            await models.reload()
            assert [models.version_of_label("m", label) for label in ("stable", "canary", "fixed")] == [1, 2, 1]
            assert models.labels_of(models.get("m", 1)) == ["fixed", "stable"]
            (tmp_path / "m" / LABELS_FILE).unlink()
            await models.reload()
            with pytest.raises(ModelNotFound, match=r"label 'stable' of m\. Served: 1, 2; labels: fixed"):
                models.version_of_label("m", "stable")
            assert models.version_of_label("m", "fixed") == 1

    for version in (1, 2):
        write_version(tmp_path / "m", version)
    asyncio.run(scenario())


def test_labels_stay_until_all_versions_that_they_name_are_served(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with repository(tmp_path, "m") as models:
            (tmp_path / "m" / LABELS_FILE).write_text('{"stable": 2}')
            await models.reload()
            assert models.version_of_label("m", "stable") == 1
            assert (
                models.refusals["m"][LABELS_FILE].reason
                == "m/labels.json: 'stable' names version 2, which is not served"
            )
            write_version(tmp_path / "m", 2)
            await models.reload()
            assert models.version_of_label("m", "stable") == 2
            assert not models.refusals

    write_version(tmp_path / "m", 1)
    (tmp_path / "m" / LABELS_FILE).write_text('{"stable": 1}')
    asyncio.run(scenario())


@pytest.mark.parametrize("kind", ["empty", "half", "a folder"])
def test_labels_stay_while_their_file_cannot_be_read(tmp_path: Path, kind: str) -> None:
    async def scenario() -> None:
        async with repository(tmp_path, "m") as models:
            path = tmp_path / "m" / LABELS_FILE
            path.unlink()
            path.mkdir() if kind == "a folder" else path.write_text("" if kind == "empty" else '{"stab')
            await models.reload()
            assert models.version_of_label("m", "stable") == 1
            assert metrics.values({"model": "m", "entry": LABELS_FILE}) == {"digits_model_refused": 1}
            path.rmdir() if kind == "a folder" else path.unlink()
            path.write_text('{"canary": 1}')
            await models.reload()
            assert models.version_of_label("m", "canary") == 1
            assert not models.refusals
            assert metrics.values({"model": "m", "entry": LABELS_FILE}) == {"digits_model_refused": 0}

    write_version(tmp_path / "m", 1)
    (tmp_path / "m" / LABELS_FILE).write_text('{"stable": 1}')
    asyncio.run(scenario())


# --- refusals --------------------------------------------------------------------------------------------------------


def test_refused_model_that_is_removed_is_forgotten(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with repository(tmp_path, "m") as models:
            write_version(tmp_path / "bad", 1, b"no graph")
            write_version(tmp_path / "m", 2, b"no graph")
            (tmp_path / "m/007").mkdir()
            await models.reload()
            assert {name: set(refusals) for name, refusals in models.refusals.items()} == {
                "bad": {"1"},
                "m": {"2", "007"},
            }
            for name in ("bad", "m/2", "m/007"):
                shutil.rmtree(tmp_path / name)
            await models.reload()
            assert not models.refusals
            for model, entry in (("bad", "1"), ("m", "2"), ("m", "007")):
                assert metrics.values({"model": model, "entry": entry}) == {"digits_model_refused": 0}
            assert [state.name for state in await models.states()] == ["m"]

    write_version(tmp_path / "m", 1)
    asyncio.run(scenario())


def test_version_that_is_still_being_copied_is_not_reported_before_its_files_rest(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario() -> None:
        async with repository(tmp_path, "m", poll_seconds=3600) as models:
            sound = write_version(tmp_path / "elsewhere/m", 2)
            graph = (sound / GRAPH_FILE).read_bytes()
            (tmp_path / "m/2").mkdir()
            shutil.copy(sound / MANIFEST_FILE, tmp_path / "m/2")
            for size in (1000, 2000, 3000):
                (tmp_path / "m/2" / GRAPH_FILE).write_bytes(graph[:size])
                await models.reload()
                assert f"has {size:,} bytes" in models.refusals["m"]["2"].reason  # told who asks
            assert not caplog.records
            assert not metrics.values({"model": "m", "entry": "2"}).get("digits_model_refused")
            await models.reload()
            assert [record.getMessage().partition(" bytes")[0] for record in caplog.records] == [
                "refused: m/2: model.onnx has 3,000"
            ]
            (tmp_path / "m/2" / GRAPH_FILE).write_bytes(graph)
            await models.reload()
            assert versions_of(models) == [1, 2]

    write_version(tmp_path / "m", 1)
    asyncio.run(scenario())


def test_version_is_replaced_in_its_place(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with repository(tmp_path, "m") as models:
            other = write_version(tmp_path / "elsewhere/m", 1, graph_of(8))
            for name in (MANIFEST_FILE, GRAPH_FILE):  # one after the other
                shutil.copy(other / name, tmp_path / "m/1")
                await models.reload()
                assert versions_of(models) == [1]
            assert await predicted_digit(models) == 8
            assert not models.refusals

    write_version(tmp_path / "m", 1)
    asyncio.run(scenario())


# --- the folder of one model -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("folder", ["m", "m/2"])
def test_models_folder_may_be_that_of_one_model_or_one_version(tmp_path: Path, folder: str) -> None:
    async def scenario() -> None:
        async with repository(tmp_path / folder, "mine") as models:
            assert models.get("mine").manifest.name == "mine"
            assert await predicted_digit(models) == 2
            graph = await models.read_graph(models.get())
            assert graph == (tmp_path / "m/2" / GRAPH_FILE).read_bytes()

    for version in (1, 2):
        write_version(tmp_path / "m", version)
    asyncio.run(scenario())


def test_version_by_timestamp_is_newer_than_a_counted_one(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with repository(tmp_path, "m", "specific:7,1700000001", labels={("m", "stable"): 1700000001}) as models:
            assert versions_of(models) == [7, 1700000001]
            for name in (None, "stable", "1700000001"):
                assert models.resolve("m", name).manifest.version == 1700000001

    for version in (7, 1700000001):
        write_version(tmp_path / "m", version)
    asyncio.run(scenario())
