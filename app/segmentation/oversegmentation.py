"""A line of digits is cut into digits.

    strip -> cut -> spans -> (the model reads all of them as one batch) -> choose -> digits

Where one digit ends and the next begins cannot be told from the ink alone: digits touch, and strokes break. So a strip
is cut wherever that might be, along paths from its top to its bottom that cross as little ink as can be. Whatever is
between two cuts may be a digit; the model says how likely it is one; and of all sequences of such spans that use up
the strip, the one that is likeliest as a whole is chosen.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from app.arrays import Image, Ink, Probabilities
from app.preprocessing.ink import BOX_LEVEL, box
from app.preprocessing.normalize import centre, fit

Costs = NDArray[np.float32]
Columns = NDArray[np.intp]

# Where a strip may be cut. Lengths are in heights of its digits, costs in pixels of full ink.
SIDEWAYS = 0.02  # what a step to the side costs a cut
SAME = 0.25  # places whose cuts differ by less are one place
APART = 0.1  # at least, from one place to the next
DEEPEST = 0.5  # ink that a cut may cross, in heights too
WIDEST = 1.6  # a span of more than two cuts

# What a sequence of digits loses, in natural logarithms beside the digits' log probabilities. Chosen on pages made of
# MNIST's validation digits.
LEAST = 1e-6  # the probability no digit is below: one that the model cannot read must not decide alone
CROSSED = 2.3  # for each height of ink cut through
WIDE, WIDTH = 0.65, 0.8  # for each height that a digit is wider
TALL, LOWNESS = 0.92, 1.2  # for each height that a digit is lower
SMALL, NOTHING = 0.45, 1.2  # what is lower may be no digit at all


class Strip(NamedTuple):
    """The ink of one line of digits, with empty columns on both sides."""

    ink: Ink
    height: float  # of its digits, in pixels
    middle: Columns  # for each column the row in which the digits' middles lie


class Cuts(NamedTuple):
    """Paths from a strip's top to its bottom, from the left to the right."""

    columns: Columns  # (n, H): in each row the first column on the right
    crossed: Costs  # (n,): the ink on the path


class Span(NamedTuple):
    """What lies between two cuts."""

    start: int
    end: int
    box: tuple[int, int, int, int]  # x, y, width, height, in the strip's pixels
    height: float  # in heights of the strip's digits
    loss: float  # of its shape, if it is a digit
    image: Image


class Reading(NamedTuple):
    """A span that was chosen."""

    digit: int
    confidence: float
    span: Span


def cut(strip: Strip) -> Cuts:
    """Both ends, and every place between them where a digit might end. There is ink between any two."""
    cost = np.multiply(strip.ink, 1 / 255, dtype=np.float32)
    height, width = cost.shape
    (above, below), (steps_up, steps_down) = cheapest(np.stack([cost, cost[::-1]]))
    total = (above + below[::-1] - cost)[strip.middle, np.arange(width)]
    runs = places(total, strip.height)
    chosen = np.array([cheapest_column(total, *run) for run in runs], np.intp)
    paths = np.tile(chosen[:, np.newaxis], height)
    follow(paths, strip.middle[chosen], steps_up)
    follow(paths[:, ::-1], height - 1 - strip.middle[chosen], steps_down)
    crossed = cost[np.arange(height), paths].sum(axis=1)
    ends = np.zeros((1, height), np.intp)
    cuts = Cuts(np.concatenate([ends, paths, ends + width]), np.pad(crossed, 1))
    return without_doubles(strip, cuts)


def cheapest(cost: Costs) -> tuple[Costs, NDArray[np.int8]]:
    """For each pixel (n, H, W) what the cheapest path from the top to it costs, and that path's last step sideways."""
    total = cost.copy()
    steps = np.zeros(cost.shape, np.int8)
    n, height, width = cost.shape
    before = np.full((n, width + 2), np.inf, np.float32)
    straight, left, right = before[:, 1:-1], before[:, :-2], before[:, 2:]
    for row in range(1, height):
        straight[:] = total[:, row - 1]
        sideways = np.minimum(left, right) + SIDEWAYS
        steps[:, row] = np.where(straight <= sideways, 0, np.where(left <= right, -1, 1))
        total[:, row] += np.minimum(straight, sideways)
    return total, steps


