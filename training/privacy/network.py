"""The network of a private run: what is frozen, and the dense layers that learn from private digits."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import keras
import numpy as np
from keras import layers, ops
from numpy.typing import NDArray

from app.arrays import Images
from training.config import TrainConfig
from training.networks.architectures import build_network
from training.privacy.low_frequencies import low_frequencies
from training.privacy.public_characters import make_public_characters
from training.privacy.public_network import load_public_network

BATCH_SIZE = 500  # images
STATISTICS_COUNT = 2_000  # public characters that the features' mean and deviation are of
STATISTICS_SEED = 1  # added to the run's: other characters than the network has learnt from
SMALLEST_DEVIATION = 1e-3  # of a feature: one that hardly varies is not blown up

Features = NDArray[np.float32]  # (n, ...)


class PrivateNetwork(NamedTuple):
    """A model that is frozen up to a layer, and dense behind it.

    Without convolutions the first dense layer learns on low frequencies, and `finished` puts it onto the pixels.
    """

    model: keras.Model  # uint8 (batch, 28, 28) -> logits (batch, 10)
    frozen: keras.Model  # uint8 (batch, 28, 28) -> features
    layers: list[keras.layers.Layer]  # features -> logits

    def features(self, images: Images) -> Features:
        features: Features = self.frozen.predict(images, batch_size=BATCH_SIZE, verbose=0)
        return features

    def logits(self, features: Features) -> Features:
        x: Any = features
        for layer in self.layers:
            x = layer(x)
        return np.asarray(x, np.float32)

    def finished(self) -> keras.Model:
        """The model with what its layers have learnt."""
        first = first_dense(self.model)
        if first is not self.layers[0]:
            kernel, bias = self.layers[0].get_weights()
            basis = self.frozen.layers[-1].get_weights()[0]
            first.set_weights([basis @ kernel, bias])
        return self.model


def build_private_network(config: TrainConfig, run: Path) -> PrivateNetwork:
    """With public features where the architecture has convolutions, else with random weights."""
    network = build_network(config)
    if not has_convolutions(network):
        return learn_low_frequencies(network)
    public = load_public_network(config, run)
    characters = make_public_characters(STATISTICS_COUNT, config.seed + STATISTICS_SEED)
    return split_network(add_private_layer(public, characters.images, len(config.labels)))


def has_convolutions(network: keras.Model) -> bool:
    return any(isinstance(layer, layers.Conv2D) for layer in network.layers)


def split_network(model: keras.Model) -> PrivateNetwork:
    """At its first dense layer; what is before it is frozen."""
    first = model.layers.index(first_dense(model))
    for layer in model.layers[:first]:
        layer.trainable = False
    return PrivateNetwork(model, keras.Model(model.inputs, model.layers[first].input), model.layers[first:])


def first_dense(model: keras.Model) -> keras.layers.Dense:
    return next(layer for layer in model.layers if isinstance(layer, layers.Dense))


def learn_low_frequencies(model: keras.Model) -> PrivateNetwork:
    """The first dense layer has new weights, one for each of the low frequencies; the others are the model's own."""
    basis = low_frequencies()
    image = keras.Input(model.input.shape[1:], dtype="uint8")
    pixels = ops.reshape(layers.Rescaling(1 / 255)(image), (-1, len(basis)))
    projection = layers.Dense(basis.shape[1], use_bias=False, trainable=False)
    frozen = keras.Model(image, projection(pixels))
    projection.set_weights([basis])
    on_pixels = first_dense(model)
    first = layers.Dense(on_pixels.units)
    first.build(frozen.output.shape)
    return PrivateNetwork(model, frozen, [first, *model.layers[model.layers.index(on_pixels) + 1 :]])


def add_private_layer(public: keras.Model, images: Images, labels: int) -> keras.Model:
    """The public network with its features normalised by constants, and a dense layer that starts with its weights.

    The constants are those of public images, so they cost no privacy; they make all features equally large, and the
    norm of all of them about 1, so that one clipping norm suits every network.
    """
    features = public.get_layer("logits").input
    seen = keras.Model(public.inputs, features).predict(images, batch_size=BATCH_SIZE, verbose=0)
    mean, deviation = seen.mean(axis=0), np.maximum(seen.std(axis=0), SMALLEST_DEVIATION)
    size = deviation * np.sqrt(len(mean))
    # Rescaling instead of Normalization, whose tensors the export would turn into inputs of the graph.
    normalised = layers.Rescaling((1 / size).tolist(), (-mean / size).tolist(), name="normalise")(features)
    logits = layers.Dense(labels, dtype="float32", name="logits")
    model = keras.Model(public.inputs, logits(normalised), name=public.name)
    kernel, bias = (weight[..., :labels] for weight in public.get_layer("logits").get_weights())
    logits.set_weights([kernel * size[:, None], bias + mean @ kernel])
    return model
