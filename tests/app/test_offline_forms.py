"""python -m app template, and read --template: from a blank form to one row a sheet."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from app.__main__ import main
from tests.support.digit_pages import digit_page
from tests.support.pictures import encode
from training.datasets.mnist import Digits

BOXES = {"meter": (60, 80, 400, 120), "count": (520, 80, 300, 120)}


def blank() -> NDArray[np.uint8]:
    paper = np.full((400, 900), 255, np.uint8)
    for x, y, width, height in BOXES.values():
        cv2.rectangle(paper, (x, y), (x + width, y + height), (0,), 3)
    return paper


def filled_in(digits: Digits, *fields: list[int]) -> NDArray[np.uint8]:
    paper = blank()
    for indices, (left, top, _, _) in zip(fields, BOXES.values(), strict=True):
        written = digit_page(digits, [indices])[20:-20, 20:-20]
        part = paper[top + 16 : top + 16 + len(written), left + 8 : left + 8 + written.shape[1]]
        np.minimum(part, written, out=part)
    return paper


@pytest.fixture
def scans(test_digits: Digits, tmp_path: Path) -> Path:
    """Two forms, 7210 and 41, 41 and 72, and a file that is no picture."""
    folder = tmp_path / "scans"
    folder.mkdir()
    (folder / "a.png").write_bytes(encode(filled_in(test_digits, [0, 1, 2, 3], [4, 5])))
    (folder / "b.png").write_bytes(encode(filled_in(test_digits, [4, 5], [0, 1])))
    (folder / "c.png").write_bytes(b"no picture")
    return folder


@pytest.fixture
def template(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    """As it is proposed, with the fields' own names, and a length of the first."""
    (tmp_path / "blank.png").write_bytes(encode(blank()))
    assert main(["template", str(tmp_path / "blank.png")]) == 0
    proposed = json.loads(capsys.readouterr().out)["fields"]
    fields = dict(zip(BOXES, proposed.values(), strict=True))
    fields["meter"]["length"] = 4
    path = tmp_path / "form.json"
    path.write_text(json.dumps({"fields": fields}))
    return path


def read(models: Path, template: Path, scans: Path, output_format: str) -> int:
    options = ["--models", str(models), "--device", "cpu", "--format", output_format]
    return main(["read", "--template", str(template), *options, str(scans)])


def test_forms_are_one_row_each_with_a_column_for_each_field(
    models: Path, template: Path, scans: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert read(models, template, scans, "csv") == 3
    first, second, third = csv.DictReader(io.StringIO(capsys.readouterr().out))
    assert list(first) == ["file", "meter", "count", "doubtful", "error"]
    assert (first["meter"], first["count"], first["doubtful"], first["error"]) == ("7210", "41", "", "")
    assert (second["meter"], second["count"], second["doubtful"]) == ("41", "72", "meter")
    assert (third["meter"], third["count"]) == ("", "")
    assert "not a picture" in third["error"]


def test_forms_in_json_lines_and_as_a_table(
    models: Path, template: Path, scans: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    read(models, template, scans, "jsonl")
    first, *_ = map(json.loads, capsys.readouterr().out.splitlines())
    assert first["fields"]["meter"]["text"] == "7210"
    assert first["accepted"] is True
    read(models, template, scans, "table")
    first, second, third = capsys.readouterr().out.splitlines()
    assert first.startswith("meter=7210  count=41  ")
    assert "(not sure)" in second
    assert str(scans / "c.png") in third


def test_wrong_template_is_an_error_of_one_line(
    models: Path, scans: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for content, named in (('{"fields": {"meter": {"x": 2}}}', "the field 'meter', x"), ("no JSON", "Invalid JSON")):
        (tmp_path / "wrong.json").write_text(content)
        assert read(models, tmp_path / "wrong.json", scans, "csv") == 1
        (line,) = capsys.readouterr().err.splitlines()
        assert line.startswith("error: ")
        assert named in line


def test_form_without_boxes_has_no_template(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "empty.png").write_bytes(encode(np.full((400, 900), 255, np.uint8)))
    assert main(["template", str(tmp_path / "empty.png")]) == 1
    assert "there is no box" in capsys.readouterr().err
