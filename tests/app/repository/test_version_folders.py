"""The folders of models and versions: which there are, whether they changed, and their labels."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

from app.errors import ModelRefused
from app.repository.files import FileStates
from app.repository.manifest import GRAPH_FILE, MANIFEST_FILE
from app.repository.signature import SIGNATURE_FILE
from app.repository.version_folders import (
    LABELS_FILE,
    find_models,
    list_versions,
    newest_of,
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


@pytest.mark.parametrize("name", ["v8", "1.0.0", "digits"])
def test_folders_that_were_passed_over_are_named_with_the_right_layout(tmp_path: Path, name: str) -> None:
    (tmp_path / "digits" / name / "8").mkdir(parents=True)
    (tmp_path / "digits/.git").mkdir()
    with pytest.raises(ModelRefused) as refused:
        list_versions(tmp_path)
    assert f"there is no {tmp_path}/<name>/<version>" in str(refused.value)
    assert str(refused.value).endswith(f"passed over: digits/{name}")


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


@pytest.mark.parametrize("name", ["1700000000", "20261129101500123", str(2**63 - 1)])
def test_version_may_be_any_positive_64_bit_integer(copied_models: Path, name: str) -> None:
    (copied_models / "digits-mlp" / name).mkdir()
    folder = scan_model(copied_models / "digits-mlp")
    assert folder.versions[0].version == int(name)
    assert not folder.problems


@pytest.mark.parametrize("name", ["0", "007", str(2**63), "9" * 20, "\u00b2", "\uff11", "\u0661"])
def test_number_that_is_no_version_is_named(copied_models: Path, name: str) -> None:
    (copied_models / "digits-mlp" / name).mkdir()
    folder = scan_model(copied_models / "digits-mlp")
    assert [version.version for version in folder.versions] == [10, 2, 1]
    assert list(folder.problems) == [name]
    assert "a version is a whole number from 1 to" in folder.problems[name]


@pytest.mark.parametrize("name", [".staging", "..2026_11_29", "-1", "+7", "7.0", "v7", "7~", "latest"])
def test_other_names_are_no_versions(copied_models: Path, name: str) -> None:
    shutil.copytree(copied_models / "digits-mlp/1", copied_models / "digits-mlp" / name)
    folder = scan_model(copied_models / "digits-mlp")
    assert [version.version for version in folder.versions] == [10, 2, 1]
    assert not folder.problems


@pytest.mark.parametrize(
    "name",
    [
        ".staging",
        "..data",
        ".git",
        "lost+found",
        "@eaDir",
        "__MACOSX",
        ".ipynb_checkpoints",
        "#recycle",
        "$RECYCLE.BIN",
    ],
)
def test_hidden_folders_and_those_of_systems_are_no_models(copied_models: Path, name: str) -> None:
    shutil.copytree(copied_models / "digits-mlp/1", copied_models / name / "1")
    assert list(find_models(copied_models, "digits")) == ["digits-mlp"]


def test_name_that_is_no_text_is_no_model(copied_models: Path) -> None:
    for name in (b"\xff", b"line\nbreak"):
        os.mkdir(os.path.join(os.fsencode(copied_models), name))  # noqa: PTH102, PTH118  # pathlib takes no bytes
    assert list(find_models(copied_models, "digits")) == ["digits-mlp"]


def test_folder_of_one_model_is_served_under_the_default_name(copied_models: Path) -> None:
    """As KServe mounts it at /mnt/models and TensorFlow Serving at its model_base_path."""
    root = copied_models / "digits-mlp"
    assert find_models(root, "mine") == {"mine": root}
    assert [(version.version, version.served_as) for version in scan_model(root, "mine").versions] == [
        (10, "mine"),
        (2, "mine"),
        (1, "mine"),
    ]
    manifest, graphs = newest_of(root, "mine").read(None)
    assert (manifest.name, manifest.version) == ("mine", 10)
    assert len(graphs.float32) == manifest.bytes


def test_folder_of_one_version_is_served_under_the_default_name(copied_models: Path) -> None:
    root = copied_models / "digits-mlp/10"
    assert find_models(root, "mine") == {"mine": root}
    manifest, _ = newest_of(root, "mine").read(None)
    assert (manifest.name, manifest.version) == ("mine", 10)


def test_version_in_the_folder_of_one_model_must_be_that_of_its_manifest(copied_models: Path) -> None:
    root = copied_models / "digits-mlp"
    (root / "10").rename(root / "11")
    with pytest.raises(ModelRefused, match="its manifest says it is digits-mlp/10"):
        newest_of(root, "mine").read(None)


def test_graph_without_a_manifest_is_refused_with_the_way_to_publish_it(copied_models: Path) -> None:
    root = copied_models / "digits-mlp/10"
    (root / MANIFEST_FILE).unlink()
    with pytest.raises(ModelRefused, match=r"there is no manifest\.json.*python -m training publish"):
        newest_of(root, "mine").read(None)


def test_files_of_a_version_outside_a_version_folder_are_named(copied_models: Path) -> None:
    shutil.copy(copied_models / "digits-mlp/1" / GRAPH_FILE, copied_models / "digits-mlp")
    assert "belong in a folder named by its number" in scan_model(copied_models / "digits-mlp").problems[GRAPH_FILE]
    assert "belong" in scan_model(copied_models / "digits-mlp", "mine").problems[GRAPH_FILE]


def test_links_are_followed(copied_models: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    """As ConfigMaps and git-sync make them: a folder behind a link that is replaced at once."""
    mount = tmp_path_factory.mktemp("mount")
    shutil.copytree(copied_models, mount / "..2026_11_29")
    (mount / "..data").symlink_to("..2026_11_29")
    (mount / "digits-mlp").symlink_to("..data/digits-mlp")
    (mount / "current").symlink_to("digits-mlp")
    assert sorted(find_models(mount, "digits")) == ["current", "digits-mlp"]
    assert [version.version for version in scan_model(mount / "digits-mlp").versions] == [10, 2, 1]
    (mount / "digits-mlp/latest").symlink_to("10")
    (mount / "digits-mlp/11").symlink_to("10")
    (mount / "digits-mlp/12").symlink_to("12")  # to itself
    (mount / "digits-mlp/13").symlink_to("nowhere")
    folder = scan_model(mount / "digits-mlp")
    assert [version.version for version in folder.versions] == [11, 10, 2, 1]
    with pytest.raises(ModelRefused, match="digits-mlp/11: its manifest says it is digits-mlp/10"):
        folder.versions[0].read(None)


@pytest.mark.parametrize("label", ["7", "0", "", "a/b", "a:b", "a=b", "a b", "\u0662"])
def test_label_that_could_not_be_asked_for_is_refused(label: str) -> None:
    with pytest.raises(ModelRefused, match="the label"):
        parse_labels(json.dumps({label: 2}).encode(), {2})


@pytest.mark.parametrize("content", [b"", b" \n", b'{"stab', b"null", b'{"stable": 2.0}', b"\xff", b"[" * 100_000])
def test_labels_that_are_not_written_yet_are_refused(content: bytes) -> None:
    with pytest.raises(ModelRefused, match="wrong"):
        parse_labels(content, {2})
