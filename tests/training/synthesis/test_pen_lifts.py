"""Pen trajectories of two strokes, each eight points at about equal distances, as UCI's data set has them."""

from __future__ import annotations

import numpy as np
import pytest

from training.synthesis.glyphs import Points
from training.synthesis.pen_lifts import lift_pen


def path(*points: tuple[float, float]) -> Points:
    assert len(points) == 8
    return np.array(points, np.float64)


FOUR = path((0.3, 0), (0.1, 0.3), (0, 0.6), (0.4, 0.6), (0.8, 0.6), (0.7, 0.1), (0.7, 0.5), (0.7, 1))
FLAG_LAST_FIVE = path((0.2, 0), (0.2, 0.4), (0.8, 0.5), (0.7, 0.9), (0.1, 1), (0.1, 0.5), (0.2, 0.05), (0.9, 0))
CROSSED_SEVEN = path((0, 0), (0.5, 0), (1, 0), (0.7, 0.5), (0.4, 1), (0.2, 0.55), (0.5, 0.5), (0.9, 0.5))
FOOTED_ONE = path((0.1, 0.3), (0.5, 0), (0.5, 0.4), (0.5, 0.7), (0.5, 1), (0.1, 1), (0.5, 1), (0.9, 1))


@pytest.mark.parametrize(
    ("points", "digit", "ends"),
    [
        (FOUR, 4, [(2, 4), (5, 7)]),
        (FLAG_LAST_FIVE, 5, [(0, 4), (6, 7)]),
        (CROSSED_SEVEN, 7, [(0, 4), (5, 7)]),
        (FOOTED_ONE, 1, [(0, 4), (5, 7)]),
    ],
)
def test_way_through_the_air_is_in_no_stroke(points: Points, digit: int, ends: list[tuple[int, int]]) -> None:
    strokes = lift_pen(points, digit)
    assert len(strokes) == 2
    for stroke, (_, last) in zip(strokes, ends, strict=True):
        assert points[last].tolist() in stroke.tolist()
    assert strokes[1][0].tolist() == points[ends[1][0]].tolist()


def test_bar_of_a_four_crosses_its_stem() -> None:
    bar, stem = lift_pen(FOUR, 4)
    assert bar[:, 0].max() > stem[:, 0].max()


@pytest.mark.parametrize("digit", [0, 2, 3, 6, 8, 9])
def test_digits_of_one_stroke_stay_as_they_are(digit: int) -> None:
    (stroke,) = lift_pen(FLAG_LAST_FIVE, digit)
    assert np.array_equal(stroke, FLAG_LAST_FIVE)


def test_plain_seven_stays_one_stroke() -> None:
    seven = path((0, 0), (0.4, 0), (0.9, 0), (0.8, 0.2), (0.7, 0.4), (0.6, 0.6), (0.5, 0.8), (0.4, 1))
    (stroke,) = lift_pen(seven, 7)
    assert np.array_equal(stroke, seven)
