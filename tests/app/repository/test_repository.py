"""The sound versions on disk that the policy includes are served, and reloaded without losing a request."""

from __future__ import annotations

import asyncio
import gc
import logging
import shutil
import threading
import time
import weakref
from pathlib import Path

import pytest

from app.errors import ModelNotFound, ModelRefused, Stopping
from app.observability import metrics
from app.repository.manifest import GRAPH_FILE, MANIFEST_FILE, Graphs, Manifest, read_version
from app.repository.repository import ModelRepository
from app.repository.signature import Signer
from tests.support.constant_model import write_version
from tests.support.model_versions import add_version, edit_manifest
from tests.support.repositories import predicted_digit, repository, start, until, versions_of
from tests.support.servables import BATCH, slow_down, zeros


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


def test_models_folder_without_a_version_is_refused_with_what_was_passed_over(tmp_path: Path) -> None:
    (tmp_path / "digits-mlp/v8").mkdir(parents=True)

    async def scenario() -> None:
        with pytest.raises(ModelRefused, match=r"<name>/<version>, .* passed over: digits-mlp/v8"):
            await repository(tmp_path).__aenter__()

    asyncio.run(scenario())


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

    def recording(folder: Path, signer: Signer | None) -> tuple[Manifest, Graphs]:
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

    def slow(folder: Path, signer: Signer | None) -> tuple[Manifest, Graphs]:
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


def test_device_chosen_by_auto_holds_for_all_later_models(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with ModelRepository(tmp_path, "auto", BATCH, "m") as models:
            assert models.device == models.get().model.device

    write_version(tmp_path / "m", 1)
    asyncio.run(scenario())


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


def test_reload_that_waits_for_an_unload_does_not_undo_it(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with repository(tmp_path, "m") as models:
            async with models._locks["m"]:
                unloading = asyncio.create_task(models.unload("m"))
                await asyncio.sleep(0)
                reloading = asyncio.create_task(models.reload())
                await until(lambda: "m" in models._reloads)
            await asyncio.gather(unloading, reloading)
            assert versions_of(models) == []

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
        labels = {"model": "reported", "version": str(version), "device": "cpu", "precision": "float32"}
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
