"""The folders of models and versions: which there are, whether they changed, and their labels."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from app.errors import ModelRefused
from app.repository.files import FileStates
from app.repository.manifest import GRAPH_FILE
from app.repository.signature import SIGNATURE_FILE
from app.repository.version_folders import (
    LABELS_FILE,
    list_versions,
    newest_version,
    parse_labels,
    scan_model,
)


def test_files_and_folders_that_are_not_versions_are_skipped(copied_models: Path) -> None:
    (copied_models / "digits-mlp/draft").mkdir()
    (copied_models / "README.md").write_text("hello")
    assert [folder.name for folder in list_versions(copied_models)] == ["1", "2", "10"]
    assert [folder.version for folder in scan_model(copied_models / "digits-mlp").versions] == [10, 2, 1]
    assert newest_version(copied_models, "digits-mlp").name == "10"


def test_unknown_model_is_named(copied_models: Path) -> None:
    with pytest.raises(ModelRefused, match="no model 'letters'"):
        newest_version(copied_models, "letters")


def test_missing_or_empty_models_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelRefused, match=r"No such file or directory.*--models"):
        list_versions(tmp_path / "nowhere")
    with pytest.raises(ModelRefused, match="publish"):
        list_versions(tmp_path)


def files(root: Path) -> FileStates:
    return scan_model(root / "digits-mlp").versions[0].files


def test_file_states_differ_after_any_change_and_only_then(copied_models: Path) -> None:
    graph = copied_models / "digits-mlp/10" / GRAPH_FILE
    before = files(copied_models)
    assert files(copied_models) == before
    content, stat = graph.read_bytes(), graph.stat()
    graph.write_bytes(content[::-1])
    os.utime(graph, ns=(stat.st_atime_ns, stat.st_mtime_ns))  # as after a copy that keeps times
    assert files(copied_models) != before
    changed = files(copied_models)
    (graph.parent / "card.md").unlink()  # for people
    assert files(copied_models) == changed
    (graph.parent / SIGNATURE_FILE).write_text("{}")
    assert files(copied_models) != changed


def test_dangling_link_is_not_a_file(copied_models: Path) -> None:
    before = files(copied_models)
    (copied_models / "digits-mlp/10/broken").symlink_to("nowhere")
    assert files(copied_models) == before


def test_labels_name_versions_that_are_served(copied_models: Path) -> None:
    assert scan_model(copied_models / "digits-mlp").labels is None
    (copied_models / "digits-mlp" / LABELS_FILE).write_text('{"stable": 2, "canary": 10}')
    assert parse_labels(scan_model(copied_models / "digits-mlp").labels, {2, 10}) == {"stable": 2, "canary": 10}
    assert parse_labels(None, {2}) == {}


@pytest.mark.parametrize(
    ("content", "words"),
    [(b"{", "wrong"), (b"[]", "wrong"), (b'{"stable": "2"}', "stable"), (b'{"stable": 3}', "'stable' names version 3")],
)
def test_malformed_labels_are_refused(content: bytes, words: str) -> None:
    with pytest.raises(ModelRefused, match=words):
        parse_labels(content, {2})
