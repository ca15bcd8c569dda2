"""A line of digits is cut wherever a digit might end, rather too often than too seldom.

    strip -> cut paths -> candidate segments -> (the model reads all of them as one batch) -> app.segmentation.decoding

The ink alone does not tell where one digit ends and the next begins: digits touch, and strokes break. So a strip is cut
along every path from its top to its bottom that crosses little ink, and whatever lies between two cuts is a candidate.

Source: heuristic over-segmentation in LeCun, Bottou, Bengio and Haffner, "Gradient-based learning applied to document
recognition", 1998. The cut paths here are seams of least cost, found by dynamic programming.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from app.arrays import Ink
from app.errors import TooManyDigits
from app.preprocessing.components import FOREGROUND_LEVEL, binarize, foreground_box, label_components

Costs = NDArray[np.float32]
Columns = NDArray[np.intp]

# Where a strip may be cut. Lengths are in heights of its digits, costs in pixels of full ink.
SIDESTEP_COST = 0.02  # of one step to the side
SAME_PLACE = 0.25  # a place's cuts differ in cost by no more
PLACE_DISTANCE = 0.1  # the least between two places
LOW_PART = 0.5  # a component that is lower, or in no middle row, stands apart, although a cut may go around it
DEEPEST_CUT = 0.5  # ink that a cut may cross, in heights of the digits
WIDEST_SEGMENT = 1.6  # of a segment with a cut inside it
CLEARANCE_ROWS = 0.5  # a 9 after a 6 is no further away than a 6: what bulges above is narrow below

SEGMENTS_PER_DIGIT = 10  # for each digit that a page may have; pages have five to seven for each that they do have
MIN_SEGMENTS = 64  # of a page, however few digits it may have
SEGMENT_PIXELS = 2**15  # a segment that needs more counts as several; those of sloping lines need 12,000


class Strip(NamedTuple):
    """The ink of one line of digits, with empty columns on both sides."""

    ink: Ink
    height: float  # of its digits, in pixels
    middle: Columns  # (W,): for each column the row of the digits' middles


class Cuts(NamedTuple):
    """Paths from a strip's top to its bottom, from the left to the right."""

    columns: Columns  # (n, H): in each row the first column to the right of the cut
    crossed: Costs  # (n,): the ink on the path, in pixels of full ink
    gaps: NDArray[np.float64]  # (n,): the empty paper at each, in heights of the digits; none at both ends
    clearances: NDArray[np.float64]  # (n,): the same, between ink in rows up to `CLEARANCE_ROWS` apart


class Segment(NamedTuple):
    """A candidate: the ink between two cuts, which may be a digit."""

    start: int  # the cut on its left
    end: int  # the cut on its right
    box: tuple[int, int, int, int]  # x, y, width, height, in the strip's pixels
    height: float  # in heights of the strip's digits
    ink: Ink


class SegmentBudget:
    """The segments that a page may still have: a few hundred bytes of strokes could ask for 200,000 of them."""

    def __init__(self, max_digits: int) -> None:
        self.max_digits = max_digits
        self.left = max(MIN_SEGMENTS, SEGMENTS_PER_DIGIT * max_digits)

    def take(self, segments: int, pixels: int) -> None:
        """`pixels`: that are looked at for them. Raises `TooManyDigits`."""
        self.left -= segments + pixels // SEGMENT_PIXELS
        if self.left < 0:
            raise too_many_digits(self.max_digits)


def too_many_digits(max_digits: int) -> TooManyDigits:
    return TooManyDigits(f"There is ink for more than the {max_digits} digits we read at once: send a part of it.")


def oversegment(strip: Strip, budget: SegmentBudget) -> Cuts:
    """Both ends, and every place between them where a digit might end. There is ink between any two.

    Raises `TooManyDigits`.
    """
    cost = np.multiply(strip.ink, 1 / 255, dtype=np.float32)
    height, width = cost.shape
    (from_top, from_bottom), (steps_up, steps_down) = cheapest_paths(np.stack([cost, cost[::-1]]))
    total = (from_top + from_bottom[::-1] - cost)[strip.middle, np.arange(width)]
    small = small_parts(strip)
    places = [part for place in cut_places(total, strip.height) for part in beside_small(place, small)]
    starts = np.array([cheapest_column(total, *place) for place in places], np.intp)
    paths = np.tile(starts[:, np.newaxis], height)
    trace(paths, strip.middle[starts], steps_up)
    trace(paths[:, ::-1], height - 1 - strip.middle[starts], steps_down)
    crossed = cost[np.arange(height), paths].sum(axis=1)
    left_end = np.zeros((1, height), np.intp)
    columns = np.concatenate([left_end, paths, left_end + width])
    kept = cuts_with_ink_between(strip, columns, budget)
    return Cuts(columns[kept], np.pad(crossed, 1)[kept], *gaps_at_cuts(strip, columns[kept]))


def cheapest_paths(cost: Costs) -> tuple[Costs, NDArray[np.int8]]:
    """For each pixel (n, H, W): the cost of the cheapest path from the top to it, and that path's last sidestep."""
    total = cost.copy()
    steps = np.zeros(cost.shape, np.int8)
    n, height, width = cost.shape
    before = np.full((n, width + 2), np.inf, np.float32)
    straight, left, right = before[:, 1:-1], before[:, :-2], before[:, 2:]
    for row in range(1, height):
        straight[:] = total[:, row - 1]
        sideways = np.minimum(left, right) + SIDESTEP_COST
        steps[:, row] = np.where(straight <= sideways, 0, np.where(left <= right, -1, 1))
        total[:, row] += np.minimum(straight, sideways)
    return total, steps


