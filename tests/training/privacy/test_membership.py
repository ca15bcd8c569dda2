from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from app.arrays import Images, Probabilities
from training.datasets.mnist import Digits
from training.errors import ConfigError
from training.privacy.membership import attack, likelihood_ratios, logit_confidences, random_halves, roc_curve
from training.privacy.membership import true_positive_rate as rate_at


@pytest.fixture
def pool() -> Digits:
    rng = np.random.default_rng(0)
    return Digits(rng.integers(0, 256, (400, 28, 28), dtype=np.uint8), rng.integers(0, 10, 400).astype(np.uint8))


def confident(labels: np.ndarray, logits: np.ndarray) -> Probabilities:
    right = 1 / (1 + np.exp(-logits))
    probabilities = np.repeat((1 - right)[:, None] / 9, 10, axis=1)
    probabilities[np.arange(len(labels)), labels] = right
    return probabilities.astype(np.float32)


def test_networks_that_know_their_digits_by_heart_are_found_out(pool: Digits) -> None:
    def learn(half: Digits, seed: int) -> Callable[[Images], Probabilities]:
        known = {image.tobytes() for image in half.images}
        noise = np.random.default_rng(seed).normal(0, 0.2, len(pool))
        return lambda images: confident(pool.labels, noise + [2.0 * (image.tobytes() in known) for image in images])

    found = attack(learn, pool, 16)
    assert found.true_positive_rate > 0.9
    assert found.area > 0.99


def test_of_networks_that_learn_nothing_of_a_single_digit_the_attacker_only_guesses(pool: Digits) -> None:
    def learn(_half: Digits, seed: int) -> Callable[[Images], Probabilities]:
        noise = np.random.default_rng(seed).normal(0, 1, len(pool))
        return lambda _images: confident(pool.labels, noise)

    found = attack(learn, pool, 16)
    assert found.true_positive_rate < 0.01
    assert found.area == pytest.approx(0.5, abs=0.03)


def test_each_digit_is_a_member_of_half_of_the_networks() -> None:
    members = random_halves(16, 1000, np.random.default_rng(0))
    assert (members.sum(axis=0) == 8).all()
    assert members.sum(axis=1) == pytest.approx(500, abs=80)


def test_the_attacked_network_is_no_part_of_the_fit() -> None:
    rng = np.random.default_rng(0)
    scores, members = rng.normal(0, 1, (8, 5)), random_halves(8, 5, rng)
    before = likelihood_ratios(scores, members)[0]
    members[0] = ~members[0]
    assert likelihood_ratios(scores, members)[0] == pytest.approx(before)


def test_the_rate_at_few_false_positives_counts_the_members_above_the_strictest_threshold() -> None:
    ratios = np.array([[9.0, 8, 7, 6], [5, 4, 3, 2]])
    members = np.array([[True, True, False, True], [True, False, False, False]])
    curve = roc_curve(ratios, members)
    assert rate_at(curve, 0.001) == pytest.approx(0.5)
    assert rate_at(curve, 0.25) == pytest.approx(1.0)


def test_equal_ratios_are_told_apart_by_nothing() -> None:
    curve = roc_curve(np.zeros((2, 4)), np.array([[True] * 4, [False] * 4]))
    assert rate_at(curve, 0.1) == 0


def test_a_certain_prediction_has_a_finite_logit() -> None:
    probabilities = np.array([[1.0, 0.0], [1.0, 0.0]], np.float32)
    assert np.isfinite(logit_confidences(probabilities, np.array([0, 1], np.uint8))).all()


def test_too_few_networks_are_refused(pool: Digits) -> None:
    with pytest.raises(ConfigError, match="--models 4: give at least 8"):
        attack(lambda _half, _seed: lambda _images: confident(pool.labels, np.zeros(len(pool))), pool, 4)
