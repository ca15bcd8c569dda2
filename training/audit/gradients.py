"""Checks the gradients that attacks and training use against finite differences, in float64.

A network's output is reduced to one number by fixed random weights. The derivative of that number along a random
direction is computed twice: by automatic differentiation, and from two evaluations on both sides (central differences).

Source: the check is that of Y. LeCun et al., Efficient BackProp, 1998; errors of steps: W. Press et al., Numerical
Recipes, section 5.7.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf
from numpy.random import Generator

from app.arrays import Images

TOLERANCE = 1e-6  # of a relative error
DIRECTIONS = 2  # for each tensor
# A long step crosses the kinks of ReLU and max pooling, a short one loses digits: a right gradient agrees at one of
# them, a wrong one at none.
STEPS = (1e-4, 1e-5, 1e-6, 1e-7)
# Paper of one grey makes equal values, and those lie on the kinks of max pooling, where there is no derivative.
NOISE = 32.0  # grey levels
GREY_LEVELS = 255  # a step of 1 in the weights is as far as this in the pixels


class GradientError(NamedTuple):
    """The worst direction of one tensor."""

    tensor: str  # its layer and name; "image" for the input
    kind: str  # the type of its layer
    error: float  # relative

    @property
    def is_right(self) -> bool:
        return self.error < TOLERANCE  # not for nan


def check_gradients(network: keras.Model, images: Images, *, training: bool = False) -> list[GradientError]:
    """For the image and each weight of a network in float64, from `differentiable`. The same in every call.

    `training`: whether batch normalisation uses the statistics of these images. The network must have no dropout then.
    """
    rng = np.random.default_rng(0)
    image = tf.Variable(images + rng.uniform(0, NOISE, images.shape))
    outputs = rng.normal(size=network.output.shape[-1])

    @tf.function  # type: ignore[untyped-decorator]  # TensorFlow has no types
    def evaluate() -> tf.Tensor:
        return tf.reduce_mean(tf.linalg.matvec(network(tf.convert_to_tensor(image), training=training), outputs))

    owners = {id(weight): layer for layer in network.layers for weight in layer.trainable_variables}
    weights = network.trainable_variables
    with tf.GradientTape() as tape:
        value = evaluate()
    image_gradient, *gradients = tape.gradient(value, [image, *(weight.value for weight in weights)])
    errors = [GradientError("image", "Input", worst_error(image, image_gradient, evaluate, rng, GREY_LEVELS))]
    for weight, gradient in zip(weights, gradients, strict=True):
        layer = owners[id(weight)]
        error = worst_error(weight.value, gradient, evaluate, rng)
        errors.append(GradientError(f"{layer.name}/{weight.name}", type(layer).__name__, error))
    return errors


def worst_error(
    variable: tf.Variable,
    gradient: tf.Tensor | None,
    evaluate: Callable[[], tf.Tensor],
    rng: Generator,
    scale: float = 1,
) -> float:
    """The largest relative error of the derivatives along some directions."""
    if gradient is None:  # the output does not depend on it, or the gradient is cut off
        return float("inf")
    # A direction may be nearly orthogonal to the gradient: its derivative is compared with the usual one.
    usual = float(tf.norm(gradient)) / np.sqrt(np.size(gradient))
    worst = 0.0
    for _ in range(DIRECTIONS):
        direction = rng.normal(size=variable.shape)
        direction /= np.linalg.norm(direction)
        analytic = float(tf.reduce_sum(gradient * direction))
        error = np.inf
        for step in STEPS:
            numeric = central_difference(variable, direction, evaluate, scale * step)
            error = min(error, abs(analytic - numeric) / max(abs(analytic), abs(numeric), usual, 1e-300))
            if error < TOLERANCE:
                break
        worst = max(worst, error)
    return worst


def central_difference(
    variable: tf.Variable, direction: np.ndarray, evaluate: Callable[[], tf.Tensor], step: float
) -> float:
    """The derivative along a direction of length 1; the variable is as it was afterwards."""
    before = variable.numpy()
    variable.assign(before + step * direction)
    above = float(evaluate())
    variable.assign(before - step * direction)
    below = float(evaluate())
    variable.assign(before)
    return (above - below) / (2 * step)
