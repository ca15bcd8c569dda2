"""The epsilon of a federated run is that of the accountant, and is said only where noise was added."""

from __future__ import annotations

import math
import statistics

import pytest

from training.config import Federation
from training.federated.privacy import Spent


def test_without_noise_there_is_no_guarantee() -> None:
    assert Spent.by(Federation(clip=1.0), 10) is None


def test_all_clients_in_one_round_is_the_gaussian_mechanism() -> None:
    """Source of its exact delta: Balle and Wang, Improving the Gaussian Mechanism for Differential Privacy, 2018."""
    spent = Spent.by(Federation(clients=10, clip=1.0, noise_multiplier=1.0), 1)
    assert spent
    assert spent.delta == pytest.approx(0.01)
    assert spent.epsilon == pytest.approx(exact_epsilon(1.0, spent.delta), rel=0.01)


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
        federation = Federation(**{"clients": 1000, "clip": 1.0, "noise_multiplier": 1.0, "sampled": 50, **settings})  # type: ignore[arg-type]
        spent = Spent.by(federation, rounds)
        assert spent
        return spent.epsilon

    assert epsilon(10) < epsilon(40)
    assert epsilon(10) < epsilon(10, noise_multiplier=0.8)
    assert epsilon(10) < epsilon(10, sampled=200)
