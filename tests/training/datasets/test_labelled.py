"""A user's labelled pictures are found in folders, tables and corrections."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.corrections.folder import open_folder
from app.corrections.record import Correction
from training.datasets.labelled import find_labelled
from training.errors import DataError


def make_files(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(name.encode())


def test_pictures_are_labelled_by_the_folder_they_lie_in(tmp_path: Path) -> None:
    make_files(tmp_path, "7/b.png", "7/deep/a.jpg", "none/cat.webp", "0/c.heic", "7/notes.txt", ".git/x.png")
    found = find_labelled(tmp_path)
    assert [(str(file.relative_to(tmp_path)), text) for file, text in found.pictures] == [
        ("0/c.heic", "0"),
        ("7/b.png", "7"),
        ("7/deep/a.jpg", "7"),
        ("none/cat.webp", "none"),
    ]
    assert found.problems == []


def test_a_folder_with_another_name_is_named(tmp_path: Path) -> None:
    make_files(tmp_path, "7/a.png", "seven/a.png")
    assert find_labelled(tmp_path).problems == [
        f"{tmp_path}/seven: the folder's name is not one of 0 to 9 and none",
    ]


def test_a_table_names_files_and_their_digits(tmp_path: Path) -> None:
    table = tmp_path / "labels.csv"
    table.write_text(
        "file,writer,label\nscans/a.png,Ann,7\nb.png,Bob,0417\nc.png,Cid,seven\nd.png,Dan\ne.png,Eve,none\n"
    )
    found = find_labelled(table)
    assert [(file, text) for file, text in found.pictures] == [
        (tmp_path / "scans/a.png", "7"),
        (tmp_path / "b.png", "0417"),
        (tmp_path / "e.png", "none"),
    ]
    assert found.problems == [
        f"{table}, line 4: the label 'seven' is not digits or none",
        f"{table}, line 5: the label '' is not digits or none",
    ]


def test_a_table_without_its_columns_is_refused(tmp_path: Path) -> None:
    table = tmp_path / "labels.csv"
    table.write_text("picture;digit\na.png;7\n")
    with pytest.raises(DataError, match="no columns file and label"):
        find_labelled(table)


def test_corrections_are_read_as_the_service_writes_them(tmp_path: Path) -> None:
    folder = open_folder(tmp_path / "kept", 2**20)
    names = [folder.write(digits.encode(), Correction(digits=digits)) for digits in ("7", "4149", "none")]
    found = find_labelled(folder.path)
    assert sorted(found.pictures) == sorted(
        (folder.path / f"{name}.png", digits) for name, digits in zip(names, ("7", "4149", "none"), strict=True)
    )
    assert (found.kind, found.problems) == ("corrections", [])


def test_damaged_corrections_are_named_and_unfinished_ones_are_ignored(tmp_path: Path) -> None:
    folder = open_folder(tmp_path, 2**20)
    good, changed, lonely, broken = (folder.write(b"a picture", Correction(digits="7")) for _ in range(4))
    (tmp_path / f"{changed}.png").write_bytes(b"another")
    (tmp_path / f"{lonely}.png").unlink()
    (tmp_path / f"{broken}.json").write_text('{"digits": "7"}')
    make_files(tmp_path, "unfinished.png", ".unfinished.json.part")
    found = find_labelled(tmp_path)
    assert [file.stem for file, _ in found.pictures] == [good]
    assert len(found.problems) == 3
    for name in (changed, lonely, broken):
        assert any(name in problem for problem in found.problems)


def test_what_is_none_of_the_three_is_told_what_to_do(tmp_path: Path) -> None:
    make_files(tmp_path, "a.png")
    with pytest.raises(DataError, match="sort the pictures into such folders, or name a CSV table"):
        find_labelled(tmp_path)
    with pytest.raises(DataError, match="does not exist"):
        find_labelled(tmp_path / "missing")
