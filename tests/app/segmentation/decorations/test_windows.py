"""Light windows of a counter, each with a dark digit."""

from __future__ import annotations

import cv2
import numpy as np

from app.arrays import Ink
from app.preprocessing.components import FOREGROUND_LEVEL
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


def wide_window(digits: Ink) -> Ink:
    ink = sheet()
    ink[60:140, 30:290] = 255
    return np.minimum(ink, 255 - digits)


def test_several_digits_that_are_cut_out_of_one_window_become_ink() -> None:
    digits = bars(sheet(), *((left, 80) for left in PLACES), width=12)
    assert np.array_equal(invert_windows(wide_window(digits)) > 0, digits > 0)


def test_lines_between_the_digits_of_a_window_go_with_it() -> None:
    digits = bars(sheet(), *((left, 80) for left in PLACES), width=12)
    lines = bars(sheet(), (100, 66), (170, 66), height=68, width=2)
    assert np.array_equal(invert_windows(wide_window(np.maximum(digits, lines))) > 0, digits > 0)


def test_digits_on_a_paler_wheel_become_ink_without_it() -> None:
    digits = bars(sheet(), *((left, 80) for left in PLACES), width=12)
    window = wide_window(digits)
    window[62:138, 180:230] = np.minimum(window[62:138, 180:230], 180)
    assert np.array_equal(invert_windows(window) > FOREGROUND_LEVEL, digits > 0)


def test_holes_that_are_no_row_stay_in_their_bar() -> None:
    for places in ([(60, 70), (130, 95)], [(60, 80), (64, 100)], [(60, 80)]):
        bar = wide_window(bars(sheet(), *places, width=12, height=34))
        assert invert_windows(bar) is bar


def test_a_single_window_stays() -> None:
    one = np.minimum(windows(60), 255 - bars(sheet(), (87, 80)))
    assert invert_windows(one) is one


def disc(*holes: tuple[int, int, int, int]) -> Ink:
    """Of 80 pixels, with strokes cut out of it: the places of their upper left corners, their widths and heights."""
    ink = np.asarray(cv2.circle(sheet(), (100, 100), 40, (255,), cv2.FILLED), np.uint8)
    for left, top, width, height in holes:
        ink[top : top + height, left : left + width] = 0
    return ink


def test_a_digit_that_is_cut_out_of_a_disc_becomes_ink() -> None:
    seven = [(80, 80, 36, 8), (108, 80, 8, 42)]
    digit = bars(bars(sheet(), (80, 80), height=8, width=36), (108, 80), height=42, width=8)
    assert np.array_equal(invert_windows(disc(*seven)), digit)


def test_a_solid_disc_and_a_round_zero_stay() -> None:
    zero = np.asarray(cv2.ellipse(disc(), (100, 100), (12, 18), 0, 0, 360, (0,), cv2.FILLED), np.uint8)
    for ink in (disc(), zero):
        assert invert_windows(ink) is ink
