from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest

from training.config import Options
from training.datasets.mnist import Digits
from training.networks.architectures import MLP_PARAMETERS, cnn_strided
from training.presets import PRESETS
from training.privacy.network import add_private_layer, build_private_network, split_network
from training.privacy.public_characters import CHARACTERS


@pytest.fixture(scope="module")
def public() -> keras.Model:
    keras.utils.set_random_seed(0)
    return cnn_strided(Options(batch_normalization=True, dropout=0.2), None, len(CHARACTERS))


def test_the_private_layer_starts_with_what_the_public_network_knows(public: keras.Model, test_digits: Digits) -> None:
    model = add_private_layer(public, test_digits.images[:200], 10)
    expected = public.predict(test_digits.images[:50], verbose=0)[:, :10]
    assert model.predict(test_digits.images[:50], verbose=0) == pytest.approx(expected, abs=1e-3)


def test_features_have_a_norm_of_about_1(public: keras.Model, test_digits: Digits) -> None:
    network = split_network(add_private_layer(public, test_digits.images[:200], 10))
    norms = np.linalg.norm(network.features(test_digits.images[200:300]), axis=1)
    assert norms.mean() == pytest.approx(1, abs=0.2)


def test_only_the_last_layer_of_a_convolutional_network_is_private(public: keras.Model, test_digits: Digits) -> None:
    network = split_network(add_private_layer(public, test_digits.images[:50], 10))
    assert [layer.name for layer in network.layers] == ["logits"]
    assert [weight.shape for weight in network.model.trainable_weights] == [(1008, 10), (10,)]


def test_all_layers_of_a_dense_network_are_private() -> None:
    network = build_private_network(PRESETS["private-mlp"], Path())
    assert sum(isinstance(layer, keras.layers.Dense) for layer in network.layers) == 4
    assert network.frozen.count_params() == 784 * 71


def test_features_and_private_layers_are_the_finished_network(test_digits: Digits) -> None:
    """What was learnt on low frequencies is the textbook's network on pixels."""
    network = build_private_network(PRESETS["private-mlp"], Path())
    images = test_digits.images[:20]
    logits = network.logits(network.features(images))
    finished = network.finished()
    assert finished.count_params() == MLP_PARAMETERS
    assert logits == pytest.approx(finished.predict(images, verbose=0), abs=1e-4)
