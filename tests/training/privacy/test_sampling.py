from __future__ import annotations

import numpy as np
import pytest
from scipy import stats  # type: ignore[import-untyped]  # scipy ships no types

from training.privacy.sampling import add_noise, poisson_sample, secret_generator


def test_samples_are_of_poisson_sampling_and_not_of_one_size() -> None:
    rng = np.random.default_rng(0)
    sizes = [len(poisson_sample(1000, 0.1, rng)) for _ in range(2000)]
    assert np.mean(sizes) == pytest.approx(100, abs=1)
    assert np.var(sizes) == pytest.approx(90, rel=0.1)  # of a binomial distribution: 1000 * 0.1 * 0.9


def test_each_example_is_in_a_sample_independently_of_the_others() -> None:
    rng = np.random.default_rng(0)
    drawn = np.zeros((4000, 10))
    for row in drawn:
        row[poisson_sample(10, 0.3, rng)] = 1
    assert drawn.mean(axis=0) == pytest.approx(0.3, abs=0.03)
    correlations = np.asarray(np.corrcoef(drawn.T))[np.triu_indices(10, 1)]
    assert np.abs(correlations).max() < 0.07


def test_with_probability_1_all_examples_are_in_a_step() -> None:
    assert poisson_sample(7, 1.0, np.random.default_rng(0)).tolist() == list(range(7))


def test_noise_has_the_deviation_asked_for() -> None:
    noisy = add_noise([np.full((200, 50), 3, np.float32), np.zeros(10_000, np.float32)], 2.5, secret_generator())
    for values, mean in zip(noisy, (3, 0), strict=True):
        assert values.dtype == np.float32
        assert stats.kstest(values.ravel(), stats.norm(mean, 2.5).cdf).pvalue > 1e-6


def test_a_runs_seed_does_not_give_its_noise() -> None:
    first, second = (add_noise([np.zeros(5, np.float32)], 1, secret_generator())[0] for _ in range(2))
    assert not np.array_equal(first, second)
