"""A servable is found by its number or a label, and says whether it can run."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from app.errors import ModelNotFound, NotReady
from app.observability import metrics
from app.repository.repository import ModelRepository
from app.repository.version_folders import LABELS_FILE
from app.repository.version_policy import VersionSettings
from tests.support.constant_model import write_version
from tests.support.repositories import repository, versions_of
from tests.support.servables import BATCH


def labelled(root: Path) -> ModelRepository:
    for version in (1, 2):
        write_version(root / "m", version)
    (root / "m" / LABELS_FILE).write_text('{"stable": 1, "canary": 2}')
    return ModelRepository(root, "cpu", BATCH, "m", VersionSettings(labels={("m", "next"): 3}))


def test_version_is_named_by_its_number_or_a_label(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with labelled(tmp_path) as models:
            for version, number in ((None, 2), ("1", 1), ("2", 2), ("stable", 1), ("canary", 2)):
                assert models.resolve("m", version).manifest.version == number
                assert models.resolve(None, version).manifest.version == number

    asyncio.run(scenario())


@pytest.mark.parametrize("version", ["3", "0", "02", "-1", "9" * 30, "", "Stable", "next", "\u0662", "1.0"])
def test_unknown_version_is_not_found_and_the_known_ones_are_named(tmp_path: Path, version: str) -> None:
    async def scenario() -> None:
        async with labelled(tmp_path) as models:
            with pytest.raises(ModelNotFound, match="Served: 1, 2; labels: canary, next, stable"):
                models.resolve("m", version)
            with pytest.raises(ModelNotFound, match=r"no model 'letters'\. Served: m"):
                models.resolve("letters", version)

    asyncio.run(scenario())


def test_default_model_that_is_gone_or_cannot_run_is_not_ready(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with labelled(tmp_path) as models:
            models.check_ready()
            models.get("m", 2).batcher.health.problem = "it fails"
            with pytest.raises(NotReady, match="m version 2 cannot run: it fails"):
                models.check_ready()
            models.check_ready(models.get("m", 1))
            await models.unload("m")
            with pytest.raises(NotReady, match="The default model is not served"):
                models.check_ready()

    asyncio.run(scenario())


# --- labels ---


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


def test_version_by_timestamp_is_newer_than_a_counted_one(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with repository(tmp_path, "m", "specific:7,1700000001", labels={("m", "stable"): 1700000001}) as models:
            assert versions_of(models) == [7, 1700000001]
            for name in (None, "stable", "1700000001"):
                assert models.resolve("m", name).manifest.version == 1700000001

    for version in (7, 1700000001):
        write_version(tmp_path / "m", version)
    asyncio.run(scenario())
