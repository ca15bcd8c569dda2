"""A client: trains the server's weights on digits that do not leave it, and sends back weights and their number."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from app.arrays import CLASSES, Images
from training.config import Federation, TrainConfig
from training.datasets.mnist import Digits, Labels
from training.networks.architectures import build_network
from training.networks.dropout import seed_dropout
from training.synthesis.augment import distort

Weights = list[NDArray[np.float32]]
NEVER = -30.0  # the logarithm of a share of zero


class Update(NamedTuple):
    """What a client sends to the server. Neither digits nor labels are in it."""

    weights: Weights
    digits: int  # its weight in the mean
    loss: float
    accuracy: float  # of the batches as they were learnt


class LocalTrainer:
    """One network, which takes the weights of any client in turn: its step is compiled once."""

    def __init__(self, config: TrainConfig) -> None:
        """Raises `ValueError` for a configuration that is not federated."""
        if config.federated is None:
            raise ValueError("the configuration is not federated")
        self.config = config
        self.federation: Federation = config.federated
        self.model = build_network(config)
        self.model(np.zeros((1, 28, 28), np.uint8))
        self.variables = self.model.trainable_variables
        self.velocity = [tf.Variable(tf.zeros_like(variable)) for variable in self.variables]
        self.anchor = [tf.Variable(tf.zeros_like(variable)) for variable in self.variables]
        self.step = tf.function(self._step, reduce_retracing=True)

    def train(self, weights: Weights, digits: Digits, round_: int, client: int) -> Update:
        """`round_`: from 0. The same arguments give the same update."""
        self.model.set_weights(weights)
        seed_dropout(self.model, self.config.seed, round_, client)
        for velocity, anchor, variable in zip(self.velocity, self.anchor, self.variables, strict=True):
            velocity.assign(tf.zeros_like(velocity))
            anchor.assign(variable)
        adjustment = tf.constant(self.adjustment(digits.labels))
        rate = tf.constant(learning_rate(self.config, round_), tf.float32)
        random = np.random.default_rng((self.config.seed, round_, client))
        results = [self.step(images, labels, adjustment, rate) for images, labels in self.batches(digits, random)]
        loss, accuracy = np.mean([[float(value) for value in result] for result in results], axis=0)
        return Update(self.model.get_weights(), len(digits), float(loss), float(accuracy))

    def batches(self, digits: Digits, random: np.random.Generator) -> Iterator[tuple[Images, Labels]]:
        """As many for each client, however many digits it has: where clients differ, none then drifts further.

        A client begins anew with its digits as often as that takes, each time in another order and distorted anew. One
        with fewer digits than a batch makes a batch of all of them.
        """
        size = min(self.config.batch_size, len(digits))
        a_pass = len(digits) // size  # batches
        for step in range(self.federation.local_steps):
            if step % a_pass == 0:
                order = random.permutation(len(digits))
            batch = digits[order[step % a_pass * size :][:size]]
            distortion = self.config.distortion
            images = batch.images if distortion is None else distort(batch.images, distortion, random)
            yield images, batch.labels

    def adjustment(self, labels: Labels) -> NDArray[np.float32]:
        """What the loss adds to the logits: the logarithm of each class's share of the client's digits.

        The network then need not learn what the client alone has: which classes are frequent. A class of which it has
        no digit counts with a small share, so that its logit is pushed down little.
        Source: Ren et al., Balanced Meta-Softmax for Long-Tailed Visual Recognition, 2020; for federated training Zhang
        et al., Federated Learning with Label Distribution Skew via Logits Calibration, 2022.
        """
        if self.federation.local_loss == "plain":
            return np.zeros(CLASSES, np.float32)
        shares = np.bincount(labels, minlength=CLASSES) / len(labels)
        shares = np.maximum(shares, self.federation.absent)
        return np.log(np.maximum(shares, math.exp(NEVER))).astype(np.float32)

    def _step(
        self, images: tf.Tensor, labels: tf.Tensor, adjustment: tf.Tensor, rate: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """One step of gradient descent with momentum."""
        with tf.GradientTape() as tape:
            logits = self.model(images, training=True)
            targets = tf.one_hot(tf.cast(labels, tf.int32), CLASSES)
            smoothing = self.config.label_smoothing
            targets = targets * (1 - smoothing) + smoothing / CLASSES
            losses = tf.nn.softmax_cross_entropy_with_logits(targets, logits + adjustment)
            loss = tf.reduce_mean(losses)
            total = loss + self._pull() if self.federation.proximal else loss
        gradients = tape.gradient(total, self.variables)
        for variable, velocity, gradient in zip(self.variables, self.velocity, gradients, strict=True):
            gradient = gradient + self.config.weight_decay * variable  # noqa: PLW2901  # the decayed one
            velocity.assign(self.federation.local_momentum * velocity + gradient)
            variable.assign_sub(rate * velocity)
        right = tf.equal(tf.argmax(logits, axis=1, output_type=tf.int32), tf.cast(labels, tf.int32))
        return loss, tf.reduce_mean(tf.cast(right, tf.float32))

    def _pull(self) -> tf.Tensor:
        """Source: Li et al., Federated Optimization in Heterogeneous Networks (FedProx), 2020."""
        squares = [
            tf.reduce_sum(tf.square(variable - anchor))
            for variable, anchor in zip(self.variables, self.anchor, strict=True)
        ]
        return self.federation.proximal / 2 * tf.add_n(squares)


def learning_rate(config: TrainConfig, round_: int) -> float:
    """Of all clients in a round: a half cosine over the rounds, or constant."""
    if config.schedule == "constant":
        return config.learning_rate
    return config.learning_rate * (1 + math.cos(math.pi * round_ / config.epochs)) / 2


def initial_weights(config: TrainConfig) -> Weights:
    """A function of the seed."""
    keras.utils.set_random_seed(config.seed)
    model = build_network(config)
    return [np.asarray(weight) for weight in model.get_weights()]
