"""Digits are drawn as strokes, sampled as the data set's authors did, and restored."""

from __future__ import annotations

import numpy as np
import pytest

from training.evaluation.testsets.pen_and_paper import Points
from training.evaluation.testsets.restored_strokes import complete_one, estimate_aspect, lead_to_flag, restore_strokes

Corners = list[tuple[float, float]]

OPEN_FOUR: list[Corners] = [[(0.15, 0), (0, 0.6), (0.6, 0.6)], [(0.45, 0.25), (0.42, 1)]]
FIVE_WITH_THE_FLAG_LAST: list[Corners] = [
    [(0.1, 0), (0.1, 0.4), (0.4, 0.4), (0.55, 0.7), (0.4, 1), (0, 0.95)],
    [(0.1, 0), (0.6, 0)],
]
CROSSED_SEVEN: list[Corners] = [[(0, 0), (0.6, 0), (0.2, 1)], [(0.1, 0.5), (0.6, 0.5)]]
FOOTED_ONE: list[Corners] = [[(0, 0.25), (0.2, 0), (0.2, 1)], [(0, 1), (0.4, 1)]]


def sample(strokes: list[Corners]) -> Points:
    """(8, 2): at equal distances along strokes and lifts; width and height are scaled to 1."""
    path = np.array([point for stroke in strokes for point in stroke])
    travelled = np.append(0, np.cumsum(np.hypot(*np.diff(path, axis=0).T)))
    places = np.linspace(0, travelled[-1], 8)
    points = np.stack([np.interp(places, travelled, path[:, axis]) for axis in (0, 1)], axis=1)
    return np.asarray((points - points.min(axis=0)) / np.ptp(points, axis=0))


@pytest.mark.parametrize(
    ("digit", "strokes"), [(1, FOOTED_ONE), (4, OPEN_FOUR), (5, FIVE_WITH_THE_FLAG_LAST), (7, CROSSED_SEVEN)]
)
def test_the_way_of_the_lifted_pen_is_not_drawn(digit: int, strokes: list[Corners]) -> None:
    assert len(restore_strokes(sample(strokes), digit)) == 2


@pytest.mark.parametrize(("digit", "strokes"), [(1, FOOTED_ONE[:1]), (7, CROSSED_SEVEN[:1]), (0, OPEN_FOUR)])
def test_digits_of_one_stroke_stay_one_stroke(digit: int, strokes: list[Corners]) -> None:
    assert len(restore_strokes(sample(strokes), digit)) == 1


def test_the_bar_of_a_four_is_led_across_its_stem() -> None:
    trajectory = sample([[(0.15, 0), (0, 0.6), (0.46, 0.6)], [(0.45, 0.55), (0.42, 1)]])
    bar, stem = restore_strokes(trajectory, 4)
    assert bar[-1, 0] == pytest.approx(np.interp(bar[-1, 1], stem[:, 1], stem[:, 0]) + 0.1, abs=0.02)


def test_the_flag_of_a_five_is_led_to_its_stem() -> None:
    stroke, flag = np.array([(0.1, 0.1), (0.1, 0.5), (0.4, 0.7), (0.0, 1.0)]), np.array([(0.3, 0.0), (0.6, 0.0)])
    assert lead_to_flag([stroke, flag], 0.3)[1].tolist() == [[0.1, 0.1], [0.3, 0.0], [0.6, 0.0]]


def test_a_flag_that_starts_left_of_the_stem_of_a_five_stays_as_it_is() -> None:
    stroke, flag = np.array([(0.1, 0.1), (0.1, 0.5), (0.4, 0.7), (0.0, 1.0)]), np.array([(0.05, 0.0), (0.6, 0.0)])
    assert lead_to_flag([stroke, flag], 0.3)[1] is flag


def test_the_bar_of_a_seven_crosses_it_and_its_foot_stays() -> None:
    seven, bar = restore_strokes(sample(CROSSED_SEVEN), 7)
    assert seven[-1, 1] == pytest.approx(1, abs=0.15)
    assert bar[0, 0] < np.interp(0.5, seven[-3:, 1], seven[-3:, 0]) < bar[-1, 0]


def test_the_stem_of_a_one_stands_on_its_foot() -> None:
    stem, foot = np.array([(0, 0.25), (0.2, 0), (0.2, 0.4), (0.2, 0.8)]), np.array([(0.0, 1.0), (0.4, 1.0)])
    longer, same_foot = complete_one([stem, foot], 0.3)
    assert longer[-1].tolist() == pytest.approx([0.2, 1])
    assert same_foot is foot


def test_the_top_of_a_one_is_a_corner() -> None:
    stem = restore_strokes(sample(FOOTED_ONE), 1)[0]
    top = stem[:, 1].argmin()
    assert stem[top].tolist() == stem[top + 1].tolist()


def test_the_notch_between_two_points_of_a_three_is_restored() -> None:
    three = [(0.0, 0.1), (0.3, 0.0), (0.45, 0.25), (0.1, 0.48), (0.5, 0.6), (0.45, 0.9), (0.0, 1.0)]
    trajectory = np.array(
        [(0.0, 0.1), (0.5, 0.0), (0.8, 0.3), (0.7, 0.5), (1.0, 0.65), (0.9, 0.95), (0.4, 1.0), (0.0, 0.9)]
    )
    (restored,) = restore_strokes(trajectory, 3)
    assert len(restored) == 9
    assert restored[3:5, 0].min() < restored[2, 0] - 0.1
    assert len(restore_strokes(sample([three]), 3)) == 1


def test_the_bowl_of_a_nine_is_closed() -> None:
    nine = [(0.5, 0.05), (0.1, 0.0), (0.0, 0.35), (0.48, 0.35), (0.55, 0.2), (0.5, 1.0)]
    restored = restore_strokes(sample([nine]), 9)
    assert len(restored) == 2
    assert restored[1][0].tolist() == restored[0][0].tolist()


@pytest.mark.parametrize("width", [0.3, 0.5, 0.8])
def test_the_width_of_a_digit_is_known_from_the_distances_of_its_points(width: float) -> None:
    zigzag = [(0.0, 0.0), (width, 0.0), (width, 1.0), (0.0, 1.0)]
    assert estimate_aspect(sample([zigzag]), 0.1, 1.3) == pytest.approx(width, abs=0.15)


def test_the_width_stays_within_what_is_typical() -> None:
    flat = sample([[(0.0, 0.0), (3.0, 0.0), (3.0, 1.0), (0.0, 1.0)]])
    assert estimate_aspect(flat, 0.4, 0.8) == 0.8
