"""Repositories over a folder that a test may change."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

from app.repository.repository import ModelRepository
from app.repository.version_policy import VersionPolicy, VersionSettings
from tests.support.servables import BATCH, zeros


def repository(root: Path, default: str = "digits-mlp", policy: str = "all", **settings: Any) -> ModelRepository:
    return ModelRepository(root, "cpu", BATCH, default, VersionSettings(VersionPolicy.parse(policy), **settings))


def versions_of(models: ModelRepository) -> list[int]:
    return [servable.manifest.version for servable in models]


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):  # usually a moment
        while not condition():
            await asyncio.sleep(0.01)


async def predicted_digit(models: ModelRepository) -> int:
    (row,) = await models.get().predict(zeros(1))
    return int(row.argmax())


def start(models: ModelRepository) -> None:
    async def scenario() -> None:
        async with models:
            pass

    asyncio.run(scenario())
