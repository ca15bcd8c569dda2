from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from app.arrays import Images
from training.datasets.mnist import Digits, Labels
from training.errors import ConfigError
from training.evaluation.metrics import auroc
from training.privacy.membership import (
    attack,
    likelihood_ratios,
    log_density,
    logit_confidences,
    random_halves,
    share_found,
)


@pytest.fixture
def pool() -> Digits:
    rng = np.random.default_rng(0)
    return Digits(rng.integers(0, 256, (400, 28, 28), dtype=np.uint8), rng.integers(0, 10, 400).astype(np.uint8))


def logits_of(labels: Labels, confidences: NDArray[np.float64]) -> NDArray[np.float64]:
    """(n, 10): logits by which the right class has these confidences."""
    logits = np.zeros((len(labels), 10))
    logits[np.arange(len(labels)), labels] = confidences + np.log(9)
    return logits


def test_networks_that_know_their_digits_by_heart_are_found_out(pool: Digits) -> None:
    def learn(half: Digits, seed: int) -> Callable[[Images], NDArray[np.float64]]:
        known = {image.tobytes() for image in half.images}
        noise = np.random.default_rng(seed).normal(0, 0.2, len(pool))
        return lambda images: logits_of(pool.labels, noise + [2.0 * (image.tobytes() in known) for image in images])

    found = attack(learn, pool, 16)
    assert found.interval[0] > 0.9
    assert found.interval[0] <= found.true_positives <= found.interval[1]
    assert found.area > 0.99


@pytest.mark.parametrize("models", [8, 64])
def test_of_networks_that_learn_nothing_of_a_single_digit_the_attacker_only_guesses(models: int) -> None:
    """With few networks too, whether one has learnt from a digit must not follow from which others have."""
    rng = np.random.default_rng(0)
    members = random_halves(models, 4000, rng)
    ratios = likelihood_ratios(rng.normal(0, 1, members.shape), members)
    assert auroc(ratios[members], ratios[~members]) == pytest.approx(0.5, abs=0.01)
    assert share_found(ratios, members) < 0.003


def test_each_network_learns_from_half_of_the_pool_drawn_by_itself() -> None:
    members = random_halves(16, 1001, np.random.default_rng(0))
    assert (members.sum(axis=1) == 500).all()
    assert members.sum(axis=0).var() == pytest.approx(16 / 4, rel=0.2)  # that of sixteen tosses of a coin


def test_of_a_digit_that_all_others_have_learnt_from_nothing_is_said() -> None:
    members = np.zeros((8, 3), np.bool_)
    members[:, 0] = True  # all have learnt from the first digit, none from the second, half from the third
    members[::2, 2] = True
    ratios = likelihood_ratios(np.random.default_rng(0).normal(0, 1, (8, 3)), members)
    assert not ratios[:, :2].any()
    assert ratios[:, 2].all()


def test_from_64_networks_on_each_digit_has_its_own_variances() -> None:
    """Two kinds of digits, whose scores spread by 0.1 and by 10: the density of the first is a hundred times higher."""
    rng = np.random.default_rng(0)
    spread = np.repeat([0.1, 10.0], 50)

    def ratio_of_densities(models: int) -> float:
        scores = rng.normal(0, spread, (models - 1, 100))
        densities = log_density(np.zeros(100), scores, np.ones(scores.shape, np.bool_))
        return float(np.exp(densities[:50].mean() - densities[50:].mean()))

    assert ratio_of_densities(63) == pytest.approx(1, abs=0.2)
    assert ratio_of_densities(64) == pytest.approx(100, rel=0.2)


def test_the_attacked_network_is_no_part_of_the_fit() -> None:
    rng = np.random.default_rng(0)
    scores, members = rng.normal(0, 1, (8, 5)), random_halves(8, 5, rng)
    before = likelihood_ratios(scores, members)[0]
    members[0] = ~members[0]
    assert likelihood_ratios(scores, members)[0] == pytest.approx(before)


def test_the_confidence_is_the_logit_of_the_probability_of_the_right_class() -> None:
    logits = np.log([[0.2, 0.7, 0.1]])
    assert logit_confidences(logits, np.array([1], np.uint8)) == pytest.approx([np.log(0.7 / 0.3)])


def test_certain_predictions_are_told_apart() -> None:
    """Their probabilities are both 1."""
    logits = np.array([[40.0, 0.0], [50.0, 0.0]], np.float32)
    assert logit_confidences(logits, np.array([0, 0], np.uint8)) == pytest.approx([40, 50])


def test_too_few_networks_are_refused(pool: Digits) -> None:
    with pytest.raises(ConfigError, match="--models 4: give at least 8"):
        attack(lambda _half, _seed: lambda _images: logits_of(pool.labels, np.zeros(len(pool))), pool, 4)
