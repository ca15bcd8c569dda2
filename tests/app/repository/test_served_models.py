"""A servable is found by its number or a label, and says whether it can run."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from app.errors import ModelNotFound, NotReady
from app.repository.repository import ModelRepository
from app.repository.version_folders import LABELS_FILE
from app.repository.version_policy import VersionSettings
from tests.support.constant_model import write_version
from tests.support.servables import BATCH


def repository(root: Path) -> ModelRepository:
    for version in (1, 2):
        write_version(root / "m", version)
    (root / "m" / LABELS_FILE).write_text('{"stable": 1, "canary": 2}')
    return ModelRepository(root, "cpu", BATCH, "m", VersionSettings(labels={("m", "next"): 3}))


def test_version_is_named_by_its_number_or_a_label(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with repository(tmp_path) as models:
            for version, number in ((None, 2), ("1", 1), ("2", 2), ("stable", 1), ("canary", 2)):
                assert models.resolve("m", version).manifest.version == number
                assert models.resolve(None, version).manifest.version == number

    asyncio.run(scenario())


@pytest.mark.parametrize("version", ["3", "0", "02", "-1", "9" * 30, "", "Stable", "next", "\u0662", "1.0"])
def test_unknown_version_is_not_found_and_the_known_ones_are_named(tmp_path: Path, version: str) -> None:
    async def scenario() -> None:
        async with repository(tmp_path) as models:
            with pytest.raises(ModelNotFound, match="Served: 1, 2; labels: canary, next, stable"):
                models.resolve("m", version)
            with pytest.raises(ModelNotFound, match=r"no model 'letters'\. Served: m"):
                models.resolve("letters", version)

    asyncio.run(scenario())


def test_default_model_that_is_gone_or_cannot_run_is_not_ready(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with repository(tmp_path) as models:
            models.check_ready()
            models.get("m", 2).batcher.health.problem = "it fails"
            with pytest.raises(NotReady, match="m version 2 cannot run: it fails"):
                models.check_ready()
            models.check_ready(models.get("m", 1))
            await models.unload("m")
            with pytest.raises(NotReady, match="The default model is not served"):
                models.check_ready()

    asyncio.run(scenario())
