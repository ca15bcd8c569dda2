"""Structured pruning: the channels of a network that matter least, and a network without them.

A channel matters as much as the loss would change without it: to first order, the sum of its values times the loss's
gradients with respect to them, squared and averaged over pictures. Source: Molchanov et al., Importance estimation for
neural network pruning, 2019.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from training.errors import ConfigError

Importance = NDArray[np.float64]  # (channels,)

GROUP = 16  # channels that a CPU computes together: to remove half of them saves no time
BATCHES = 32  # that importance is measured on


def copy_channels(source: keras.Model, target: keras.Model, batches: keras.utils.PyDataset) -> None:
    """Gives a network the weights of one of the same architecture; where that has more channels, of its important ones.

    `batches` are what the network will learn from.
    """
    if [weight.shape for weight in source.weights] == [weight.shape for weight in target.weights]:
        target.set_weights(source.get_weights())
        return
    widths = [layer.kernel.shape[-1] for layer in products(target)[:-1]]
    kept = [
        np.sort(np.argsort(-importance, kind="stable")[:width])
        for importance, width in zip(measure_importance(source, batches), widths, strict=True)
    ]
    copy_kept(source, target, kept)


def copy_kept(source: keras.Model, target: keras.Model, kept: Sequence[NDArray[np.intp]]) -> None:
    """`kept`: the numbers of the channels that are kept, of each layer but the last."""
    remaining = iter(kept)
    incoming: Any = slice(None)
    outgoing: Any = slice(None)
    channels = 1
    for old, new in zip(*(with_weights(network) for network in (source, target)), strict=True):
        if not is_product(old):  # normalisation: a value for each channel
            new.set_weights([weight[outgoing] for weight in old.get_weights()])
            continue
        incoming, outgoing = outgoing, next(remaining, slice(None))
        kernel, *bias = old.get_weights()
        if not isinstance(incoming, slice):  # of a flattened picture, each position has all channels
            kernel = kernel.reshape(-1, channels, kernel.shape[-1])[:, incoming]
        new.set_weights([kernel[..., outgoing].reshape(new.kernel.shape), *(values[outgoing] for values in bias)])
        channels = old.kernel.shape[-1]


def measure_importance(model: keras.Model, batches: keras.utils.PyDataset) -> list[Importance]:
    """Of each channel of each layer but the last."""
    activations = [layer.output for layer in model.layers if isinstance(layer, keras.layers.Activation)]
    probe = keras.Model(model.input, [*activations, model.output])
    first = [batches[index] for index in range(min(BATCHES, len(batches)))]
    changes = [squared_changes(probe, images, targets) for images, targets in first]
    return [np.mean(of_layer, axis=0) for of_layer in zip(*changes, strict=True)]


def squared_changes(probe: keras.Model, images: Any, targets: Any) -> list[Importance]:
    """Of the loss of each picture without a channel, the mean over the pictures."""
    with tf.GradientTape() as tape:
        *activations, logits = probe(images, training=False)
        loss = tf.reduce_sum(tf.nn.softmax_cross_entropy_with_logits(targets, tf.cast(logits, tf.float32)))
    gradients = tape.gradient(loss, activations)
    changes = []
    for activation, gradient in zip(activations, gradients, strict=True):
        of_values = tf.cast(activation, tf.float32) * tf.cast(gradient, tf.float32)
        of_pictures = tf.reduce_sum(tf.reshape(of_values, (len(images), -1, activation.shape[-1])), axis=1)
        changes.append(tf.reduce_mean(of_pictures**2, axis=0).numpy().astype(np.float64))
    return changes


def choose_widths(model: keras.Model, importances: Sequence[Importance], share: float) -> tuple[int, ...]:
    """The channels of each layer but the last with which at most this share of the multiply-adds remains.

    Of all multiples of `GROUP`, those whose removed channels together matter least. Raises `ConfigError` if `GROUP`
    channels in each layer are too many.
    """
    work = PairWork(model)
    most = share * work.multiply_adds([len(importance) for importance in importances])
    choices = [choices_of(importance) for importance in importances]
    affordable = (
        (sum(chosen.lost for chosen in widths), tuple(chosen.width for chosen in widths))
        for widths in itertools.product(*choices)
        if work.multiply_adds([chosen.width for chosen in widths]) <= most
    )
    _, widths = min(affordable, default=(0, ()))
    if not widths:
        raise ConfigError(f"--share {share:g}: {GROUP} channels in each layer need more")
    return widths


class Choice(NamedTuple):
    """A width of a layer, and how much the channels matter that are removed."""

    width: int
    lost: float


def choices_of(importance: Importance) -> list[Choice]:
    channels, ascending = len(importance), np.sort(importance)
    widths = [*range(GROUP, channels, GROUP), channels]
    return [Choice(width, float(ascending[: channels - width].sum())) for width in widths]


class PairWork:
    """The multiply-adds of a network, as a function of its widths."""

    def __init__(self, model: keras.Model) -> None:
        layers = products(model)
        self.first = layers[0].kernel.shape[-2]  # channels of the picture, or its pixels
        self.last = layers[-1].kernel.shape[-1]
        widths = [layer.kernel.shape[-1] for layer in layers[:-1]]
        # For one channel before and one behind the layer.
        self.of_pairs = [
            int(np.prod(layer.output.shape[1:-1], dtype=int)) * int(np.prod(layer.kernel.shape)) // (before * behind)
            for layer, before, behind in zip(layers, [self.first, *widths], [*widths, self.last], strict=True)
        ]

    def multiply_adds(self, widths: Sequence[int]) -> int:
        pairs = zip(self.of_pairs, [self.first, *widths], [*widths, self.last], strict=True)
        return sum(work * before * behind for work, before, behind in pairs)


def products(model: keras.Model) -> list[keras.layers.Layer]:
    """The convolutions and dense layers, in order."""
    return [layer for layer in model.layers if is_product(layer)]


def with_weights(model: keras.Model) -> list[keras.layers.Layer]:
    """Products and normalisations, in order; networks that differ in dropout have the same."""
    return [layer for layer in model.layers if layer.weights]


def is_product(layer: keras.layers.Layer) -> bool:
    return isinstance(layer, keras.layers.Conv2D | keras.layers.Dense)
