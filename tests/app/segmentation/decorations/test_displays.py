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
    (line,), _ = layout.find_lines(join_segments(ink))
    assert len(line) == 3
    assert min(component.height for component in line) > 70


def test_segments_still_show_once_joined() -> None:
    ink = display("bc", "abdeg", gap=4)
    joined = join_segments(ink)
    assert (joined[ink == 255] == 255).all()
    assert joined[ink == 0].max() < 140


def test_ones_below_each_other_are_no_segments() -> None:
    ink = bars(sheet(), (20, 20), (30, 20), (20, 64), (30, 64))
    assert np.array_equal(join_segments(ink), ink)
