"""python -m app predict and read: files and folders, without a server."""

from __future__ import annotations

import csv
import io
import json
import os
import threading
from pathlib import Path

import pytest

from app.__main__ import main
from app.errors import InvalidRequest
from app.offline import read_content
from tests.support.digit_pages import digit_page
from tests.support.document_files import encrypted, heic_of, pdf_of, tiff_of
from tests.support.pictures import encode
from training.datasets.mnist import Digits


@pytest.fixture
def folder(test_digits: Digits, tmp_path: Path) -> Path:
    """Five digits 0.png ... 4.png, the last in a subfolder, beside a text file."""
    (tmp_path / "more").mkdir()
    for index in range(5):
        parent = tmp_path / "more" if index == 4 else tmp_path
        (parent / f"{index}.png").write_bytes(encode(test_digits.images[index]))
    (tmp_path / "notes.txt").write_text("no picture")
    return tmp_path


def run(models: Path, *arguments: str | Path) -> int:
    return main(["predict", "--models", str(models), "--device", "cpu", *map(str, arguments)])


def test_folder_is_read_as_a_table(
    models: Path, folder: Path, test_digits: Digits, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(models, folder) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[2] for line in lines] == [
        str(folder / name) for name in ("0.png", "1.png", "2.png", "3.png", "more/4.png")
    ]
    assert [int(line[0]) for line in lines] == test_digits.labels[:5].tolist()


def test_json_lines_and_csv_hold_the_same(
    models: Path, folder: Path, test_digits: Digits, capsys: pytest.CaptureFixture[str]
) -> None:
    run(models, folder, "--format", "jsonl", "--max-batch-size", "2")
    from_json = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    run(models, folder, "--format", "csv")
    from_csv = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert [result["digit"] for result in from_json] == test_digits.labels[:5].tolist()
    assert [int(result["digit"]) for result in from_csv] == test_digits.labels[:5].tolist()
    assert [result["file"] for result in from_json] == [result["file"] for result in from_csv]
    for one, other in zip(from_json, from_csv, strict=True):
        assert one["confidence"] == pytest.approx(float(other["confidence"]), abs=1e-5)


def test_bad_file_is_reported_and_its_neighbours_are_read(
    models: Path, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = [folder / "0.png", folder / "notes.txt", folder / "missing.png", folder / "1.png"]
    assert run(models, *files, "--format", "jsonl") == 1
    printed = capsys.readouterr()
    first, text, missing, last = (json.loads(line) for line in printed.out.splitlines())
    assert (first["digit"], last["digit"]) == (7, 2)
    assert "not a picture" in text["error"]
    assert "cannot be read" in missing["error"]
    assert "2 could not be read" in printed.err


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_pipe_without_a_writer_is_not_waited_for_and_one_with_a_writer_is_read(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe.png"
    os.mkfifo(pipe)
    with pytest.raises(InvalidRequest, match="a pipe into which no program writes"):
        read_content(pipe, 1000)
    writer = os.open(pipe, os.O_RDWR)
    os.write(writer, b"a picture")
    threading.Timer(0.1, os.close, [writer]).start()
    assert read_content(pipe, 1000) == b"a picture"


def test_unknown_model_is_an_error_of_one_line(models: Path, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(models, folder, "--model", "letters") == 1
    assert capsys.readouterr().err.startswith("error: ")


def read(models: Path, *arguments: str | Path) -> int:
    return main(["read", "--models", str(models), "--device", "cpu", *map(str, arguments)])


@pytest.fixture
def pages(test_digits: Digits, tmp_path: Path) -> Path:
    """7204 above 90 in b.png, 2 in a.png, and c.png, which is not a picture."""
    (tmp_path / "b.png").write_bytes(encode(digit_page(test_digits, [[0, 1, 3, 4], [12, 13]])))
    (tmp_path / "a.png").write_bytes(encode(digit_page(test_digits, [[1]])))
    (tmp_path / "c.png").write_bytes(b"no picture")
    return tmp_path


def test_pages_are_read_as_a_table(models: Path, pages: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert read(models, pages) == 3
    first, second, third = capsys.readouterr().out.splitlines()
    assert first.startswith("2  ")
    assert second.startswith("7204 / 90  ")
    assert str(pages / "c.png") in third


def test_pages_in_json_lines_and_csv_hold_the_same(
    models: Path, pages: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    read(models, pages, "--format", "jsonl", "--max-batch-size", "2")
    from_json = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    read(models, pages, "--format", "csv")
    from_csv = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    texts = [result.get("text", "") for result in from_json]
    assert texts == [result["text"] for result in from_csv] == ["2", "7204\n90", ""]
    assert from_json[1]["accepted"] is True
    assert "not a picture" in from_json[2]["error"]


def test_page_of_too_many_digits_is_reported(models: Path, pages: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert read(models, pages / "b.png", "--max-pictures", "5") == 3
    assert "more than the 5 digits" in capsys.readouterr().out


def test_documents_are_read_page_by_page(
    models: Path, test_digits: Digits, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sheets = [digit_page(test_digits, [[0, 1]]), digit_page(test_digits, [[2, 3]])]
    (tmp_path / "1.pdf").write_bytes(pdf_of(*sheets))
    (tmp_path / "2.tif").write_bytes(tiff_of(*sheets))
    (tmp_path / "3.heic").write_bytes(heic_of(sheets[0]))
    (tmp_path / "4.pdf").write_bytes(encrypted(pdf_of(*sheets)))
    assert main(["read", "--models", str(models), "--device", "cpu", "--format", "jsonl", str(tmp_path)]) == 3
    results = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(Path(result["file"]).name, result.get("text")) for result in results] == [
        ("1.pdf#page=1", "72"),
        ("1.pdf#page=2", "10"),
        ("2.tif#page=1", "72"),
        ("2.tif#page=2", "10"),
        ("3.heic", "72"),
        ("4.pdf", None),
    ]
    assert "encrypted" in results[-1]["error"]
