"""Light windows of a counter, each with a dark digit."""

from __future__ import annotations

import numpy as np

from app.arrays import Ink
from app.segmentation.decorations.windows import invert_windows
from tests.support.drawn_pages import bars, sheet

PLACES = (60, 130, 200)


def windows(*lefts: int) -> Ink:
    """60 x 80 pixels each."""
    ink = sheet()
    for left in lefts:
        ink[60:140, left : left + 60] = 255
    return ink


def test_digits_that_are_cut_out_of_windows_become_ink() -> None:
    digits = bars(sheet(), *((left + 27, 80) for left in PLACES))
    assert np.array_equal(invert_windows(np.minimum(windows(*PLACES), 255 - digits)), digits)


def test_solid_bars_and_block_letters_are_no_windows() -> None:
    solid, block = windows(*PLACES), windows(*PLACES)
    for left in PLACES:
        block[75:125, left + 15 : left + 45] = 0  # a thick 0
    assert invert_windows(solid) is solid
    assert invert_windows(block) is block


def test_a_single_window_stays() -> None:
    one = np.minimum(windows(60), 255 - bars(sheet(), (87, 80)))
    assert invert_windows(one) is one
