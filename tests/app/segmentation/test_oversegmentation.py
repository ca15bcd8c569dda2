"""Where a line is cut, on strips drawn by hand."""

from __future__ import annotations

import itertools

import cv2
import numpy as np
import pytest

from app.segmentation.oversegmentation import (
    WIDEST_SEGMENT,
    SegmentBudget,
    Strip,
    candidate_segments,
    ink_between,
    oversegment,
)
from tests.support.drawn_strips import HEIGHT, empty, ring, strip_of, two_blocks

BUDGET = SegmentBudget(max_digits=10_000)


def test_gap_is_cut_without_crossing_ink() -> None:
    strip = two_blocks()
    found = oversegment(strip, BUDGET)
    assert found.crossed.tolist() == [0, 0, 0]
    assert np.all((found.columns[1] >= 36) & (found.columns[1] <= 44))


def test_neck_is_cut_where_it_is_thin() -> None:
    found = oversegment(two_blocks(neck=4), BUDGET)
    assert len(found.columns) == 3
    assert np.all((found.columns[1] >= 36) & (found.columns[1] <= 44))
    assert found.crossed[1] == 4


def test_cut_winds_between_slanted_strokes_that_share_columns() -> None:
    ink = empty(100)
    for left in (10, 34):
        cv2.line(ink, (left, 40), (left + 36, 1), 255, 4)
    found = oversegment(strip_of(ink), BUDGET)
    inner = found.columns[1:-1][found.crossed[1:-1] == 0]
    assert len(inner) == 1
    assert np.ptp(inner[0]) > 12


@pytest.mark.parametrize("height", [16, 24])
def test_comma_has_a_cut_on_both_sides_however_high_it_is(height: int) -> None:
    """All its ink is below the line's middle, where cuts begin."""
    ink = np.zeros((64, 120), np.uint8)
    ink[2:42, 20:30] = ink[2:42, 60:84] = 255
    cv2.line(ink, (46, 34), (42, 34 + height), (255,), 6)
    strip = Strip(ink, HEIGHT, np.full(120, 22, np.intp))
    segments = candidate_segments(strip, oversegment(strip, BUDGET), BUDGET)
    boxes = [segment.box for segment in segments]
    assert any(box[0] >= 36 and box[0] + box[2] <= 52 for box in boxes)


def test_ring_is_cut_through_two_walls_at_least() -> None:
    found = oversegment(ring(), BUDGET)
    assert found.crossed[1:-1].min(initial=9) >= 6  # each 3 to 5 thick


def test_solid_ink_is_not_cut() -> None:
    ink = empty(60)
    ink[1:41, 12:48] = 255
    found = oversegment(strip_of(ink), BUDGET)
    assert len(found.columns) == 2


def test_faint_ink_is_one_segment() -> None:
    """A dash so faint that to cross it costs nothing to speak of."""
    ink = empty(60)
    ink[20, 10:50] = 50
    assert len(candidate_segments(strip_of(ink), oversegment(strip_of(ink), BUDGET), BUDGET)) == 1


def test_two_neighbouring_cuts_always_bound_a_segment() -> None:
    strip = two_blocks()
    segments = candidate_segments(strip, oversegment(strip, BUDGET), BUDGET)
    assert [(segment.start, segment.end) for segment in segments] == [(0, 1), (0, 2), (1, 2)]
    assert [segment.box for segment in segments] == [(12, 1, 24, 40), (12, 1, 56, 40), (44, 1, 24, 40)]


def test_segment_has_only_the_ink_between_its_cuts() -> None:
    strip = two_blocks(neck=4)
    cuts = oversegment(strip, BUDGET).columns
    ink, _ = ink_between(strip, cuts[0], cuts[-1])
    halves = [ink_between(strip, left, right)[0].sum() for left, right in itertools.pairwise(cuts)]
    assert sum(halves) == ink.sum() == strip.ink.sum()


def test_no_segment_is_wider_than_a_digit_unless_no_cut_is_in_it() -> None:
    ink = empty(400)
    for left in (10, 60, 110):
        ink[1:41, left : left + 20] = 255
    ink[1:41, 200:390] = 255
    segments = candidate_segments(strip_of(ink), oversegment(strip_of(ink), BUDGET), BUDGET)
    assert all(segment.box[2] <= WIDEST_SEGMENT * HEIGHT for segment in segments if segment.end > segment.start + 1)
    assert max(segment.box[2] for segment in segments) == 190
