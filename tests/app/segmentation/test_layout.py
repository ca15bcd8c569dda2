"""Which parts of a page's ink make a line, on pages drawn by hand."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from app.errors import BlankPicture, TooManyDigits
from app.segmentation import layout as lines

Ink = NDArray[np.uint8]


def sheet(height: int = 300, width: int = 400) -> Ink:
    return np.zeros((height, width), np.uint8)


def bars(ink: Ink, *places: tuple[int, int], height: int = 40) -> Ink:
    """Upright strokes with their upper left corners there (x, y)."""
    for x, y in places:
        ink[y : y + height, x : x + 6] = 255
    return ink


def lefts(ink: Ink) -> list[list[int]]:
    """For each line where its groups begin, from the left to the right."""
    parts, _ = lines.parts_of(lines.without_forms(ink))
    parts = lines.without_dust(parts)
    found = lines.into_lines(lines.put_together(parts, lines.typical_height(parts)))
    return [sorted(group.left for group in line) for line in found]


def test_rows_are_lines_from_the_top_to_the_bottom() -> None:
    assert lefts(bars(sheet(), (10, 200), (20, 20), (90, 202), (60, 22))) == [[20, 60], [10, 90]]


def test_numbers_below_each_other_are_a_line_each() -> None:
    column = bars(sheet(), (20, 10), (50, 12), (20, 70), (20, 130), (50, 128), (80, 130), (50, 190))
    assert lefts(column) == [[20, 50], [20], [20, 50, 80], [50]]


def test_lines_may_slope() -> None:
    """Eight digits that rise by two heights, above eight more that do."""
    places = [(20 + 45 * index, 100 - 10 * index) for index in range(8)]
    below = [(x, y + 65) for x, y in places]
    ink = bars(sheet(), *places, *below)
    assert lefts(ink) == [[x for x, _ in places]] * 2
    for line in lines.find_on(ink, 20).lines:
        rise = int(line.strip.middle[0]) - int(line.strip.middle[-1])
        assert 65 <= rise <= 80


def test_a_line_may_have_wide_gaps() -> None:
    assert lefts(bars(sheet(), (10, 20), (40, 22), (300, 18), (340, 20))) == [[10, 40, 300, 340]]


def test_smaller_writing_below_larger_is_a_line_of_its_own() -> None:
    ink = bars(bars(sheet(), (20, 20), (100, 20), height=150), (20, 220), (50, 220), (80, 220), height=30)
    assert lefts(ink) == [[20, 100], [20, 50, 80]]


def test_dust_and_points_are_left_out() -> None:
    ink = bars(sheet(), (20, 20), (60, 20))
    ink[10, 200] = ink[100, 30] = 255
    ink[55:60, 45:50] = 255
    assert lefts(ink) == [[20, 60]]


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


def test_empty_page_is_blank() -> None:
    with pytest.raises(BlankPicture):
        lines.find_on(sheet(), 10)


def test_dust_makes_no_line_on_a_page() -> None:
    ink = bars(sheet(), (20, 20), (60, 20))
    ink[200:204, 200:204] = 255
    assert len(lines.find_on(ink, 10).lines) == 1


def test_texture_of_more_parts_than_can_be_digits_costs_little() -> None:
    """14,400 crosses: what is done for each two parts would take gigabytes."""
    cross = np.zeros((10, 10), np.uint8)
    cross[1:8, 4] = cross[4, 1:8] = 255
    assert len(lines.parts_of(np.tile(cross, (120, 120)))[0]) == lines.MOST_PARTS
    with pytest.raises(TooManyDigits):
        lines.find_on(np.tile(cross, (120, 120)), 256)


def test_digits_are_counted_by_their_room() -> None:
    """A hundred that all touch are one part of the ink, and still a hundred."""
    ink = sheet(60, 3000)
    ink[20:50, 10:2900] = 255
    with pytest.raises(TooManyDigits):
        lines.find_on(ink, 20)


def test_strokes_of_a_thin_pen_stay_wide_enough_to_be_read() -> None:
    """One pixel of 1,000 would be a sixteenth of one."""
    ink = sheet(1200, 800)
    cv2.polylines(ink, [np.array([[100, 100], [400, 100], [250, 1100]], np.int32)], isClosed=False, color=255)
    (line,) = lines.find_on(ink, 10).lines
    assert (line.strip.ink[30:50] > 128).sum(axis=1).min() >= 4


def test_boxes_are_where_the_ink_is_at_any_scale() -> None:
    ink = bars(sheet(), (50, 60), height=160)
    (line,) = lines.find_on(ink, 10).lines
    x, y, width, height = line.on_picture(line.spans[0].box)
    assert np.allclose([x, y, width, height], [50, 60, 6, 160], atol=3)
    (twice,) = lines.find_on(ink, 10, scale=2.0).lines
    assert np.allclose(twice.on_picture(twice.spans[0].box), [100, 120, 12, 320], atol=6)


def test_neighbouring_lines_ink_is_not_in_a_strip() -> None:
    """The second line's stroke reaches up between those of the first."""
    ink = bars(bars(sheet(), (20, 20), (100, 20)), (60, 45), (20, 75), (100, 75))
    first = lines.find_on(ink, 10).lines[0]
    assert not first.strip.ink[:, 40:70].any() or len(lefts(ink)) == 1
