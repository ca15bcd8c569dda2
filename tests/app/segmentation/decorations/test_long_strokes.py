"""Underlines, and lines that strike numbers through."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from app.arrays import Ink
from app.segmentation.decorations.erasure import erase_outlines
from app.segmentation.decorations.long_strokes import find_long_strokes
from tests.support.drawn_pages import bars, sheet

NUMBER = ((100, 80), (150, 80), (200, 80))


def with_line(ink: Ink, start: tuple[int, int], end: tuple[int, int]) -> Ink:
    return np.asarray(cv2.line(ink.copy(), start, end, (255,), 4), np.uint8)


def heights(ink: Ink) -> list[int]:
    """Of the connected components, dust aside."""
    stats = cv2.connectedComponentsWithStats(ink)[2][1:]
    return [height for _, _, _, height, area in stats.tolist() if area > 4]


@pytest.mark.parametrize("rise", [-12, 0, 12])
def test_an_underline_is_erased_although_digits_touch_it(rise: int) -> None:
    number = bars(sheet(), *NUMBER)
    underlined = with_line(number, (80, 122), (230, 122 + rise))
    strokes = find_long_strokes(underlined, 40)
    assert not strokes.strikes
    assert heights(erase_outlines(underlined, strokes.mask)) == pytest.approx([40] * 3, abs=8)


def test_the_foot_of_a_digit_on_its_underline_stays() -> None:
    """A 2 whose foot the underline half covers."""
    number = bars(sheet(), *NUMBER)
    number[118:123, 150:180] = 255
    underlined = with_line(number, (80, 122), (230, 122))
    rest = erase_outlines(underlined, find_long_strokes(underlined, 40).mask)
    assert (rest[118:122, 152:178] > 0).all()
    assert not rest[116:130, 80:96].any()


def test_a_line_through_a_number_is_a_strike_and_the_digits_stay_whole() -> None:
    struck = with_line(bars(sheet(), *NUMBER), (80, 98), (230, 104))
    strokes = find_long_strokes(struck, 40)
    (strike,) = strokes.strikes
    assert (strike.left <= 82, strike.right >= 228, 90 < strike.middle < 110) == (True, True, True)
    assert heights(erase_outlines(struck, strokes.mask)) == [40] * 3


def test_bars_of_digits_are_no_long_strokes() -> None:
    ink = bars(sheet(), *NUMBER)
    for x, y in NUMBER:
        ink[y : y + 5, x - 15 : x + 20] = 255  # sevens
    assert not find_long_strokes(ink, 40).mask.any()


def test_the_bar_of_a_wide_seven_is_no_underline() -> None:
    ink = sheet(300, 500)
    cv2.polylines(
        ink, [np.array([[60, 60], [400, 62], [200, 220]], np.int32)], isClosed=False, color=(255,), thickness=9
    )
    assert not find_long_strokes(ink, 160).mask.any()
