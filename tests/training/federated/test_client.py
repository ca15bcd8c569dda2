"""A client's update is a function of what it gets; its loss asks less of classes that it does not have."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest

from training.config import Federation, Options, TrainConfig
from training.datasets.mnist import Digits
from training.federated.client import LocalTrainer, Weights, initial_weights, learning_rate

CONFIG = TrainConfig(
    arch="mlp", epochs=4, batch_size=16, learning_rate=0.05, label_smoothing=0.0, weight_decay=0.0, distortion=None
)


def config_with(**settings: Any) -> TrainConfig:
    return dataclasses.replace(CONFIG, federated=Federation(local_steps=6, **settings))


@pytest.fixture
def digits(test_digits: Digits) -> Digits:
    """Of the classes 0 and 1 only."""
    return test_digits[np.flatnonzero(test_digits.labels < 2)[:50]]


def distance(left: Weights, right: Weights) -> float:
    return float(np.sqrt(sum(np.sum((a - b) ** 2) for a, b in zip(left, right, strict=True))))


@pytest.mark.parametrize("dropout", [0.0, 0.5])
def test_the_same_arguments_give_the_same_update(digits: Digits, dropout: float) -> None:
    config = dataclasses.replace(config_with(), options=Options(dropout=dropout))
    trainer, weights = LocalTrainer(config), initial_weights(config)
    first = trainer.train(weights, digits, 1, 2)
    trainer.train(weights, digits, 0, 0)  # the velocity of another client is not carried over
    again = trainer.train(weights, digits, 1, 2)
    assert distance(first.weights, again.weights) < 1e-5
    assert distance(first.weights, trainer.train(weights, digits, 1, 3).weights) > 1e-3
    assert (first.digits, first.loss > 0) == (50, True)


def test_a_proximal_term_keeps_the_client_near_the_server(digits: Digits) -> None:
    def drift(proximal: float) -> float:
        config = config_with(proximal=proximal)
        weights = initial_weights(config)
        return distance(LocalTrainer(config).train(weights, digits, 0, 0).weights, weights)

    assert drift(5.0) < 0.8 * drift(0.0)


def test_the_adjusted_loss_pushes_absent_classes_down_less(digits: Digits) -> None:
    def bias_of_absent_classes(loss: str) -> float:
        config = config_with(local_loss=loss)
        return float(LocalTrainer(config).train(initial_weights(config), digits, 0, 0).weights[-1][2:].mean())

    assert bias_of_absent_classes("plain") < 5 * bias_of_absent_classes("adjusted") < 0


def test_the_adjustment_is_the_logarithm_of_the_shares(digits: Digits) -> None:
    trainer = LocalTrainer(config_with(local_loss="adjusted", absent=0.01))
    adjustment = trainer.adjustment(np.array([0, 0, 0, 1], np.uint8))
    np.testing.assert_allclose(np.exp(adjustment[:3]), [0.75, 0.25, 0.01], rtol=1e-5)
    assert np.isfinite(LocalTrainer(config_with(local_loss="adjusted", absent=0.0)).adjustment(digits.labels)).all()


def test_every_client_makes_as_many_steps_and_sees_all_its_digits(digits: Digits) -> None:
    trainer = LocalTrainer(config_with())
    random = np.random.default_rng(0)
    assert [len(labels) for _, labels in trainer.batches(digits, random)] == [16] * 6
    assert [len(labels) for _, labels in trainer.batches(digits[:5], random)] == [5] * 6


def test_the_learning_rate_falls_over_the_rounds() -> None:
    rates = [learning_rate(CONFIG, round_) for round_ in range(4)]
    assert rates[0] == CONFIG.learning_rate
    assert rates == sorted(rates, reverse=True)
    assert rates[-1] > 0
    assert learning_rate(dataclasses.replace(CONFIG, schedule="constant"), 3) == CONFIG.learning_rate
