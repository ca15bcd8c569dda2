"""Sheets of numbers, and how their lines are counted."""

from __future__ import annotations

import pytest

from app.segmentation.decoding.reading import ReadLine, Sign
from training.evaluation.sheets.kinds import KINDS, Sheet, Tally, make_sheet


def line(text: str, confidence: float) -> ReadLine:
    return ReadLine([Sign("digit", sign, 1.0, (0, 0, 1, 1)) for sign in text], confidence, [])


def test_each_line_of_a_reading_counts_once_and_wrong_ones_that_are_accepted_are_told() -> None:
    sheet = Sheet(b"", ["12", "12", "34"])
    read = [line("12", 1.0), line("34", 0.5), line("12", 1.0), line("12", 1.0), line("99", 0.5)]
    assert Tally().plus(sheet, read, 0.5) == (3, 3, 2, 1)
    assert Tally(1, 1, 1, 1).plus(sheet, [], 0.5) == (4, 1, 1, 1)


@pytest.mark.parametrize("kind", KINDS)
def test_a_sheet_is_the_same_for_the_same_seed(kind: str) -> None:
    sheet = make_sheet(KINDS[kind], (3, 1))
    assert sheet == make_sheet(KINDS[kind], (3, 1))
    assert sheet.lines
