from __future__ import annotations

import numpy as np
import pytest

from training.synthesis.styles import WAYS, Way, random_strokes

ALL_WAYS = [way for ways in WAYS for way, _ in ways]


@pytest.mark.parametrize("way", ALL_WAYS, ids=lambda way: way.__name__)
def test_every_way_fills_about_a_unit_square_and_no_hand_writes_it_twice_the_same(way: Way) -> None:
    first, second = (np.concatenate(way(np.random.default_rng(seed))) for seed in (1, 2))
    for points in (first, second):
        assert points.shape[1] == 2
        assert -0.2 < points.min() < points.max() < 1.2
        assert np.ptp(points[:, 1]) > 0.8
    assert first.shape != second.shape or not np.allclose(first, second)


@pytest.mark.parametrize("digit", range(10))
def test_strokes_that_are_joined_stay_joined_in_every_hand(digit: int) -> None:
    """The wave of a hand moves the same place the same way, whichever stroke goes through it."""
    for seed in range(20):
        strokes = random_strokes(digit, np.random.default_rng(seed))
        assert all(np.isfinite(stroke).all() and len(stroke) > 1 for stroke in strokes)
        assert np.abs(np.concatenate(strokes)).max() < 1.3


def test_every_digit_has_at_least_two_ways() -> None:
    assert [len(ways) > 1 for ways in WAYS] == [True] * 10
