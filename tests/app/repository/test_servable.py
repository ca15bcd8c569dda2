"""A version starts warmed up, answers all requests, and is closed without losing one."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from app.errors import ModelRefused, Stopping
from app.repository.precision import load_model
from app.repository.servable import Servable, retire
from app.repository.version_folders import VersionFolder
from tests.support.constant_model import write_version
from tests.support.servables import BATCH, slow_down, zeros


async def started(root: Path, name: str = "m", graph: bytes | None = None) -> Servable:
    """Version 2 of a model, which predicts a 2 for every image."""
    folder = VersionFolder(write_version(root / name, 2, graph), 2, frozenset())
    manifest, graphs = folder.read(None)
    return await Servable.start(manifest, folder, load_model(graphs, "cpu", "auto", BATCH.max_batch_size), BATCH)


def test_it_starts_warm_and_answers_more_images_than_a_batch_holds(tmp_path: Path) -> None:
    async def scenario() -> None:
        servable = await started(tmp_path)
        assert servable.model.seconds_per_image > 0  # measured by the warm-up
        assert (await servable.predict(zeros(20))).argmax(axis=1).tolist() == [2] * 20
        await servable.close()

    asyncio.run(scenario())


def test_graph_that_cannot_be_loaded_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelRefused, match="cannot load the graph"):
        asyncio.run(started(tmp_path, graph=b"no graph"))


def test_images_that_no_client_sent_are_not_counted(tmp_path: Path) -> None:
    async def scenario() -> None:
        servable = await started(tmp_path, "uncounted")
        await servable.run(zeros(1))
        assert not servable.drift._rows
        await servable.predict(zeros(1))
        assert len(servable.drift._rows) == 1
        await servable.close()

    asyncio.run(scenario())


def test_closing_answers_waiting_requests_and_refuses_new_ones(tmp_path: Path) -> None:
    async def scenario() -> None:
        servable = await started(tmp_path)
        slow_down(servable, 0.1)
        waiting = asyncio.ensure_future(servable.predict(zeros(2)))
        await asyncio.sleep(0.05)
        closing = asyncio.ensure_future(servable.close())
        await asyncio.sleep(0)
        with pytest.raises(Stopping):
            servable.check_capacity()
        with pytest.raises(Stopping):
            await servable.predict(zeros(1))
        await closing
        assert waiting.done()
        assert (await waiting).shape == (2, 10)

    asyncio.run(scenario())


def test_retired_servable_still_answers_requests_that_hold_it(tmp_path: Path) -> None:
    async def scenario() -> None:
        held = await started(tmp_path)
        await retire([held])
        held.check_capacity()
        assert (await held.predict(zeros(100))).shape == (100, 10)
        with pytest.raises(Stopping):
            held.batcher.check_capacity()

    asyncio.run(scenario())
