"""Which pen trajectories still show their digit: in others, eight points are too few for what tells digits apart.

The thresholds were set by looking at drawings without predictions. Lengths are in heights of the digit.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from training.evaluation.testsets.pen_and_paper import Points

CENTRE_RADIUS = 0.25  # of a zero, in its height and its width: no pen goes there
MIN_FLAG_SLOPE = 0.8  # of a one: flatter, it is the bar of a seven
MIN_NOTCH = 0.06  # depth between the bowls of a three
MIN_BOWL = 0.035  # area of the bowl of a six or a nine
MAX_GAP = 0.36  # between the ends of an eight
MIN_LOOP = 0.14  # width of each loop of an eight


def is_legible(strokes: list[Points], digit: int) -> bool:
    return digit not in LEGIBLE or LEGIBLE[digit](strokes)


def is_a_ring(zero: list[Points]) -> bool:
    """Not slashed, and not a curl like a six."""
    (points,) = zero
    low, high = points.min(axis=0), points.max(axis=0)
    from_centre = np.hypot(*((points - (low + high) / 2) / (high - low)).T)
    return bool(from_centre.min() > CENTRE_RADIUS) and len(crossings(points, 0.5)) <= 3


def has_steep_flag(one: list[Points]) -> bool:
    """Or a foot, or no flag."""
    points = one[0]
    top = points[points[:5, 1].argmin()]
    run, rise = top[0] - points[0, 0], points[0, 1] - top[1]
    return len(one) > 1 or bool(rise >= MIN_FLAG_SLOPE * run)


def has_notch(three: list[Points]) -> bool:
    x = three[0][:, 0]
    return bool(max(min(x[:i].max(), x[i + 1 :].max()) - x[i] for i in range(2, len(x) - 2)) >= MIN_NOTCH)


def has_bowl_at_its_end(six: list[Points]) -> bool:
    return bowl_area(six[0][::-1]) >= MIN_BOWL


def has_bowl_at_its_start(nine: list[Points]) -> bool:
    """Or at its end, where it was written from below."""
    points = nine[0]
    return bowl_area(points[::-1] if points[0, 1] > 0.7 else points) >= MIN_BOWL


def bowl_area(points: Points) -> float:
    """Between the start of a stroke and the point at which it is back there."""
    bowl = points[: 4 + int(np.hypot(*(points[3:] - points[0]).T).argmin())]
    x, y = bowl.T
    return float(abs(x @ np.roll(y, -1) - y @ np.roll(x, -1)) / 2)


def has_two_loops(eight: list[Points]) -> bool:
    (points,) = eight
    upper, lower = (
        max(np.ptp(crossings(points, y)) for y in loop) for loop in ((0.15, 0.25, 0.35), (0.65, 0.75, 0.85))
    )
    return bool(min(upper, lower) >= MIN_LOOP and np.hypot(*(points[-1] - points[0])) <= MAX_GAP)


def crossings(points: Points, height: float) -> Points:
    """(n,): where a stroke crosses a horizontal line."""
    (x0, y0), (x1, y1) = points[:-1].T, points[1:].T
    crosses = (y0 > height) != (y1 > height)
    share = (height - y0[crosses]) / (y1[crosses] - y0[crosses])
    return np.asarray(x0[crosses] + share * (x1[crosses] - x0[crosses]))


LEGIBLE: dict[int, Callable[[list[Points]], bool]] = {
    0: is_a_ring,
    1: has_steep_flag,
    3: has_notch,
    6: has_bowl_at_its_end,
    8: has_two_loops,
    9: has_bowl_at_its_start,
}
