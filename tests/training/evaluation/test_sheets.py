"""Sheets of numbers, and how their lines are counted."""

from __future__ import annotations

import pytest

from app.segmentation.decoding.reading import Reading, ReadLine, Sign
from app.segmentation.fields.reader import ReadField
from training.evaluation.sheets.fields import FORM_KINDS, count_fields, make_filled_form
from training.evaluation.sheets.kinds import (
    KINDS,
    Sheet,
    Tally,
    certainties,
    count_lines,
    make_sheet,
    summarize,
)


def line(text: str, confidence: float) -> ReadLine:
    return ReadLine([Sign("digit", sign, 1.0, (0, 0, 1, 1)) for sign in text], confidence, [])


def test_each_line_of_a_reading_counts_once_and_wrong_ones_that_are_accepted_are_told() -> None:
    sheet = Sheet(b"", ["12", "12", "34"])
    read = [line("12", 1.0), line("34", 0.5), line("12", 1.0), line("12", 1.0), line("99", 0.5)]
    assert count_lines(sheet, read, 0.5) == (3, 3, 2, 1)
    assert Tally(1, 1, 1, 1).plus(count_lines(sheet, [], 0.5)) == (4, 1, 1, 1)


def test_a_line_is_among_its_readings_if_one_of_them_is_true() -> None:
    sheet = Sheet(b"", ["12", "34", "56"])
    wrong = line("35", 0.5)._replace(alternatives=[Reading("35", 0.5), Reading("34", 0.3)])
    found = list(certainties(sheet, [line("12", 0.9), wrong, line("99", 0.4)]))
    assert found == [(0.9, True, True), (0.5, False, True), (0.4, False, False)]
    assert "33.3% are right, in 66.7% one of 5 readings is; mean confidence 60.0%" in summarize(found, 0, 3)


# One kind of each group; the others take a minute.
FIRST_OF_GROUP = {kind.group: name for name, kind in reversed(KINDS.items())}.values()
REPEATED = [name if name in FIRST_OF_GROUP else pytest.param(name, marks=pytest.mark.slow) for name in KINDS]


@pytest.mark.parametrize("kind", REPEATED)
def test_a_sheet_is_the_same_for_the_same_seed(kind: str) -> None:
    sheet = make_sheet(KINDS[kind], (3, 1))
    assert sheet == make_sheet(KINDS[kind], (3, 1))
    assert sheet.lines


def field(text: str, confidence: float) -> ReadField:
    return ReadField([line(text, confidence)], (0, 0, 1, 1), satisfies=True, is_placed=True)


def test_fields_are_counted_by_their_names() -> None:
    form = make_filled_form(FORM_KINDS["scan"], (3, 1))._replace(texts={"a": "12", "b": "34", "c": "56", "d": "78"})
    read = {"a": field("12", 1.0), "b": field("34", 0.5), "c": field("99", 1.0), "d": field("9", 0.5)}
    assert count_fields(form, read, 0.5) == (4, 2, 1, 1)


@pytest.mark.parametrize("kind", FORM_KINDS)
def test_a_form_is_the_same_for_the_same_seed(kind: str) -> None:
    form = make_filled_form(FORM_KINDS[kind], (3, 1))
    assert form == make_filled_form(FORM_KINDS[kind], (3, 1))
    assert list(form.template.fields) == list(form.texts)
