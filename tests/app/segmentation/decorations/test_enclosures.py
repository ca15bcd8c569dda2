"""Rings, boxes and grids around writing, drawn by hand or seen in perspective."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from app.arrays import Ink
from app.preprocessing.components import binarize
from app.segmentation.decorations.enclosures import find_enclosures
from app.segmentation.decorations.erasure import erase_outlines
from tests.support.drawn_pages import bars, sheet


def without_enclosures(ink: Ink) -> Ink:
    outlines = find_enclosures(binarize(ink))
    return ink if outlines is None else erase_outlines(ink, outlines)


def ring(ink: Ink, middle: tuple[int, int], axes: tuple[int, int], arc: tuple[int, int] = (0, 360)) -> Ink:
    cv2.ellipse(ink, middle, axes, 0, *arc, (255,), 4)
    return ink


def seen_from_below(ink: Ink, lean: float) -> Ink:
    """In perspective: both sides lean inwards by this share of the width."""
    height, width = ink.shape
    k = lean * width
    flat = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    seen = np.array([[k, k / 2], [width - k, 0], [width, height - k / 2], [0, height]], np.float32)
    return np.asarray(cv2.warpPerspective(ink, cv2.getPerspectiveTransform(flat, seen), (width, height)), np.uint8)


@pytest.mark.parametrize("arc", [(0, 360), (10, 348)], ids=["closed", "with a gap"])
def test_a_ring_is_erased_and_the_number_in_it_stays(arc: tuple[int, int]) -> None:
    number = bars(sheet(), (120, 100), (150, 100), (180, 100))
    ringed = ring(number.copy(), (153, 120), (80, 45), arc)
    assert np.array_equal(without_enclosures(ringed), number)


def test_rings_may_touch_each_other() -> None:
    numbers = bars(sheet(), (120, 80), (180, 80), (120, 180), (180, 180))
    ringed = ring(ring(numbers.copy(), (153, 100), (80, 49)), (153, 200), (80, 49))
    assert np.array_equal(without_enclosures(ringed), numbers)


def test_a_digit_that_touches_its_ring_keeps_its_height() -> None:
    ringed = ring(bars(sheet(), (120, 100), (180, 100), (150, 75)), (153, 120), (80, 45))
    _, _, _, height = cv2.boundingRect(without_enclosures(ringed)[:, 145:160])
    assert height >= 35


def test_a_digit_that_crosses_its_ring_stays_if_it_is_as_high_as_the_others() -> None:
    ringed = ring(bars(sheet(), (120, 110), (150, 110), (190, 60), height=30), (153, 120), (80, 45))
    _, _, _, height = cv2.boundingRect(without_enclosures(ringed)[:, 185:200])
    assert height >= 25


@pytest.mark.parametrize("lean", [0, 0.02, 0.07])
def test_a_grid_in_perspective_is_erased_with_its_empty_cells(lean: float) -> None:
    ink = bars(sheet(400, 400), (57, 50), (177, 170), (297, 290), height=22)
    for place in range(40, 361, 40):
        ink[40:361, place : place + 2] = ink[place : place + 2, 40:361] = 255
    rest = without_enclosures(seen_from_below(ink, lean))
    assert cv2.connectedComponents(binarize(rest))[0] == 1 + 3


def test_lines_drawn_beyond_their_table_go_with_it() -> None:
    ink = bars(sheet(), (90, 75), (190, 75), (90, 155), (190, 155))
    for y in (60, 140, 220):
        cv2.line(ink, (35, y), (265, y + 1), (255,), 3)
    for x in (50, 150, 250):
        cv2.line(ink, (x, 42), (x + 1, 238), (255,), 3)
    rest = without_enclosures(ink)
    assert cv2.connectedComponents(binarize(rest))[0] == 1 + 4


def test_uprights_that_end_short_of_the_table_go_with_it() -> None:
    ink = bars(sheet(), (90, 120), (190, 120), (290, 120))
    cv2.rectangle(ink, (50, 90), (340, 200), (255,), 3)
    for x, top in ((150, 97), (250, 91)):  # the second one touches its upper side
        cv2.line(ink, (x, top), (x + 2, 192), (255,), 3)
    assert cv2.connectedComponents(binarize(without_enclosures(ink)))[0] == 1 + 3


def test_small_writing_in_a_large_box_stays() -> None:
    number = bars(sheet(), (180, 140), (200, 140), (220, 140), height=30)
    boxed = cv2.rectangle(number.copy(), (40, 50), (360, 250), (255,), 4)
    assert np.array_equal(without_enclosures(np.asarray(boxed, np.uint8)), number)


def test_a_tall_one_in_its_box_is_no_line_of_it() -> None:
    number = bars(sheet(), (150, 60), height=180)
    boxed = cv2.rectangle(number.copy(), (100, 40), (220, 260), (255,), 4)
    assert np.array_equal(without_enclosures(np.asarray(boxed, np.uint8)), number)


def test_digits_with_holes_are_no_enclosures() -> None:
    ink = sheet()
    for x in (60, 160, 260):
        ring(ink, (x, 150), (30, 45))
    cv2.line(ink, (152, 165), (168, 135), (255,), 8)  # in the second zero
    assert find_enclosures(ink) is None


def test_writing_on_an_underline_that_it_touches_is_no_enclosure() -> None:
    ink = bars(sheet(), (100, 80), (150, 80), (200, 80), height=60)
    ink[138:142, 80:230] = 255
    bars(ink, (125, 100), height=30)
    assert find_enclosures(ink) is None
