"""Which connected components of a page's ink make a line, on pages drawn by hand."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from app.segmentation.layout import Component, is_inside
from tests.support.drawn_pages import bars, lefts, sheet


def test_rows_are_lines_from_the_top_to_the_bottom() -> None:
    assert lefts(bars(sheet(), (10, 200), (20, 20), (90, 202), (60, 22))) == [[20, 60], [10, 90]]


def test_numbers_below_each_other_are_a_line_each() -> None:
    column = bars(sheet(), (20, 10), (50, 12), (20, 70), (20, 130), (50, 128), (80, 130), (50, 190))
    assert lefts(column) == [[20, 50], [20], [20, 50, 80], [50]]


def test_a_line_may_have_wide_gaps() -> None:
    assert lefts(bars(sheet(), (10, 20), (40, 22), (300, 18), (340, 20))) == [[10, 40, 300, 340]]


def test_smaller_writing_below_larger_is_a_line_of_its_own() -> None:
    ink = bars(bars(sheet(), (20, 20), (100, 20), height=150), (20, 220), (50, 220), (80, 220), height=30)
    assert lefts(ink) == [[20, 100], [20, 50, 80]]


def test_dust_is_left_out() -> None:
    ink = bars(sheet(), (20, 20), (60, 20))
    ink[10, 200] = ink[100, 30] = 255
    ink[40:42, 45:47] = 255
    assert lefts(ink) == [[20, 60]]


def test_point_as_wide_as_the_pen_stays_between_its_digits() -> None:
    """Above the line and far from its digits are specks."""
    ink = bars(sheet(), (20, 20), (60, 20))
    for y, x in ((55, 42), (4, 42), (55, 200)):
        ink[y : y + 6, x : x + 6] = 255
    assert lefts(ink) == [[20, 42, 60]]


def test_comma_hangs_below_the_line_that_it_stands_on() -> None:
    ink = bars(sheet(), (20, 20), (60, 20))
    ink[54:70, 40:46] = 255
    assert lefts(ink) == [[20, 40, 60]]


def test_both_bars_of_an_equals_sign_stay_between_their_digits() -> None:
    """Each is nearer to the other than to a digit, and in none of its rows."""
    ink = bars(sheet(), (20, 20), (80, 20))
    ink[27:33, 42:58] = ink[48:54, 44:60] = 255
    assert lefts(ink) == [[20, 42, 44, 80]]


def test_minus_in_a_box_of_its_own_stays_with_its_number() -> None:
    ink = bars(sheet(), (80, 20), (140, 20))
    ink[36:42, 10:30] = 255
    assert lefts(ink) == [[10, 80, 140]]


def test_point_below_the_bar_of_a_seven_stays_on_the_line_and_one_within_a_zero_does_not() -> None:
    ink = bars(sheet(), (20, 20))
    cv2.polylines(ink, [np.array([[50, 22], [90, 22], [62, 60]])], False, (255,), 6)
    ink[52:58, 78:84] = 255
    cv2.ellipse(ink, (130, 40), (16, 20), 0, 0, 360, (255,), 6)
    ink[46:52, 128:134] = 255
    assert lefts(ink) == [[20, 47, 78, 111]]


def test_pixels_are_looked_at_only_where_a_point_may_be_inside(monkeypatch: pytest.MonkeyPatch) -> None:
    """A page of noise has a hundred thousand pairs of a speck and a larger component."""
    unseen = np.zeros((0, 0), np.int32)
    monkeypatch.setattr(np, "isin", None)
    component = Component(10, 10, 30, 50, 100, (1,))
    for left, top in ((8, 20), (10, 20), (28, 20), (40, 20), (15, 8), (15, 50)):
        assert not is_inside(Component(left, top, left + 2, top + 2, 4, (2,)), component, unseen)


def test_what_is_left_of_a_ruled_line_is_left_out() -> None:
    ink = bars(sheet(), (20, 20), (60, 20))
    ink[80:82, 0:300] = 255
    assert lefts(ink) == [[20, 60]]


def test_bar_of_a_five_that_does_not_touch_it_stays_with_it() -> None:
    ink = bars(sheet(), (20, 20), (70, 20))
    ink[22:28, 79:100] = 255  # to the right of the upper end
    assert lefts(ink) == [[20, 70]]


def test_halves_of_a_broken_digit_stay_together() -> None:
    ink = bars(bars(sheet(), (20, 20)), (70, 20), (72, 42), height=19)
    assert lefts(ink) == [[20, 70]]


def test_lines_near_each_other_stay_apart() -> None:
    assert lefts(bars(sheet(), (20, 20), (60, 20), (20, 64), (60, 64))) == [[20, 60], [20, 60]]


@pytest.mark.parametrize("turn", [0, 3])
def test_frames_around_digits_are_left_out(turn: int) -> None:
    """A comb of three, and a box."""
    ink = bars(sheet(), (60, 100), (110, 100), (160, 100), (230, 100))
    for left, right in ((40, 190), (210, 260)):
        cv2.rectangle(ink, (left, 85), (right, 155), 255, 2)
    for x in (90, 140):
        cv2.line(ink, (x, 85), (x, 155), 255, 2)
    turned = cv2.warpAffine(ink, cv2.getRotationMatrix2D((200, 150), turn, 1), (400, 300))
    (line,) = lefts(np.asarray(turned, np.uint8))
    assert len(line) == 4


def test_ink_within_a_zero_does_not_make_it_a_frame() -> None:
    ink = sheet()
    cv2.ellipse(ink, (100, 100), (30, 45), 0, 0, 360, 255, 4)
    cv2.line(ink, (92, 115), (108, 85), 255, 8)
    assert len(lefts(ink)[0]) >= 1
    assert lefts(ink)[0][0] == 68


def test_dots_of_a_dotted_pen_are_one_stroke() -> None:
    ink = sheet()
    for x in (40, 120):
        for y in range(40, 140, 9):
            cv2.circle(ink, (x, y), 2, 255, -1)
    (line,) = lefts(ink)
    assert len(line) == 2


def test_wide_digits_are_no_dots() -> None:
    ink = sheet()
    for x in range(30, 330, 50):
        for y in (60, 180):
            cv2.circle(ink, (x, y), 15, (255,), 10)
    assert [len(line) for line in lefts(ink)] == [6, 6]


def test_a_gutter_across_the_page_does_not_make_dust_of_the_digits() -> None:
    ink = bars(sheet(), *((x, y) for y in (40, 120, 200) for x in (40, 70, 100)))
    ink[:, 200:240] = 255
    assert lefts(ink) == [[40, 70, 100], [40, 70, 100], [200], [40, 70, 100]]


def test_noise_beside_a_large_digit_does_not_make_a_blot_of_it() -> None:
    ink = bars(sheet(), (150, 0), height=300)
    ink[20:290:30, 40:350:40] = 255
    assert lefts(ink) == [[150]]
