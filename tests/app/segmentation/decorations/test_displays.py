"""Digits of segments, as displays show them."""

from __future__ import annotations

import itertools

import cv2
import numpy as np
import pytest

from app.arrays import Ink
from app.segmentation import layout
from app.segmentation.decorations.displays import join_segments
from app.segmentation.decorations.undecorated import without_faint_lines
from tests.support.drawn_pages import bars, sheet
from training.synthesis.displays import SEGMENT_ENDS, segment_outline


def display(*digits: str, gap: float, breadth: float = 10, point: float = 3) -> Ink:
    """Digits of these lit segments, 80 pixels high. `point`: how far their ends are pointed."""
    ink = sheet()
    for place, lit in enumerate(digits):
        for name in lit:
            ends = np.array(SEGMENT_ENDS[name]) * 40.0 + np.array((40 + 70 * place, 60))
            cv2.fillPoly(ink, [np.rint(segment_outline(ends, breadth, gap, point)).astype(np.int32)], (255,))
    return ink


@pytest.mark.parametrize("gap", [4, 5])
def test_segments_of_a_display_are_joined_to_digits(gap: float) -> None:
    ink = display("bc", "abdeg", "abc", gap=gap)
    shown = join_segments(ink)
    assert shown is not None
    (line,), _ = layout.find_lines(shown.ink)
    assert len(line) == 3
    assert min(component.height for component in line) > 70


def bevelled_eight(ink: Ink, left: int, top: int) -> None:
    """64 x 120 pixels: outer segments are trapezoids, whose ends in a row are further apart than those at a corner."""
    level = [(4, 0), (60, 0), (44, 16), (20, 16)]
    upright = [(0, 4), (16, 20), (16, 48), (0, 56)]
    middle = [(12, 60), (20, 52), (44, 52), (52, 60), (44, 68), (20, 68)]
    outlines = [np.array(points) for points in (level, upright, middle)]
    for outline in (*outlines, outlines[1] * (-1, 1) + (64, 0)):
        for part in (outline, outline * (1, -1) + (0, 120)):
            cv2.fillPoly(ink, [np.add(part, (left, top))], (255,))


def test_bevelled_segments_are_joined_to_digits() -> None:
    ink = sheet()
    for left in (40, 130, 220):
        bevelled_eight(ink, left, 60)
    shown = join_segments(ink)
    assert shown is not None
    (line,), _ = layout.find_lines(shown.ink)
    assert [component.height >= 115 for component in line] == [True] * 3


def test_slanted_digits_are_made_upright() -> None:
    ink = display("bc", "", "abdeg", gap=4)
    leaning = cv2.warpAffine(ink, np.array([[1, -0.2, 30], [0, 1, 0]]), ink.shape[::-1])
    shown = join_segments(np.asarray(leaning, np.uint8))
    assert shown is not None
    one = min(layout.find_lines(shown.ink)[0][0], key=lambda component: component.left)
    assert one.width < 20
    top = shown.to_page @ (one.left, one.top, 1)
    bottom = shown.to_page @ (one.left, one.bottom, 1)
    assert top[0] - bottom[0] == pytest.approx(0.2 * one.height, abs=2)
    assert bottom[1] == pytest.approx(136, abs=2)


def test_short_broad_segments_are_joined_and_made_upright() -> None:
    ink = display("abcdefg", "", "abdeg", gap=3, breadth=20, point=10)
    leaning = cv2.warpAffine(ink, np.array([[1, -0.2, 30], [0, 1, 0]]), ink.shape[::-1])
    shown = join_segments(np.asarray(leaning, np.uint8))
    assert shown is not None
    assert shown.to_page[0, 1] == pytest.approx(-0.2, abs=0.05)
    (line,), _ = layout.find_lines(shown.ink)
    assert [component.height >= 90 for component in line] == [True] * 2


def test_points_between_narrow_segments_are_drawn_as_large_as_a_pen_makes_them() -> None:
    ink = display("bc", "abdeg", gap=4, breadth=8)
    cv2.circle(ink, (95, 138), 4, (255,), cv2.FILLED)
    shown = join_segments(ink)
    assert shown is not None
    _, _, stats, _ = cv2.connectedComponentsWithStats(shown.ink)
    assert min(stats[1:, cv2.CC_STAT_HEIGHT]) >= 11


def test_glow_and_segments_that_are_not_lit_are_no_ink() -> None:
    lit, unlit = display("bc", "abdeg", gap=4), display("adefg", "cf", gap=4)
    glow = cv2.convertScaleAbs(cv2.GaussianBlur(lit, (0, 0), 6), alpha=0.5)
    shown = join_segments(np.maximum.reduce([lit, np.asarray(glow, np.uint8), unlit // 8]))
    assert shown is not None
    assert cv2.warpPerspective(shown.ink, shown.to_page, unlit.shape[::-1])[unlit == 255].mean() < 40


def test_dim_segments_beside_bright_ones_are_no_faint_lines() -> None:
    ink = display("abcdef", "abdeg", "bc", gap=4)
    ink[:, 100:] //= 3
    assert without_faint_lines(ink) is ink


def test_ones_below_each_other_are_no_segments() -> None:
    ink = bars(sheet(), (20, 20), (30, 20), (20, 64), (30, 64))
    assert join_segments(ink) is None


def test_ones_and_dashes_that_do_not_meet_are_no_segments() -> None:
    ink = bars(sheet(), (20, 20), (80, 20), (140, 20))
    for x in (40, 100, 160):
        ink[37:43, x : x + 26] = 255
    assert join_segments(ink) is None


def test_segments_whose_glow_touches_are_joined_as_well() -> None:
    ink = np.asarray(cv2.dilate(display("bc", "abdeg", "abc", gap=5), np.ones((5, 5), np.uint8)), np.uint8)
    shown = join_segments(ink)
    assert shown is not None
    (line,), _ = layout.find_lines(shown.ink)
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
    shown = join_segments(ink)
    assert shown is not None
    (line,), _ = layout.find_lines(shown.ink)
    assert len(line) == 2


def test_square_dots_with_a_faint_gap_are_joined_to_digits() -> None:
    ink = sheet()
    ink[60:139, 40:139] = 120
    for x, y in itertools.product(range(40, 140, 10), range(60, 140, 10)):
        ink[y : y + 9, x : x + 9] = 255
    ink[69:130, 49:130] = 0
    shown = join_segments(ink)
    assert shown is not None
    (line,), _ = layout.find_lines(shown.ink)
    assert len(line) == 1


def test_a_block_of_four_dots_is_a_point() -> None:
    ink = sheet()
    for row, column in [(row, 0) for row in range(7)] + [(row, 4) for row in range(7)]:
        cv2.circle(ink, (40 + 10 * column, 60 + 10 * row), 4, (255,), cv2.FILLED)
    for row, column in ((5, 2), (5, 3), (6, 2), (6, 3)):
        cv2.circle(ink, (90 + 10 * column, 60 + 10 * row), 4, (255,), cv2.FILLED)
    shown = join_segments(ink)
    assert shown is not None
    components, _ = layout.connected_components(shown.ink)
    assert max(component.width for component in components) < 13


def test_rings_of_one_size_are_no_segments() -> None:
    ink = sheet()
    for x, y in ((80, 80), (240, 80), (80, 200), (240, 200)):
        cv2.ellipse(ink, (x, y), (60, 30), 0, 0, 360, (255,), 4)
    assert join_segments(ink) is None
