"""The network that tells what sign a segment is: trained with Keras, run with numpy."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from app.segmentation.decoding.kinds import COLUMNS, FEATURES, MEASURES, ROWS, SIGNS, Features, Network
from training.line_decoding.samples import Samples

UNITS = 192, 96  # of its hidden layers
DROPOUT = 0.15
BATCH = 256
RATE, DECAY = 2e-3, 2e-3  # of AdamW: the learning rate at its highest, the weight decay
FURTHER_RATE = 7e-4  # of a network that is trained further
WARM_UP = 200  # steps
PIXELS = ROWS * COLUMNS
ENOUGH = 10_000  # samples to know how bright pixels are


class Batches(keras.utils.PyDataset):  # type: ignore[misc]  # Keras has no types
    """Half of the batches with views that are moved by a pixel."""

    def __init__(
        self, samples: Samples, shift: NDArray[np.float32], scale: NDArray[np.float32], rng: Generator
    ) -> None:
        super().__init__()
        self.samples, self.shift, self.scale, self.rng = samples, shift, scale, rng
        self.on_epoch_end()

    def __len__(self) -> int:
        return len(self.samples.labels) // BATCH

    def __getitem__(self, index: int) -> tuple[Features, NDArray[np.intp]]:
        chosen = self.order[index * BATCH : (index + 1) * BATCH]
        features = (self.samples.features[chosen].astype(np.float32) - self.shift) / self.scale
        if self.rng.random() < 0.5:
            views = features[:, :PIXELS].reshape(-1, ROWS, COLUMNS)
            moved = np.roll(views, self.rng.integers(-1, 2, 2), axis=(1, 2))
            features[:, :PIXELS] = moved.reshape(-1, PIXELS)
        return features, self.samples.labels[chosen]

    def on_epoch_end(self) -> None:
        self.order = self.rng.permutation(len(self.samples.labels))


def train_network(samples: Samples, epochs: int, seed: int, start: Network | None = None) -> Network:
    """`start`: a network that is trained further."""
    keras.utils.set_random_seed(seed)
    shift, scale = normalization(samples.features)
    batches = Batches(samples, shift, scale, np.random.default_rng(seed))
    layers: list[Any] = [keras.Input((FEATURES,))]
    for units in UNITS:
        layers += [keras.layers.Dense(units, activation="relu"), keras.layers.Dropout(DROPOUT)]
    model = keras.Sequential([*layers, keras.layers.Dense(len(SIGNS))])
    dense = [layer for layer in model.layers if isinstance(layer, keras.layers.Dense)]
    if start:
        set_weights(dense, start, shift, scale)
    highest = FURTHER_RATE if start else RATE
    rate = keras.optimizers.schedules.CosineDecay(
        0.0, epochs * len(batches), warmup_target=highest, warmup_steps=min(WARM_UP, len(batches))
    )
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.AdamW(rate, weight_decay=DECAY), loss, metrics=["accuracy"])
    model.fit(batches, epochs=epochs, verbose=2)
    weights = [np.asarray(layer.kernel, np.float32) for layer in dense]
    biases = [np.asarray(layer.bias, np.float32) for layer in dense]
    # The network takes features as they are.
    biases[0] = np.asarray(biases[0] - (shift / scale) @ weights[0], np.float32)
    weights[0] = np.asarray(weights[0] / scale[:, np.newaxis], np.float32)
    return Network(weights, biases)


def set_weights(layers: list[Any], network: Network, shift: NDArray[np.float32], scale: NDArray[np.float32]) -> None:
    """Of a network that takes features as they are, to layers that take them normalized."""
    weights, biases = [*network.weights], [*network.biases]
    biases[0] = biases[0] + shift @ weights[0]
    weights[0] = weights[0] * scale[:, np.newaxis]
    for layer, *values in zip(layers, weights, biases, strict=True):
        layer.set_weights(values)


def normalization(features: Features) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """What is subtracted from each feature, and what it is divided by: pixels are all treated alike."""
    shift, scale = np.empty(FEATURES, np.float32), np.empty(FEATURES, np.float32)
    pixels = features[:: max(1, len(features) // ENOUGH), :PIXELS].astype(np.float32)
    measures = features[:, PIXELS:].astype(np.float32)
    shift[:PIXELS], scale[:PIXELS] = pixels.mean(), pixels.std()
    shift[-MEASURES:], scale[-MEASURES:] = measures.mean(axis=0), measures.std(axis=0) + 1e-3
    return shift, scale


def save_network(network: Network, path: Path) -> None:
    """Weights in 16 bits, biases in 32."""
    arrays: dict[str, Any] = {f"w{place}": values.astype(np.float16) for place, values in enumerate(network.weights)}
    arrays |= {f"b{place}": values for place, values in enumerate(network.biases)}
    np.savez_compressed(path, **arrays)
