from __future__ import annotations

import numpy as np

from training.datasets.pen_trajectories import TEST_REMAINDERS, TRAINING_REMAINDERS, load_pen_digits


def test_digits_for_training_and_for_the_test_are_not_the_same_and_a_quarter_is_left_to_others() -> None:
    training, test = load_pen_digits(TRAINING_REMAINDERS), load_pen_digits(TEST_REMAINDERS)
    assert (len(training), len(test)) == (5496, 2748)
    assert not set(TRAINING_REMAINDERS) & set(TEST_REMAINDERS)
    assert 3 not in TRAINING_REMAINDERS + TEST_REMAINDERS
    assert training.trajectories.shape == (5496, 8, 2)
    assert np.unique(test.labels).tolist() == list(range(10))


def test_y_grows_downwards() -> None:
    """Nearly all begin a seven at the top, where its bar is."""
    digits = load_pen_digits(TRAINING_REMAINDERS)
    sevens = digits.trajectories[digits.labels == 7]
    assert np.median(sevens[:, 0, 1]) < 0.2
