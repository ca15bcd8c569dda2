"""What is served is what is wanted and sound on disk; it is exchanged without a request lost."""

from __future__ import annotations

import asyncio
import json
import logging
import shutil
import time
import weakref
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from app import metrics
from app.batching import BatchSettings
from app.errors import ModelNotFound, ModelRefused, Stopping
from app.model import Images, Probabilities
from app.repository import ModelRepository, Servable, VersionSettings
from app.versions import GRAPH, LABELS, MANIFEST, Manifest, VersionPolicy, read_version
from tests.app.test_versions import add_version, copied, edit

__all__ = ["copied"]  # a fixture of that module

BATCH = BatchSettings(max_batch_size=8, max_batch_delay_ms=0, max_queue_size=64)


def repository(root: Path, default: str = "digits-mlp", policy: str = "all", **settings: Any) -> ModelRepository:
    return ModelRepository(root, "cpu", BATCH, default, VersionSettings(VersionPolicy.parse(policy), **settings))


def test_newest_version_answers_and_each_can_be_asked_for(copied: Path) -> None:
    async def scenario() -> None:
        async with repository(copied) as models:
            assert models.get().manifest.version == 10
            assert models.get("digits-mlp", 2).manifest.version == 2
            assert [each.manifest.version for each in models] == [1, 2, 10]
            with pytest.raises(ModelNotFound, match="there is 1, 2, 10"):
                models.get("digits-mlp", 3)
            with pytest.raises(ModelNotFound, match="'letters'"):
                models.get("letters")

    asyncio.run(scenario())


# --- loading and unloading -------------------------------------------------------------------------------------------


def versions_of(models: ModelRepository) -> list[int]:
    return [each.manifest.version for each in models]


def zeros(count: int) -> Images:
    return np.zeros((count, 28, 28), np.uint8)


def slowed(servable: Servable, seconds: float) -> None:
    """Its runs take so long, in the batcher's thread."""
    run = servable.batcher.run

    def slow(images: Images) -> Probabilities:
        time.sleep(seconds)
        return run(images)

    servable.batcher.run = slow
    servable.batcher.short_run = 0


def test_load_serves_what_is_on_disk_now(copied: Path) -> None:
    async def scenario() -> None:
        async with repository(copied) as models:
            first = models.get("digits-mlp", 1)
            shutil.rmtree(copied / "digits-mlp/2")
            shutil.copytree(copied / "digits-mlp/10", copied / "digits-mlp/11")
            edit(copied / "digits-mlp/11", version=11)
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
            slowed(held, 0.2)
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


def test_refused_version_changes_nothing(copied: Path) -> None:
    async def scenario() -> None:
        async with repository(copied) as models:
            before = list(models)
            shutil.rmtree(copied / "digits-mlp/2")
            (copied / "digits-mlp/10" / GRAPH).write_bytes(b"no graph")
            with pytest.raises(ModelRefused, match="digits-mlp/10"):
                await models.load("digits-mlp")
            assert list(models) == before
            assert (await models.get("digits-mlp", 10).predict(zeros(1))).shape == (1, 10)

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
            with pytest.raises(ModelNotFound, match="there is none"):
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
            assert [(each.version, each.ready) for each in states] == [(1, True), (2, True), (3, False), (10, True)]
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

    def noting(folder: Path) -> tuple[Manifest, bytes]:
        reading.append(folder.name)
        together.append(len(reading))
        time.sleep(0.01)
        reading.remove(folder.name)
        return read_version(folder)

    async def scenario() -> None:
        async with repository(copied) as models:
            monkeypatch.setattr("app.repository.read_version", noting)
            await asyncio.gather(models.load("digits-mlp"), models.load("digits-mlp"), models.load("digits-mlp"))
            assert versions_of(models) == [1, 2, 10]

    asyncio.run(scenario())
    assert max(together) == 1
    assert len(together) == 9


def test_others_are_answered_while_a_model_loads(copied: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def slow(folder: Path) -> tuple[Manifest, bytes]:
        time.sleep(0.2)
        return read_version(folder)

    async def scenario() -> None:
        async with repository(copied) as models:
            monkeypatch.setattr("app.repository.read_version", slow)
            loading = asyncio.create_task(models.load("digits-mlp"))
            await asyncio.sleep(0.05)
            assert (await models.get().predict(zeros(1))).shape == (1, 10)
            assert not loading.done()
            await loading

    asyncio.run(scenario())
