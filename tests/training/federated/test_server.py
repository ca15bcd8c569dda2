"""The server's weights are the weighted mean; clipping bounds what a client changes; noise does not follow the seed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from training.config import Federation
from training.errors import ConfigError
from training.federated.server import Aggregator, Weights, clipped, weighted_mean


def weights(*values: float) -> Weights:
    """Two layers."""
    return [np.full((2, 3), values[0], np.float32), np.full(4, values[-1], np.float32)]


def test_the_aggregate_is_the_mean_weighted_by_digits() -> None:
    random = np.random.default_rng(0)
    updates = [[random.random((2, 3), np.float32), random.random(4, np.float32)] for _ in range(3)]
    digits = [10, 20, 70]
    new = Aggregator(Federation(), weights(5.0)).aggregate(updates, digits)
    for layer, value in enumerate(new):
        expected = sum(n / 100 * update[layer] for n, update in zip(digits, updates, strict=True))
        np.testing.assert_allclose(value, expected, rtol=1e-5)
        assert value.dtype == np.float32


def test_equal_updates_are_left_as_they_are() -> None:
    (first, second) = weighted_mean([weights(0.1, 3.0)] * 7, [1, 2, 3, 4, 5, 6, 7])
    np.testing.assert_allclose(first, 0.1, rtol=1e-6)
    np.testing.assert_allclose(second, 3.0, rtol=1e-6)


def test_momentum_carries_a_change_on() -> None:
    server = Aggregator(Federation(strategy="fedavgm", server_momentum=0.5, server_rate=1.0), weights(0.0))
    np.testing.assert_allclose(server.aggregate([weights(1.0)], [1])[0], 1.0)
    np.testing.assert_allclose(server.aggregate([weights(1.0)], [1])[0], 1.5)  # no change, half of the one before


def test_without_momentum_and_at_rate_one_a_step_is_the_mean() -> None:
    federation = Federation(strategy="fedavgm", server_momentum=0.0, server_rate=1.0)
    np.testing.assert_allclose(
        Aggregator(federation, weights(3.0)).aggregate([weights(1.0), weights(2.0)], [1, 1])[0], 1.5
    )


def test_a_long_change_is_shortened_over_all_layers_together() -> None:
    change = clipped([np.full(4, 3.0, np.float32), np.full(4, -4.0, np.float32)], 1.0)
    assert np.sqrt(sum(np.sum(layer**2) for layer in change)) == pytest.approx(1.0)
    np.testing.assert_allclose(change[0] / change[1], -0.75, rtol=1e-6)


def test_a_short_change_and_none_at_all_are_kept() -> None:
    for value in (0.0, 0.01):
        np.testing.assert_array_equal(clipped(weights(value), 1.0)[0], weights(value)[0])


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_client_with_nan_or_infinity_changes_nothing(value: float) -> None:
    server = Aggregator(Federation(clients=4, clip=1.0), weights(0.0))
    new = server.aggregate([weights(0.0, value), weights(0.1, 0.1)], [1, 1])
    for layer in new:
        np.testing.assert_allclose(layer, 0.1 / 4, rtol=1e-6)


def test_a_clipped_client_counts_as_any_other_and_no_answer_changes_the_divisor() -> None:
    """Else the number of digits, or of those who took part, would tell about a client."""
    federation = Federation(clients=4, clip=1.0)
    server = Aggregator(federation, weights(0.0))
    new = server.aggregate([weights(100.0), weights(0.0)], [1, 1000])
    assert np.sqrt(sum(np.sum(layer**2) for layer in new)) == pytest.approx(1 / 4)


def test_noise_is_on_the_sum_and_not_a_function_of_the_seed() -> None:
    federation = Federation(clients=10, clip=2.0, noise_multiplier=3.0)

    def noise() -> Any:
        return Aggregator(federation, [np.zeros(20_000, np.float32)]).aggregate([], [])[0]

    first, second = noise(), noise()
    assert first.std() == pytest.approx(3.0 * 2.0 / 10, rel=0.05)
    assert not np.array_equal(first, second)


def test_noise_without_a_bound_is_refused() -> None:
    with pytest.raises(ConfigError, match="--clip"):
        Federation(noise_multiplier=1.0)
