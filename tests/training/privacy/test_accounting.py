from __future__ import annotations

import math
import sys

import pytest
from scipy import optimize, stats  # type: ignore[import-untyped]  # scipy ships no types

from training.errors import ConfigError, PackageError
from training.privacy.accounting import SampledGaussian, find_noise_multiplier


def epsilon_of_gaussian(noise_multiplier: float, delta: float) -> float:
    """Exact, by Balle and Wang, Improving the Gaussian mechanism for differential privacy, 2018."""

    def excess(epsilon: float) -> float:
        middle, shift = epsilon * noise_multiplier, 1 / (2 * noise_multiplier)
        lost = math.exp(epsilon) * stats.norm.cdf(-shift - middle)
        return float(stats.norm.cdf(shift - middle) - lost - delta)

    return float(optimize.brentq(excess, 0, 50))


@pytest.mark.parametrize("steps", [1, 100])
def test_steps_on_all_examples_cost_what_one_with_less_noise_does(steps: int) -> None:
    """Gaussian mechanisms compose into one whose noise is smaller by the root of their number."""
    epsilon = SampledGaussian(1.5 * math.sqrt(steps), 1.0, steps).epsilon(1e-5)
    assert epsilon == pytest.approx(epsilon_of_gaussian(1.5, 1e-5), rel=2e-3)


def test_the_published_tutorial_setting_costs_less_than_by_moments() -> None:
    """Noise 1.1, samples of 256 of 60,000, 60 epochs: TensorFlow Privacy's table has 2.92 by Rényi's divergences."""
    epsilon = SampledGaussian(1.1, 256 / 60_000, 60 * 234).epsilon(1e-5)
    assert epsilon == pytest.approx(2.388, abs=0.01)


def test_without_noise_there_is_no_privacy() -> None:
    assert SampledGaussian(0.0, 0.1, 1).epsilon(1e-5) == math.inf


def test_the_noise_found_is_enough_and_hardly_more() -> None:
    noise_multiplier = find_noise_multiplier(3.0, 1e-5, 0.05, 600)
    assert SampledGaussian(noise_multiplier, 0.05, 600).epsilon(1e-5) <= 3
    assert SampledGaussian(noise_multiplier * 0.99, 0.05, 600).epsilon(1e-5) > 3


def test_an_epsilon_that_no_noise_meets_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"^--epsilon 1e-06: 100000 steps"):
        find_noise_multiplier(1e-6, 1e-9, 1.0, 100_000)


def test_a_missing_accountant_is_named_with_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "dp_accounting", None)
    with pytest.raises(PackageError, match="extra `privacy`"):
        SampledGaussian(1.0, 0.1, 1).epsilon(1e-5)
