from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from training.privacy.gradients import DenseGradients

N = 24  # examples


@pytest.fixture
def network() -> keras.Model:
    keras.utils.set_random_seed(0)
    x = image = keras.Input((12,))
    for units in (7, 5):
        x = layers.Activation("tanh")(layers.Dense(units)(x))
    return keras.Model(image, layers.Dense(4, use_bias=False)(x))


@pytest.fixture
def features() -> Any:
    return np.random.default_rng(0).normal(0, 2, (N, 12)).astype(np.float32)


@pytest.fixture
def labels() -> Any:
    return np.random.default_rng(1).integers(0, 4, N).astype(np.int32)


def gradient_of_one(network: keras.Model, copies: Any, label: Any) -> list[Any]:
    """Of the mean loss of its copies."""
    with tf.GradientTape() as tape:
        losses = tf.nn.sparse_softmax_cross_entropy_with_logits([label] * len(copies), network(copies))
        loss = tf.reduce_mean(losses)
    return [gradient.numpy() for gradient in tape.gradient(loss, network.trainable_weights)]


def norm(gradient: list[Any]) -> float:
    return float(np.sqrt(sum((values.astype(np.float64) ** 2).sum() for values in gradient)))


@pytest.mark.parametrize("copies", [1, 3])
@pytest.mark.parametrize("clipping_norm", [0.3, 2.0, 1e6])
def test_the_clipped_sum_is_that_of_gradients_computed_one_by_one(
    network: keras.Model, features: Any, labels: Any, clipping_norm: float, copies: int
) -> None:
    features = features.reshape(-1, copies, 12)
    labels = labels[: len(features)]
    one_by_one = [gradient_of_one(network, *example) for example in zip(features, labels, strict=True)]
    factors = [min(1.0, clipping_norm / norm(gradient)) for gradient in one_by_one]
    expected = [
        sum(factor * values for factor, values in zip(factors, of_weight, strict=True))
        for of_weight in zip(*one_by_one, strict=True)
    ]
    sums = DenseGradients(network.layers[1:], clipping_norm).clipped_sum(features, labels)
    for values, right in zip(sums, expected, strict=True):
        np.testing.assert_allclose(values, right, rtol=1e-5, atol=1e-6)


def test_one_example_changes_the_sum_by_at_most_the_clipping_norm(
    network: keras.Model, features: Any, labels: Any
) -> None:
    gradients = DenseGradients(network.layers[1:], 0.5)
    features[-1] *= 1e4
    whole, without = (gradients.clipped_sum(features[:n, None], labels[:n]) for n in (N, N - 1))
    change = norm([a.numpy() - b.numpy() for a, b in zip(whole, without, strict=True)])
    assert change == pytest.approx(0.5, rel=1e-4)


def test_examples_without_a_gradient_add_nothing(network: keras.Model, features: Any, labels: Any) -> None:
    """With weights of zero and no bias behind them, no weight changes the loss."""
    network.set_weights([np.zeros_like(weight) for weight in network.get_weights()])
    sums = DenseGradients(network.layers[1:], 1.0).clipped_sum(features[:, None], labels)
    assert all(np.isfinite(values).all() and not np.any(values) for values in sums)


def test_layers_that_are_not_dense_are_refused() -> None:
    image = keras.Input((8, 8, 1))
    network = keras.Model(image, layers.Dense(3)(layers.Flatten()(layers.Conv2D(2, 3)(image))))
    with pytest.raises(ValueError, match="only dense"):
        DenseGradients(network.layers[1:], 1.0)


def test_an_activation_inside_a_dense_layer_is_refused() -> None:
    image = keras.Input((8,))
    network = keras.Model(image, layers.Dense(3, activation="relu")(image))
    with pytest.raises(ValueError, match="of their own"):
        DenseGradients(network.layers[1:], 1.0)
