"""Digits of segments, as displays show them."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from app.arrays import Ink
from app.segmentation import layout
from app.segmentation.decorations.displays import join_segments
from tests.support.drawn_pages import bars, sheet
from training.synthesis.displays import SEGMENT_ENDS, segment_outline


def display(*digits: str, gap: float) -> Ink:
    """Digits of these lit segments, 80 pixels high."""
    ink = sheet()
    for place, lit in enumerate(digits):
        for name in lit:
            ends = np.array(SEGMENT_ENDS[name]) * 40.0 + np.array((40 + 70 * place, 60))
            cv2.fillPoly(ink, [np.rint(segment_outline(ends, 10, gap, 3)).astype(np.int32)], (255,))
    return ink


@pytest.mark.parametrize("gap", [4, 5])
def test_segments_of_a_display_are_joined_to_digits(gap: float) -> None:
    ink = display("bc", "abdeg", "abc", gap=gap)
    joined = join_segments(ink)
    assert joined is not None
    (line,), _ = layout.find_lines(joined)
    assert len(line) == 3
    assert min(component.height for component in line) > 70


def test_segments_still_show_once_joined() -> None:
    ink = display("bc", "abdeg", gap=4)
    joined = join_segments(ink)
    assert joined is not None
    assert (joined[ink == 255] == 255).all()
    assert joined[ink == 0].max() < 140


def test_ones_below_each_other_are_no_segments() -> None:
    ink = bars(sheet(), (20, 20), (30, 20), (20, 64), (30, 64))
    assert join_segments(ink) is None


def test_segments_whose_glow_touches_are_joined_as_well() -> None:
    ink = np.asarray(cv2.dilate(display("bc", "abdeg", "abc", gap=5), np.ones((5, 5), np.uint8)), np.uint8)
    joined = join_segments(ink)
    assert joined is not None
    (line,), _ = layout.find_lines(joined)
    assert min(component.height for component in line) > 70


@pytest.mark.parametrize("radius", [3, 4, 5])
def test_dots_are_joined_to_digits_whether_they_touch_or_not(radius: int) -> None:
    ink = sheet()
    seven = ("11111", "00001", "0001", "001", "001", "001", "001")
    two = ("0111", "10001", "00001", "0001", "001", "01", "11111")
    for place, rows in enumerate((seven, two)):
        for row, dots in enumerate(rows):
            for column in (index for index, dot in enumerate(dots) if dot == "1"):
                cv2.circle(ink, (40 + 80 * place + 10 * column, 60 + 10 * row), radius, (255,), cv2.FILLED)
    joined = join_segments(ink)
    assert joined is not None
    (line,), _ = layout.find_lines(joined)
    assert len(line) == 2


def test_rings_of_one_size_are_no_segments() -> None:
    ink = sheet()
    for x, y in ((80, 80), (240, 80), (80, 200), (240, 200)):
        cv2.ellipse(ink, (x, y), (60, 30), 0, 0, 360, (255,), 4)
    assert join_segments(ink) is None
