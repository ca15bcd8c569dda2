"""The strokes of a digit whose pen trajectory does not say where the pen was lifted.

Only 1, 4, 5 and 7 are commonly written with two strokes. Left in, the way through the air turns a crossed 7 into a 2
and a 5 whose flag is drawn last into a 6. The rules hold for eight points at equal distances along the path.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from training.synthesis.glyphs import Points

# Shares of the digit's height and width.
STEEP = 0.18  # a segment of a flag or of a bar rises less
BAR_BEYOND_STEM = 0.08  # how far the bar of a 4 reaches


def lift_pen(points: Points, digit: int) -> list[Points]:
    """(8, 2), y downwards, in a unit square -> the strokes, each (n, 2) with at least two points."""
    strokes = split(points, segments_in_the_air(points, digit))
    if digit == 4 and len(strokes) == 2:
        strokes[0] = reach_across(strokes[0], strokes[1])
    return strokes


def segments_in_the_air(points: Points, digit: int) -> NDArray[np.bool_]:
    """(7,)"""
    number = np.arange(len(points) - 1)
    right, down = np.diff(points, axis=0).T
    behind_foot: NDArray[np.bool_] = number >= points[:, 1].argmax()
    in_the_air = np.zeros(len(number), np.bool_)
    if digit == 1:  # from the foot of the stem to the left end of the foot
        in_the_air = behind_foot & (right < 0)
    if digit == 4:  # from the right end of the bar up to the top of the stem
        in_the_air = (number >= 2) & (number < 6) & (down < -STEEP / 2)
    if digit == 5 and points[-1, 0] > 0.4 > points[-1, 1]:  # from the tail up to the flag, which is drawn last
        in_the_air = (number >= 3) & (down < -STEEP)
    if digit == 7:  # from the foot up and to the left, where the bar begins
        foot = int(points[:, 1].argmax())
        bar = foot + max(1, int(points[foot:, 0].argmin()))
        in_the_air = behind_foot & (number < bar)
    return in_the_air


def split(points: Points, in_the_air: NDArray[np.bool_]) -> list[Points]:
    """What is left of the path in one piece is a stroke."""
    pieces = np.split(points, np.flatnonzero(in_the_air) + 1)
    return [piece for piece in pieces if len(piece) > 1] or [points]


def reach_across(bar: Points, stem: Points) -> Points:
    """The bar, continued over the stem: its end was on the way through the air."""
    end = np.array([[stem[:, 0].max() + BAR_BEYOND_STEM, bar[-1, 1]]])
    return np.concatenate([bar, end]) if bar[-1, 0] < end[0, 0] else bar
