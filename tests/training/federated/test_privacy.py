"""The epsilon of a federated run is that of the accountant, and is said only where noise was added."""

from __future__ import annotations

import math
import statistics

import pytest

from training.config import Federation
from training.errors import ConfigError
from training.federated.privacy import plan_client_privacy
from training.privacy.record import PrivacyRecord


def record_of(rounds: int, **settings: float) -> PrivacyRecord:
    record = plan_client_privacy(Federation(clip=1.0, **settings), rounds)  # type: ignore[arg-type]  # of each its type
    assert record
    return record


def test_without_noise_there_is_no_guarantee() -> None:
    assert plan_client_privacy(Federation(clip=1.0), 10) is None


def test_all_clients_in_one_round_is_the_gaussian_mechanism() -> None:
    """Source of its exact delta: Balle and Wang, Improving the Gaussian Mechanism for Differential Privacy, 2018."""
    record = record_of(1, clients=10, noise_multiplier=1.0)
    assert record.delta == pytest.approx(0.01)
    assert record.epsilon == pytest.approx(exact_epsilon(1.0, record.delta), rel=0.01)


def exact_epsilon(noise_multiplier: float, delta: float) -> float:
    """By bisection of the closed form of delta."""
    cdf = statistics.NormalDist().cdf

    def delta_of(epsilon: float) -> float:
        shift, half = epsilon * noise_multiplier, 0.5 / noise_multiplier
        return cdf(half - shift) - math.exp(epsilon) * cdf(-half - shift)

    low, high = 0.0, 50.0
    while high - low > 1e-6:
        middle = (low + high) / 2
        low, high = (middle, high) if delta_of(middle) > delta else (low, middle)
    return high


def test_more_rounds_and_less_noise_cost_more_and_sampling_less() -> None:
    def epsilon(rounds: int, **settings: float) -> float:
        return record_of(rounds, **{"clients": 1000, "noise_multiplier": 1.0, "sampled": 50, **settings}).epsilon

    assert epsilon(10) < epsilon(40)
    assert epsilon(10) < epsilon(10, noise_multiplier=0.8)
    assert epsilon(10) < epsilon(10, sampled=200)


def test_the_record_names_clients_and_rounds() -> None:
    record = record_of(40, clients=10, sampled=5, noise_multiplier=2.0)
    assert (record.sampling_probability, record.steps, record.noise_multiplier) == (0.5, 40, 2.0)
    for text in (record.protected, record.neighbours, record.sampling):
        assert "client" in text
        assert "digit is" not in text


@pytest.mark.parametrize(("noise", "rounds", "least"), [(0.01, 1, 0.25), (0.3, 40, 0.4)])
def test_noise_that_hides_nobody_is_refused_before_its_losses_fill_the_memory(
    noise: float, rounds: int, least: float
) -> None:
    with pytest.raises(ConfigError, match=f"give at least {least}, or leave it out"):
        record_of(rounds, noise_multiplier=noise)
    assert record_of(rounds, noise_multiplier=least).epsilon > 10
