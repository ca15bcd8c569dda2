"""Versions on disk are checked before they are served."""

from __future__ import annotations

import asyncio
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from app.errors import ModelNotFound, ModelRefused
from app.repository import GRAPH, MANIFEST, BatchSettings, ModelRepository, newest_version, read_version

BATCH = BatchSettings(max_batch_size=8, max_batch_delay_ms=0, max_queue_size=64)


@pytest.fixture
def copied(models: Path, tmp_path: Path) -> Path:
    """A models folder of one's own with versions 1, 2 and 10 of one model."""
    for version in (1, 2, 10):
        folder = tmp_path / "digits-mlp" / str(version)
        shutil.copytree(models / "digits-mlp/1", folder)
        edit(folder, version=version)
    return tmp_path


def edit(folder: Path, **changes: Any) -> None:
    manifest = json.loads((folder / MANIFEST).read_text())
    (folder / MANIFEST).write_text(json.dumps({**manifest, **changes}))


def repository(root: Path, default: str = "digits-mlp") -> ModelRepository:
    return ModelRepository(root, "cpu", BATCH, default)


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
    assert newest_version(copied, "digits-mlp").name == "10"


def test_what_is_no_version_is_passed_over(copied: Path) -> None:
    (copied / "digits-mlp/draft").mkdir()
    (copied / "README.md").write_text("hello")

    async def scenario() -> None:
        async with repository(copied) as models:
            assert len(list(models)) == 3

    asyncio.run(scenario())


def test_graph_that_differs_from_its_manifest_is_refused(copied: Path) -> None:
    graph = copied / "digits-mlp/2" / GRAPH
    content = bytearray(graph.read_bytes())
    content[len(content) // 2] ^= 1  # one bit of one weight
    graph.write_bytes(content)
    with pytest.raises(ModelRefused, match=r"digits-mlp/2.*sha256"):
        read_version(graph.parent)


@pytest.mark.parametrize("name", [GRAPH, MANIFEST])
def test_missing_file_is_named_without_its_path(copied: Path, name: str) -> None:
    (copied / "digits-mlp/1" / name).unlink()
    with pytest.raises(ModelRefused, match=f"digits-mlp/1: {name}") as refused:
        read_version(copied / "digits-mlp/1")
    assert str(copied) not in str(refused.value)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"version": 7}, "says it is digits-mlp/7"),
        ({"name": "x"}, "says it is x/1"),
        ({"threshold": "high"}, "threshold"),
    ],
)
def test_wrong_manifest_is_refused(copied: Path, changes: dict[str, Any], words: str) -> None:
    edit(copied / "digits-mlp/1", **changes)
    with pytest.raises(ModelRefused, match=words):
        read_version(copied / "digits-mlp/1")


def test_folder_that_is_missing_or_holds_nothing_is_refused(tmp_path: Path) -> None:
    async def start(root: Path) -> None:
        async with repository(root):
            pass

    with pytest.raises(ModelRefused, match="--models"):
        asyncio.run(start(tmp_path / "nowhere"))
    with pytest.raises(ModelRefused, match="publish"):
        asyncio.run(start(tmp_path))


def test_default_model_that_is_not_there_is_refused(copied: Path) -> None:
    async def start() -> None:
        async with repository(copied, "digits"):
            pass

    with pytest.raises(ModelRefused, match="found: digits-mlp"):
        asyncio.run(start())


def test_committed_models_are_what_their_manifests_say(models: Path) -> None:
    for name in ("digits", "digits-mlp"):
        manifest, graph = read_version(models / name / "1")
        assert manifest.bytes == len(graph) < 1_000_000
        assert manifest.parity.equal_argmax
        assert manifest.parity.max_abs_difference <= 1e-5
        (image,) = manifest.inputs
        assert (image.name, image.dtype, image.shape) == ("image", "uint8", ["batch", 28, 28])
        assert {each.name: each.shape for each in manifest.outputs} == {
            "probabilities": ["batch", 10],
            "logits": ["batch", 10],
        }
