"""Corner marks of forms drawn here, in perspective and turned."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from app.segmentation.fields.corner_marks import find_mark_sets
from tests.support.drawn_forms import CLOSE_UP, MARKS, SMALL, blank_form, photograph


@pytest.mark.parametrize("corners", [CLOSE_UP, SMALL])
def test_marks_are_found_clockwise_from_the_upper_left(corners: tuple[tuple[float, float], ...]) -> None:
    picture, true = photograph(blank_form(marks=True), corners)
    expected = cv2.perspectiveTransform(np.array([MARKS]) / (600.0, 800.0), true.to_picture)[0]
    assert np.abs(find_mark_sets(picture)[0] - expected).max() < 1.5


@pytest.mark.parametrize("kind", ["disc", "cross"])
def test_marks_may_be_discs_or_crosses(kind: str) -> None:
    picture = blank_form()
    for x, y in MARKS:
        if kind == "disc":
            cv2.circle(picture, (x, y), 11, (20,), cv2.FILLED)
        else:
            cv2.line(picture, (x - 14, y), (x + 14, y), (20,), 4)
            cv2.line(picture, (x, y - 14), (x, y + 14), (20,), 4)
    assert np.abs(find_mark_sets(picture)[0] - MARKS).max() < 1.5


def test_shadow_does_not_hide_marks() -> None:
    shaded = blank_form(marks=True) * np.linspace(1, 0.35, 600)
    assert np.abs(find_mark_sets(shaded.astype(np.uint8))[0] - MARKS).max() < 1.5


def test_letters_and_boxes_are_no_marks() -> None:
    assert find_mark_sets(blank_form()) == []


def test_three_marks_do_not_suffice() -> None:
    picture = blank_form(marks=True)
    picture[:100, :100] = 240
    assert find_mark_sets(picture) == []
