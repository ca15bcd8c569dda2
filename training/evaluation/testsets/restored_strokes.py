"""Puts strokes and width back into a pen trajectory, whose points also lie on the way of the lifted pen.

The rules are geometry. The label is known, and with it the place where a pen is lifted: in a four, for example, between
the end of the bar and the top of the stem. The points lie at equal distances along the path, so a chord that is shorter
than the others says how far the path bends between two points.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from training.evaluation.testsets.pen_and_paper import Points

ASPECTS = np.geomspace(0.15, 1.3, 40)  # width by height, as candidates
TYPICAL_ASPECTS: dict[int, tuple[float, float]] = {
    0: (0.5, 1.0),
    1: (0.15, 0.5),
    2: (0.5, 0.95),
    3: (0.4, 0.75),
    4: (0.45, 0.85),
    5: (0.5, 0.95),
    6: (0.4, 0.8),
    7: (0.45, 0.9),
    8: (0.4, 0.65),
    9: (0.4, 0.8),
}
SHORT_CHORD = 0.85  # of the path between two points: the path bends there
WIDEST_BOWL_GAP = 0.4  # of a nine; wider where it is written from below
OVERSHOOT = 0.1  # of the bar of a four beyond its stem, in the height of the digit


class Lift(NamedTuple):
    last: int  # point before the pen is lifted
    first: int  # point after it is put down


def restore_strokes(trajectory: Points, digit: int) -> list[Points]:
    """(8, 2) with both axes from 0 to 1 -> the points of each stroke, in heights of the digit."""
    points = trajectory * (estimate_aspect(trajectory, *TYPICAL_ASPECTS[digit]), 1)
    step = float(np.sort(np.hypot(*np.diff(points, axis=0).T))[-3:].mean())  # most chords are shorter than the path
    lift = FIND_LIFT[digit](points) if digit in FIND_LIFT else None
    strokes = [points] if lift is None else split(points, lift, step)
    return COMPLETE[digit](strokes, step) if digit in COMPLETE else strokes


def estimate_aspect(trajectory: Points, narrowest: float, widest: float) -> float:
    """The width at which the points are nearest to equal distances, by which they were sampled."""
    steps = np.diff(trajectory, axis=0)
    lengths = np.hypot(np.multiply.outer(ASPECTS, steps[:, 0]), steps[:, 1])
    variation = lengths.std(axis=1) / lengths.mean(axis=1)
    return float(np.clip(ASPECTS[variation.argmin()], narrowest, widest))


def split(points: Points, lift: Lift, step: float) -> list[Points]:
    """Two strokes, each longer by a part of the gap between the known points."""
    before, after = points[: lift.last + 1], points[lift.first :]
    end, start = fill_gap(before[-2:], after[:2], (lift.first - lift.last) * step)
    return [np.vstack([before, end]), np.vstack([start, after])]


def fill_gap(before: Points, after: Points, path: float) -> tuple[Points, Points]:
    """Where two lines go on to, forwards and backwards, if the path between the known points is `path` long."""
    extensions = np.linspace(0.05 * path, path / 2, 20)[:, np.newaxis]
    ends = before[1] + extensions * direction(before[0], before[1])
    starts = after[0] - extensions * direction(after[0], after[1])
    paths = 2 * extensions[:, 0] + np.hypot(*(ends - starts).T)
    nearest = np.abs(paths - path).argmin()
    return ends[nearest], starts[nearest]


def direction(start: Points, end: Points) -> Points:
    """A vector one long; 0 for the same point."""
    way = end - start
    return np.asarray(way / max(float(np.hypot(*way)), 1e-9))


# --- what the points do not show ---


def lead_across(strokes: list[Points], _: float) -> list[Points]:
    """The bar of a four crosses its stem."""
    bar, stem = strokes
    height = min(bar[-2:, 1])  # not lower than the points show
    beyond = np.interp(height, stem[:, 1], stem[:, 0]) + OVERSHOOT
    return [np.vstack([bar[:-1], (max(bar[-1, 0], beyond), height)]), stem]


def complete_one(strokes: list[Points], _: float) -> list[Points]:
    """The top of a one is a corner, and its stem stands on its foot."""
    stem, *feet = strokes
    top = int(stem[:4, 1].argmin())
    stem = np.insert(stem, top, stem[top], axis=0)
    course = direction(stem[-2], stem[-1])
    for foot in feet:
        missing = foot[:, 1].mean() - stem[-1, 1]
        if missing > 0 < course[1]:
            stem = np.vstack([stem, stem[-1] + course * missing / course[1]])
    return [stem, *feet]


def lead_to_flag(strokes: list[Points], _: float) -> list[Points]:
    """The flag of a five starts at its stem."""
    if len(strokes) == 1:
        return strokes
    rest, flag = strokes
    return [rest, np.vstack([rest[0], flag])] if flag[0, 0] > rest[0, 0] else strokes


def add_notch(strokes: list[Points], step: float) -> list[Points]:
    """Between its bowls a three goes to the left, so far that the path is as long as it was."""
    (three,) = strokes
    chords = np.hypot(*np.diff(three, axis=0).T)
    start = 2 + int(chords[2:4].argmin())
    if chords[start] > SHORT_CHORD * step:
        return strokes
    depth = math.sqrt(step**2 - chords[start] ** 2) / 2
    return [np.insert(three, start + 1, (three[start] + three[start + 1]) / 2 - (depth, 0), axis=0)]


def close_bowl(strokes: list[Points], _: float) -> list[Points]:
    """The stem of a nine starts where its bowl starts."""
    (nine,) = strokes
    nearest = 3 + int(np.hypot(*(nine[3:] - nine[0]).T).argmin())
    gap = nine[[0, nearest]]
    return [nine, gap] if np.hypot(*(gap[1] - gap[0])) < WIDEST_BOWL_GAP else [nine]


COMPLETE: dict[int, Callable[[list[Points], float], list[Points]]] = {
    1: complete_one,
    3: add_notch,
    4: lead_across,
    5: lead_to_flag,
    9: close_bowl,
}


# --- where the pen was lifted; None: nowhere ---


def before_the_foot(one: Points) -> Lift | None:
    """From the foot of the stem to the left end of the foot."""
    x, y = one.T
    start = 4 + int(x[4:7].argmin())
    has_foot = y[start:].min() > 0.7 and x[-1] - x[start] > 0.5 * np.ptp(x) and x[start - 1] > x[start]
    return Lift(start - 1, start) if has_foot else None


def before_the_stem(four: Points) -> Lift:
    """From the end of the bar to the top of the stem."""
    x, y = four.T
    top = 6
    while top > 3 and y[top] - y[top - 1] > 0.5 * abs(x[top] - x[top - 1]):
        top -= 1
    end = top - 1
    while end > 2 and (x[end] <= x[end - 1] or y[end - 1] - y[end] > x[end] - x[end - 1]):
        end -= 1
    return Lift(end, top)


def before_the_flag(five: Points) -> Lift | None:
    """From the tail up to the flag, if that is drawn last."""
    x, y = five.T
    if y[-1] > 0.4:
        return None
    end = int(y.argmax())
    while end < 5 and x[end] - x[end + 1] > y[end] - y[end + 1]:
        end += 1
    return Lift(end, 6)


def before_the_crossbar(seven: Points) -> Lift | None:
    """From the foot to the start of the bar."""
    x, y = seven.T
    if y[-1] > 0.85:
        return None
    foot = int(y.argmax())
    start = 6
    while start - 1 > foot and abs(y[start - 1] - y[start]) < 0.4 * abs(x[start - 1] - x[start]):
        start -= 1
    return Lift(foot, start) if foot < start else None


FIND_LIFT: dict[int, Callable[[Points], Lift | None]] = {
    1: before_the_foot,
    4: before_the_stem,
    5: before_the_flag,
    7: before_the_crossbar,
}
