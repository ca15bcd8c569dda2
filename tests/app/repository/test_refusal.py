"""A version that cannot be served is refused, reported once, and tried again once its files change."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

import pytest

from app.errors import DeviceUnavailable, ModelRefused
from app.inference.session import Model
from app.observability import metrics
from app.repository.manifest import GRAPH_FILE, MANIFEST_FILE
from tests.conftest import PREVIOUS, ROOT
from tests.support.constant_model import graph_of, write_version
from tests.support.model_versions import add_version
from tests.support.repositories import predicted_digit, repository, start, versions_of
from tests.support.servables import zeros

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
    def busy(*_: object) -> Model:
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


def test_unavailable_device_stops_the_start_but_later_only_refuses_the_version(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_memory_left(*_: object) -> Model:
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
