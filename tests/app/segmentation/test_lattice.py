"""Which segments are chosen: the best path through the lattice, on strips drawn by hand."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from app.segmentation import lattice
from app.segmentation.oversegmentation import Cuts, Segment, SegmentBudget, Strip, candidate_segments, oversegment
from tests.support.drawn_strips import empty, ring, strip_of, two_blocks

BUDGET = SegmentBudget(max_digits=10_000)


def confident(segments: list[Segment], *wanted: tuple[int, int], least: float = 0.01) -> NDArray[np.float32]:
    """A model that is sure of the segments between these cuts, reads them 0, 1, 2 ... and is unsure of all others."""
    rows = np.full((len(segments), 10), least, np.float32)
    for row, segment in zip(rows, segments, strict=True):
        if (segment.start, segment.end) in wanted:
            row[wanted.index((segment.start, segment.end))] = 0.99
    return rows


def chosen(strip: Strip, found: Cuts, *wanted: tuple[int, int], least: float = 0.01) -> list[tuple[int, int]]:
    segments = candidate_segments(strip, found, BUDGET)
    path = lattice.decode(strip, found, segments, confident(segments, *wanted, least=least))
    return [(digit.segment.start, digit.segment.end) for digit in path]


def test_model_decides_whether_two_pieces_are_one_digit() -> None:
    strip = two_blocks(neck=4)
    found = oversegment(strip, BUDGET)
    assert chosen(strip, found, (0, 1), (1, 2)) == [(0, 1), (1, 2)]
    assert chosen(strip, found, (0, 2)) == [(0, 2)]


def test_ring_is_not_halved_by_a_model_that_knows_both() -> None:
    """The less ink is cut the better."""
    strip = ring()
    found = oversegment(strip, BUDGET)
    last = len(found.columns) - 1
    everything = [(start, end) for start in range(last) for end in range(start + 1, last + 1)]
    assert chosen(strip, found, *everything[:10]) == [(0, last)]


def test_dash_between_digits_is_left_out() -> None:
    ink = empty(140)
    ink[1:41, 10:30] = ink[1:41, 80:100] = 255
    ink[20:24, 45:65] = 255
    strip = strip_of(ink)
    found = oversegment(strip, BUDGET)
    last = len(found.columns) - 1
    assert chosen(strip, found, (0, 1), (last - 1, last)) == [(0, 1), (last - 1, last)]


def test_what_no_one_can_read_is_still_a_digit_if_it_is_as_large_as_one() -> None:
    strip = two_blocks()
    path = chosen(strip, oversegment(strip, BUDGET), (0, 1), least=0.0)
    assert path == [(0, 1), (1, 2)]


def test_digits_on_the_path_have_the_models_digit_and_confidence() -> None:
    strip = two_blocks()
    found = oversegment(strip, BUDGET)
    segments = candidate_segments(strip, found, BUDGET)
    rows = np.zeros((3, 10), np.float32)
    rows[0, 7], rows[2, 3] = 0.9, 0.4  # the remainder is the probability that it is not a digit
    path = lattice.decode(strip, found, segments, rows)
    assert [(digit.digit, round(digit.confidence, 3)) for digit in path] == [(7, 0.9), (3, 0.4)]