def cut_places(total: Costs, height: float) -> list[tuple[int, int]]:
    """Runs of columns (begin, end) where a cut costs less than around them, from the left to the right."""
    around = np.ones((1, 2 * max(1, round(PLACE_DISTANCE * height / 2)) + 1), np.uint8)
    lowest = cv2.erode(total[np.newaxis], around)[0]
    low = (total <= lowest + SAME_PLACE) & (total <= DEEPEST_CUT * height)
    edges = np.flatnonzero(np.diff(low, prepend=False, append=False))
    return [(int(begin), int(end)) for begin, end in edges.reshape(-1, 2)]


def small_parts(strip: Strip) -> list[tuple[int, int]]:
    """The columns (begin, end) of the components such as points and commas, which cuts go around."""
    _, _, stats, _ = label_components(binarize(strip.ink))
    return [
        (left, left + width)
        for left, top, width, height, _ in stats[1:].tolist()
        if height < LOW_PART * strip.height or not top <= strip.middle[left + width // 2] < top + height
    ]


def beside_small(place: tuple[int, int], parts: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """The place without the columns of small parts: one cut on each side of a point, in place of one around it."""
    begin, end = place
    free = np.ones(end - begin, bool)
    for left, right in parts:
        free[max(0, left - begin) : max(0, right - begin)] = False
    edges = np.flatnonzero(np.diff(free, prepend=False, append=False)) + begin
    return [(int(left), int(right)) for left, right in edges.reshape(-1, 2)] or [place]


def cheapest_column(total: Costs, begin: int, end: int) -> int:
    """The middle one of the cheapest columns."""
    cheapest = np.flatnonzero(total[begin:end] == total[begin:end].min())
    return begin + int(cheapest[len(cheapest) // 2])


def trace(paths: Columns, rows: Columns, steps: NDArray[np.int8]) -> None:
    """Fills in each path, from its row up to the first row."""
    for row in range(int(rows.max(initial=0)), 0, -1):
        begun = rows >= row
        column = paths[begun, row]
        paths[begun, row - 1] = column + steps[row, column]


def cuts_with_ink_between(strip: Strip, columns: Columns, budget: SegmentBudget) -> list[int]:
    """The first of each run of cuts that have no ink between them."""
    kept = [0]
    for index in range(1, len(columns)):
        ink, _ = ink_between(strip, columns[kept[-1]], columns[index])
        budget.take(0, ink.size)
        if ink.max(initial=0) > FOREGROUND_LEVEL:
            kept.append(index)
    return kept


def gaps_at_cuts(strip: Strip, columns: Columns) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The gaps and the clearances of `Cuts`.

    A gap is measured in the row where the ink on both sides is nearest, so digits that lean over each other are apart;
    where no row has ink on both sides, it is the distance of the boxes.
    """
    height, width = strip.ink.shape
    place, ink = np.arange(width), strip.ink > FOREGROUND_LEVEL
    before = np.maximum.accumulate(np.where(ink, place, -width), axis=1)
    before = np.pad(before, ((0, 0), (1, 0)), constant_values=-width)  # of the columns to the left alone
    after = np.minimum.accumulate(np.where(ink, place, 2 * width)[:, ::-1], axis=1)[:, ::-1]
    rows, inner = np.arange(height), columns[1:-1]
    left, right = before[rows, inner], after[rows, np.minimum(inner, width - 1)]
    left = np.where(left >= columns[:-2], left, -width)
    right = np.where(right < columns[2:], right, 2 * width)
    boxes = right.min(axis=1, initial=2 * width) - left.max(axis=1, initial=-width)
    window = np.ones((1, 1 + 2 * max(1, round(CLEARANCE_ROWS * strip.height))), np.uint8)
    around = cv2.dilate(left.astype(np.float32), window) if len(left) else left
    nearest, clearance = ((right - edge).min(axis=1, initial=2 * width) for edge in (left, around))
    gaps, clearances = (
        np.clip(np.where(distance < width, distance, boxes) - 1, 0, width) for distance in (nearest, clearance)
    )
    return np.pad(gaps / strip.height, 1), np.pad(clearances / strip.height, 1)


def ink_between(strip: Strip, left: Columns, right: Columns) -> tuple[Ink, int]:
    """The ink between two cuts, and the strip's column that it begins in."""
    first, last = int(left.min()), int(right.max())
    columns = np.arange(first, last)
    inside = (columns >= left[:, np.newaxis]) & (columns < right[:, np.newaxis])
    return strip.ink[:, first:last] * inside, first


def candidate_segments(strip: Strip, cuts: Cuts, budget: SegmentBudget) -> list[Segment]:
    """All segments that may be a digit, ordered by their start. Two neighbouring cuts always bound one.

    Raises `TooManyDigits`.
    """
    segments: list[Segment] = []
    for start in range(len(cuts.columns) - 1):
        for end in range(start + 1, len(cuts.columns)):
            segment = segment_between(strip, cuts, start, end)
            if end > start + 1 and segment.box[2] > WIDEST_SEGMENT * strip.height:
                break
            budget.take(1, segment.ink.size)
            segments.append(segment)
    return segments


def segment_between(strip: Strip, cuts: Cuts, start: int, end: int) -> Segment:
    ink, first = ink_between(strip, cuts.columns[start], cuts.columns[end])
    top, bottom, left, right = foreground_box(ink)
    box = (first + left, top, right - left, bottom - top)
    return Segment(start, end, box, (bottom - top) / strip.height, ink[top:bottom, left:right])