def places(total: Costs, height: float) -> list[tuple[int, int]]:
    """Runs of columns (begin, end) through which a cut costs less than through those around, from left to right."""
    around = np.ones((1, 2 * max(1, round(APART * height / 2)) + 1), np.uint8)
    lowest = cv2.erode(total[np.newaxis], around)[0]
    low = (total <= lowest + SAME) & (total <= DEEPEST * height)
    edges = np.flatnonzero(np.diff(low, prepend=False, append=False))
    return [(int(begin), int(end)) for begin, end in edges.reshape(-1, 2)]


def cheapest_column(total: Costs, begin: int, end: int) -> int:
    """The middle one of those that cost least."""
    least = np.flatnonzero(total[begin:end] == total[begin:end].min())
    return begin + int(least[len(least) // 2])


def follow(paths: Columns, rows: Columns, steps: NDArray[np.int8]) -> None:
    """Fills in each path from its row up to the first."""
    for row in range(int(rows.max(initial=0)), 0, -1):
        under_way = rows >= row
        here = paths[under_way, row]
        paths[under_way, row - 1] = here + steps[row, here]


def without_doubles(strip: Strip, cuts: Cuts) -> Cuts:
    """Of cuts with no ink between them the first."""
    kept = [0]
    for index in range(1, len(cuts.columns)):
        if between(strip, cuts, kept[-1], index)[0].max(initial=0) > BOX_LEVEL:
            kept.append(index)
    return Cuts(cuts.columns[kept], cuts.crossed[kept])


def between(strip: Strip, cuts: Cuts, start: int, end: int) -> tuple[Ink, int]:
    """The ink between two cuts, and the column of the strip it begins in."""
    left, right = cuts.columns[start], cuts.columns[end]
    first, last = int(left.min()), int(right.max())
    columns = np.arange(first, last)
    inside = (columns >= left[:, np.newaxis]) & (columns < right[:, np.newaxis])
    return strip.ink[:, first:last] * inside, first


def spans(strip: Strip, cuts: Cuts) -> list[Span]:
    """Whatever may be a digit, ordered by start. Between two neighbouring cuts there always is one."""
    found: list[Span] = []
    for start in range(len(cuts.columns) - 1):
        for end in range(start + 1, len(cuts.columns)):
            span = span_between(strip, cuts, start, end)
            if end > start + 1 and span.box[2] > WIDEST * strip.height:
                break
            found.append(span)
    return found


def span_between(strip: Strip, cuts: Cuts, start: int, end: int) -> Span:
    ink, first = between(strip, cuts, start, end)
    top, bottom, left, right = box(ink, level=BOX_LEVEL)
    width, height = (right - left) / strip.height, (bottom - top) / strip.height
    return Span(
        start,
        end,
        (first + left, top, right - left, bottom - top),
        height,
        WIDTH * max(0.0, width - WIDE) + LOWNESS * max(0.0, TALL - height),
        centre(fit(ink[top:bottom, left:right])),
    )


def choose(strip: Strip, cuts: Cuts, spans: Sequence[Span], probabilities: Probabilities) -> list[Reading]:
    """The likeliest sequence of digits, from the left to the right. `probabilities` has a row for each span."""
    digits, confidences = probabilities.argmax(axis=1), probabilities.max(axis=1)
    through = CROSSED * cuts.crossed / strip.height
    best: list[tuple[float, list[Reading]]] = [(-math.inf, [])] * len(cuts.columns)
    best[0] = (0.0, [])
    for span, digit, confidence in zip(spans, digits.tolist(), confidences.tolist(), strict=True):
        before, readings = best[span.start]
        score = before - float(through[span.end])
        as_digit = score + math.log(max(confidence, LEAST)) - span.loss
        as_nothing = score - NOTHING if span.height < SMALL else -math.inf
        if as_digit >= max(as_nothing, best[span.end][0]):
            best[span.end] = (as_digit, [*readings, Reading(digit, confidence, span)])
        elif as_nothing > best[span.end][0]:
            best[span.end] = (as_nothing, readings)
    return best[-1][1]
