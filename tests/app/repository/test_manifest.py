"""Versions on disk are found, chosen, and checked before they are served."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from app.errors import ModelRefused
from app.repository.manifest import GRAPH_FILE, MANIFEST_FILE, read_version
from app.repository.version_folders import LABELS_FILE, list_versions, newest_version, parse_labels, scan
from app.repository.version_policy import VersionPolicy


@pytest.fixture
def copied(models: Path, tmp_path: Path) -> Path:
    """A models folder of one's own with versions 1, 2 and 10 of one model."""
    return copy_versions(models, tmp_path)


def copy_versions(models: Path, root: Path) -> Path:
    shutil.copytree(models / "digits-mlp/1", root / "digits-mlp/1")
    for version in (2, 10):
        add_version(root, version)
    return root


def add_version(root: Path, version: int) -> Path:
    """Another version of the model, with the same graph."""
    folder = root / "digits-mlp" / str(version)
    shutil.copytree(root / "digits-mlp/1", folder)
    edit(folder, version=version)
    return folder


def edit(folder: Path, **changes: Any) -> None:
    manifest = json.loads((folder / MANIFEST_FILE).read_text())
    (folder / MANIFEST_FILE).write_text(json.dumps({**manifest, **changes}))


def test_what_is_no_version_is_passed_over(copied: Path) -> None:
    (copied / "digits-mlp/draft").mkdir()
    (copied / "README.md").write_text("hello")
    assert [folder.name for folder in list_versions(copied)] == ["1", "2", "10"]
    assert [each.version for each in scan(copied)["digits-mlp"].versions] == [10, 2, 1]
    assert newest_version(copied, "digits-mlp").name == "10"


def test_model_that_is_not_there_is_said(copied: Path) -> None:
    with pytest.raises(ModelRefused, match="no model 'letters'"):
        newest_version(copied, "letters")


def test_folder_that_is_missing_or_holds_nothing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelRefused, match=r"No such file or directory.*--models"):
        list_versions(tmp_path / "nowhere")
    with pytest.raises(ModelRefused, match="publish"):
        list_versions(tmp_path)


def test_graph_that_differs_from_its_manifest_is_refused(copied: Path) -> None:
    graph = copied / "digits-mlp/2" / GRAPH_FILE
    content = bytearray(graph.read_bytes())
    content[len(content) // 2] ^= 1  # one bit of one weight
    graph.write_bytes(content)
    with pytest.raises(ModelRefused, match=r"digits-mlp/2.*sha256"):
        read_version(graph.parent)


@pytest.mark.parametrize("name", [GRAPH_FILE, MANIFEST_FILE])
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


def test_committed_models_are_what_their_manifests_say(models: Path) -> None:
    for folder in list_versions(models):
        manifest, graph = read_version(folder)
        assert manifest.bytes == len(graph) < 1_000_000
        assert manifest.parity.equal_argmax
        assert manifest.parity.max_abs_difference <= 1e-5
        (image,) = manifest.inputs
        assert (image.name, image.dtype, image.shape) == ("image", "uint8", ["batch", 28, 28])
        assert {each.name: each.shape for each in manifest.outputs} == {
            "probabilities": ["batch", 10],
            "logits": ["batch", 11 if manifest.config["options"].get("rejects") else 10],
        }


# --- which of them, and what changed ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("policy", "served"),
    [("all", [10, 2, 1]), ("latest:1", [10]), ("latest:2", [10, 2]), ("latest:9", [10, 2, 1]), ("specific:1,3", [1])],
)
def test_policy_chooses_among_versions(policy: str, served: list[int]) -> None:
    chosen: list[int] = []
    for version in (10, 2, 1):
        if VersionPolicy.parse(policy).includes(version, newer=len(chosen)):
            chosen.append(version)
    assert chosen == served


def files(root: Path) -> Any:
    return scan(root)["digits-mlp"].versions[0].files


def test_files_are_other_ones_after_any_change_and_the_same_without_one(copied: Path) -> None:
    graph = copied / "digits-mlp/10" / GRAPH_FILE
    before = files(copied)
    assert files(copied) == before
    content, stat = graph.read_bytes(), graph.stat()
    graph.write_bytes(content[::-1])
    os.utime(graph, ns=(stat.st_atime_ns, stat.st_mtime_ns))  # as a copy that keeps times has it
    assert files(copied) != before
    again = files(copied)
    (graph.parent / "card.md").unlink()
    assert files(copied) != again


def test_link_to_nothing_is_no_file(copied: Path) -> None:
    before = files(copied)
    (copied / "digits-mlp/10/broken").symlink_to("nowhere")
    assert files(copied) == before


def test_labels_name_versions_that_are_served(copied: Path) -> None:
    assert scan(copied)["digits-mlp"].labels is None
    (copied / "digits-mlp" / LABELS_FILE).write_text('{"stable": 2, "canary": 10}')
    assert parse_labels(scan(copied)["digits-mlp"].labels, {2, 10}) == {"stable": 2, "canary": 10}
    assert parse_labels(None, {2}) == {}


@pytest.mark.parametrize(
    ("content", "words"),
    [(b"{", "wrong"), (b"[]", "wrong"), (b'{"stable": "2"}', "stable"), (b'{"stable": 3}', "'stable' names version 3")],
)
def test_wrong_labels_are_refused(content: bytes, words: str) -> None:
    with pytest.raises(ModelRefused, match=words):
        parse_labels(content, {2})
