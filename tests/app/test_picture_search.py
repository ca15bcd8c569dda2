"""Which files of a folder are pictures, and what is said about the others."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from app.picture_search import SUFFIXES, UNSUPPORTED_SUFFIXES, PictureSearch
from app.preprocessing.decode import FORMATS

ON_WINDOWS = sys.platform == "win32"


def fill(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"")


def found(folder: Path, search: PictureSearch) -> list[str]:
    return [path.relative_to(folder).as_posix() for path in search]


@pytest.mark.parametrize(
    "hidden",
    [
        ".ipynb_checkpoints/1-checkpoint.png",
        "._1.png",  # macOS: the attributes of 1.png
        ".Trash-1000/files/1.png",
        "__MACOSX/1.png",
        "@eaDir/1.jpg/SYNOPHOTO_THUMB_M.jpg",  # Synology
        "#recycle/1.png",
        "$RECYCLE.BIN/1.png",
        "more/.thumbnails/normal/1.png",
    ],
)
def test_hidden_files_and_systems_folders_are_passed_over(tmp_path: Path, hidden: str) -> None:
    fill(tmp_path, hidden, "1.png", "Thumbs.db", ".DS_Store", "desktop.ini")
    search = PictureSearch([tmp_path])
    assert found(tmp_path, search) == ["1.png"]
    assert not search.unsupported


def test_hidden_files_and_folders_are_read_if_they_are_named(tmp_path: Path) -> None:
    fill(tmp_path, ".scans/1.png", ".scans/.2.png", "._3.png")
    search = PictureSearch([tmp_path / ".scans", tmp_path / "._3.png"])
    assert found(tmp_path, search) == [".scans/1.png", "._3.png"]


def test_pattern_that_no_shell_has_expanded_is_expanded(tmp_path: Path) -> None:
    """Windows leaves that to the programs."""
    fill(tmp_path, "a/1.png", "a/2.png", "a/.3.png", "a/notes.txt", "b/4.png")
    search = PictureSearch([tmp_path / "a" / "*.png", tmp_path / "?", tmp_path / "*.gif"])
    assert found(tmp_path, search) == ["a/1.png", "a/2.png", "a/1.png", "a/2.png", "b/4.png", "*.gif"]
    assert search.missing == [tmp_path / "*.gif"]


@pytest.mark.skipif(ON_WINDOWS, reason="no file has such a name there")
def test_file_whose_name_looks_like_a_pattern_is_that_file(tmp_path: Path) -> None:
    fill(tmp_path, "[1].png", "1.png")
    assert found(tmp_path, PictureSearch([tmp_path / "[1].png"])) == ["[1].png"]


def test_suffixes_are_those_of_the_formats_that_are_decoded() -> None:
    Image.init()
    registered = {suffix for suffix, name in Image.registered_extensions().items() if name in FORMATS}
    assert registered <= SUFFIXES
    assert not SUFFIXES & UNSUPPORTED_SUFFIXES


def test_suffix_may_be_in_capitals(tmp_path: Path) -> None:
    fill(tmp_path, "1.JFIF", "2.Jpe", "3.PNG", "4.Dib", "5.apng", "6", "7.txt")
    assert found(tmp_path, PictureSearch([tmp_path])) == ["1.JFIF", "2.Jpe", "3.PNG", "4.Dib", "5.apng"]


def test_files_in_other_formats_are_counted_by_kind(tmp_path: Path) -> None:
    fill(tmp_path, "1.heic", "more/2.HEIC", "3.pdf", "4.cr2", "notes.txt", ".hidden.pdf")
    search = PictureSearch([tmp_path])
    assert found(tmp_path, search) == []
    assert search.unsupported == {".heic": 2, ".pdf": 1, ".cr2": 1}
    assert search.empty == [tmp_path]


def test_order_is_that_of_the_names_folder_by_folder(tmp_path: Path) -> None:
    fill(tmp_path, "b.png", "a/2.png", "a/10.png", "a.png", "c/d/1.png", "B.png")
    expected = ["B.png", "a/10.png", "a/2.png", "a.png", "b.png", "c/d/1.png"]
    assert found(tmp_path, PictureSearch([tmp_path])) == expected


def test_named_files_need_no_suffix_and_keep_their_order(tmp_path: Path) -> None:
    fill(tmp_path, "scan", "notes.txt")
    search = PictureSearch([tmp_path / "scan", tmp_path / "missing", tmp_path / "notes.txt", Path("-")])
    assert list(search) == [tmp_path / "scan", tmp_path / "missing", tmp_path / "notes.txt", Path("-")]
    assert search.missing == [tmp_path / "missing"]


def test_folder_is_listed_while_the_search_goes_on(tmp_path: Path) -> None:
    """A folder of millions is no list in memory: a picture that appears in a later subfolder is found."""
    fill(tmp_path, "a/1.png", "b/1.png")
    search: Iterator[Path] = iter(PictureSearch([tmp_path]))
    next(search)
    fill(tmp_path, "b/2.png")
    assert [path.name for path in search] == ["1.png", "2.png"]


@pytest.mark.skipif(ON_WINDOWS, reason="links need a privilege, and there are no named pipes")
def test_links_form_no_loop_and_pipes_are_not_opened(tmp_path: Path) -> None:
    """A link to a folder is named. One to a picture is a picture, even where it leads nowhere: reading says so."""
    fill(tmp_path, "1.png", "more/2.png")
    for name, target in {"more/up": "..", "self.png": "self.png", "gone.png": "nowhere", "link.png": "1.png"}.items():
        (tmp_path / name).symlink_to(target)
    os.mkfifo(tmp_path / "pipe.png")
    (tmp_path / "to_pipe.png").symlink_to("pipe.png")
    search = PictureSearch([tmp_path])
    assert found(tmp_path, search) == ["1.png", "gone.png", "link.png", "more/2.png", "self.png"]
    assert search.links == [tmp_path / "more/up"]


@pytest.mark.skipif(ON_WINDOWS, reason="paths have another limit")
def test_folder_that_cannot_be_listed_is_remembered_and_the_others_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A path above 4,096 bytes stands for every reason of the system's: administrators may read every folder."""
    fill(tmp_path, "z.png")
    monkeypatch.chdir(tmp_path)
    for _ in range(20):
        Path("f" * 250).mkdir()
        os.chdir("f" * 250)
    search = PictureSearch([tmp_path])
    assert found(tmp_path, search) == ["z.png"]
    (error,) = search.unlisted.values()
    assert error.strerror == "File name too long"


@pytest.mark.skipif(ON_WINDOWS, reason="paths have another limit")
def test_folders_may_be_nested_deeper_than_python_calls_functions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for _ in range(1100):
        Path("f").mkdir()
        os.chdir("f")
    Path("1.png").write_bytes(b"")
    assert [path.name for path in PictureSearch([tmp_path])] == ["1.png"]
    for _ in range(1100):  # pytest's own removal of the folder would call itself as often
        os.chdir("..")
        for file in Path("f").iterdir():
            file.unlink() if file.is_file() else file.rmdir()
