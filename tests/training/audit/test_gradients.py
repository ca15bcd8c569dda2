"""Gradients of every layer and activation agree with finite differences; wrong ones do not."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from training.audit.gradients import check_gradients
from training.audit.subject import differentiable
from training.config import Options
from training.datasets.mnist import Digits
from training.networks.architectures import ARCHITECTURES, Standardisation


def network_of(arch: str, activation: str, *, normalised: bool, standardisation: Any = None) -> keras.Model:
    keras.utils.set_random_seed(0)
    options = Options(activation=activation, batch_normalization=normalised)
    return differentiable(ARCHITECTURES[arch].build(options, standardisation, 10), "float64")


@pytest.mark.parametrize("activation", ["relu", "sigmoid", "tanh"])
@pytest.mark.parametrize("normalised", [False, True])
def test_gradients_of_dense_layers_are_right(activation: str, normalised: bool, test_digits: Digits) -> None:
    network = network_of("mlp", activation, normalised=normalised)
    for training in {False, normalised}:
        errors = check_gradients(network, test_digits.images[:4], training=training)
        assert {"Input", "Dense"} <= {error.kind for error in errors}
        assert [error for error in errors if not error.is_right] == []


@pytest.mark.parametrize(
    ("arch", "activation"),
    [
        ("cnn-strided", "relu"),
        pytest.param("cnn", "relu", marks=pytest.mark.slow),
        pytest.param("cnn", "tanh", marks=pytest.mark.slow),
        pytest.param("cnn-strided", "sigmoid", marks=pytest.mark.slow),
    ],
)
def test_gradients_of_convolutions_pooling_and_normalisation_are_right(
    arch: str, activation: str, test_digits: Digits
) -> None:
    errors = check_gradients(network_of(arch, activation, normalised=True), test_digits.images[:2])
    assert {error.kind for error in errors} == {"Input", "Conv2D", "BatchNormalization", "Dense"}
    assert [error for error in errors if not error.is_right] == []


def test_gradients_through_standardised_pixels_are_right(test_digits: Digits) -> None:
    network = network_of("mlp", "relu", normalised=False, standardisation=Standardisation.of(test_digits.images[:500]))
    assert all(error.is_right for error in check_gradients(network, test_digits.images[:4]))


@keras.saving.register_keras_serializable("tests")
class WrongRelu(keras.layers.Layer):  # type: ignore[misc]  # Keras has no types
    """A ReLU whose gradient is a thousandth too large."""

    def call(self, values: Any) -> Any:
        @tf.custom_gradient  # type: ignore[untyped-decorator]  # TensorFlow has no types
        def relu(x: Any) -> Any:
            return tf.nn.relu(x), lambda upstream: 1.001 * upstream * tf.cast(x > 0, x.dtype)

        return relu(values)


@keras.saving.register_keras_serializable("tests")
class CutOff(keras.layers.Layer):  # type: ignore[misc]  # Keras has no types
    """Lets no gradient through."""

    def call(self, values: Any) -> Any:
        return tf.stop_gradient(values)


@pytest.mark.parametrize("layer", [WrongRelu, CutOff])
def test_wrong_gradient_is_found_in_all_that_is_below_the_layer(layer: Any, test_digits: Digits) -> None:
    image = keras.Input((28, 28), dtype="uint8", name="image")
    pixels = keras.ops.reshape(keras.layers.Rescaling(1 / 255)(image), (-1, 784))
    below = keras.layers.Dense(8, name="below")(pixels)
    network = keras.Model(image, keras.layers.Dense(10, name="above")(layer()(below)))
    errors = check_gradients(differentiable(network, "float64"), test_digits.images[:4])
    wrong = {error.tensor for error in errors if not error.is_right}
    assert wrong == {"image", "below/kernel", "below/bias"}


def test_check_leaves_the_network_as_it_was(test_digits: Digits) -> None:
    network = network_of("mlp", "relu", normalised=False)
    before = [weight.copy() for weight in network.get_weights()]
    check_gradients(network, test_digits.images[:2])
    for old, new in zip(before, network.get_weights(), strict=True):
        assert np.array_equal(old, new)
