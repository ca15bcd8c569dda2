"""Versions on disk are checked before they are served."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from app.errors import ModelRefused
from app.repository.manifest import GRAPH_FILE, INT8_FILE, MANIFEST_FILE, Graphs, read_version
from app.repository.version_folders import list_versions
from tests.support.constant_model import graph_of, write_version
from tests.support.model_versions import add_int8, edit_manifest


def test_graph_that_differs_from_its_manifest_is_refused(copied_models: Path) -> None:
    graph = copied_models / "digits-mlp/2" / GRAPH_FILE
    content = bytearray(graph.read_bytes())
    content[len(content) // 2] ^= 1  # one bit of one weight
    graph.write_bytes(content)
    with pytest.raises(ModelRefused, match=r"digits-mlp/2.*sha256"):
        read_version(graph.parent)


@pytest.mark.parametrize("name", [GRAPH_FILE, MANIFEST_FILE])
def test_missing_file_is_named_without_its_path(copied_models: Path, name: str) -> None:
    (copied_models / "digits-mlp/1" / name).unlink()
    with pytest.raises(ModelRefused, match=f"digits-mlp/1: .*{name}") as refused:
        read_version(copied_models / "digits-mlp/1")
    assert str(copied_models) not in str(refused.value)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"version": 7}, "says it is digits-mlp/7"),
        ({"name": "x"}, "says it is x/1"),
        ({"threshold": "high"}, "threshold"),
        ({"threshold": float("nan")}, "threshold"),
        ({"created": "yesterday"}, "created"),
        ({"metrics": [{"name": "accuracy", "value": 0.5, "data": "", "interval": [0.6, 0.4]}]}, "interval"),
    ],
)
def test_malformed_or_foreign_manifest_is_refused(copied_models: Path, changes: dict[str, Any], words: str) -> None:
    edit_manifest(copied_models / "digits-mlp/1", **changes)
    with pytest.raises(ModelRefused, match=words):
        read_version(copied_models / "digits-mlp/1")


def test_manifest_with_a_byte_order_mark_is_read_and_one_in_utf_16_is_named(copied_models: Path) -> None:
    folder = copied_models / "digits-mlp/1"
    manifest = (folder / MANIFEST_FILE).read_text()
    (folder / MANIFEST_FILE).write_text(manifest, encoding="utf-8-sig")
    assert read_version(folder)[0].version == 1
    (folder / MANIFEST_FILE).write_text(manifest, encoding="utf-16")
    with pytest.raises(ModelRefused, match=r"digits-mlp/1: manifest\.json is in UTF-16"):
        read_version(folder)


def test_int8_graph_is_read_where_the_manifest_describes_it(tmp_path: Path) -> None:
    folder = write_version(tmp_path / "m", 3)
    (folder / INT8_FILE).write_bytes(b"of another version")
    assert read_version(folder)[1] == Graphs(graph_of(3), None)
    assert read_version(add_int8(folder, graph_of(8)))[1] == Graphs(graph_of(3), graph_of(8))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (graph_of(8)[:-1], r"m/3: model\.int8\.onnx has .* bytes, but its manifest describes one of"),
        (graph_of(8)[:-1] + b"\0", r"m/3: model\.int8\.onnx is not the file its manifest describes"),
        (None, r"m/3: model\.int8\.onnx cannot be read"),
    ],
    ids=["shorter", "tampered", "missing"],
)
def test_int8_graph_that_differs_from_its_manifest_is_refused(
    tmp_path: Path, content: bytes | None, words: str
) -> None:
    folder = add_int8(write_version(tmp_path / "m", 3), graph_of(8))
    (folder / INT8_FILE).unlink()
    if content is not None:
        (folder / INT8_FILE).write_bytes(content)
    with pytest.raises(ModelRefused, match=words):
        read_version(folder)


def test_manifest_from_before_there_were_recipes_names_none(models: Path) -> None:
    manifest, _ = read_version(models / "digits-mlp/1")
    assert (manifest.recipe, manifest.commit, manifest.machine, manifest.parents) == (None, None, None, [])


def test_committed_models_are_what_their_manifests_say(models: Path) -> None:
    for folder in list_versions(models):
        manifest, graphs = read_version(folder)
        assert manifest.bytes == len(graphs.float32) < 1_000_000
        assert manifest.parity.equal_argmax
        assert manifest.parity.max_abs_difference <= 1e-5
        (image,) = manifest.inputs
        assert (image.name, image.dtype, image.shape) == ("image", "uint8", ["batch", 28, 28])
        assert {tensor.name: tensor.shape for tensor in manifest.outputs} == {
            "probabilities": ["batch", 10],
            "logits": ["batch", 11 if manifest.config["options"].get("rejects") else 10],
        }
