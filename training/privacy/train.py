"""Training with differential privacy: a frozen config in, a run folder as any other run's out.

Convolutions learn from public characters and freeze; the dense layers after them learn from MNIST by DP-SGD. A network
without convolutions learns all of its layers by DP-SGD. Source: Abadi et al., Deep learning with differential privacy,
2016; Tramer and Boneh, Differentially private learning needs better features, 2021.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray
from tqdm import trange

from training.config import TrainConfig
from training.datasets.mnist import Digits, Split
from training.errors import ConfigError
from training.files import atomic_path
from training.networks.train import describe_data, optimizer, record_data
from training.privacy.checks import check_private
from training.privacy.gradients import DenseGradients
from training.privacy.network import PrivateNetwork, build_private_network
from training.privacy.record import PrivacyRecord, plan_privacy, steps_per_epoch
from training.privacy.sampling import add_noise, poisson_sample, secret_generator
from training.runs import MODEL_FILE, Row, open_run, write_history
from training.synthesis.augment import distort

PART_SIZE = 8_000  # examples whose gradients are computed at once, to bound the memory
NOT_RELEASED = "nan"  # the loss of training digits: nothing about them may be written without noise


class Examples(NamedTuple):
    """What the private layers see: the features of the frozen part, or the pixels where nothing is frozen."""

    features: NDArray[np.float32]  # (n, copies, ...)
    labels: NDArray[np.int32]  # (n,)


def train_private(config: TrainConfig, data: Split, run: Path, *, show_progress: bool = True) -> PrivacyRecord:
    """Trains by `config`, writes the run folder `run`, and returns what the run guarantees.

    Raises `ConfigError` if settings contradict each other or epsilon cannot be met, `RunError` if the folder holds a
    run, `PackageError` if the accountant is not installed or the fonts cannot be downloaded.
    """
    check_private(config, data)
    data = data.without_fold(config.left_out_fold())
    record = plan_privacy(config, len(data.train))
    keras.utils.set_random_seed(config.seed)
    with open_run(run, config):
        record_data(run, describe_data(config, data))
        network = build_private_network(config, run)
        trainer = PrivateTrainer(network, record, config, len(data.train))
        with trange(config.epochs, desc="training privately", unit="epoch", disable=not show_progress) as epochs:
            history = train_layers(trainer, see_copies(network, data.train, config), data.validation, epochs)
        with atomic_path(run / MODEL_FILE) as part:
            network.finished().save(part)
        record.write(run)
        write_history(run, history)  # last: with it the run is complete
    return record


def train_layers(trainer: PrivateTrainer, train: Examples, held_out: Digits, epochs: trange) -> list[Row]:
    """Takes all the steps. Returns the history, a row for each epoch."""
    validation = see(trainer.network, held_out)
    history: list[Row] = []
    for epoch in epochs:
        for _ in range(trainer.steps_per_epoch):
            trainer.step(train)
        with trainer.averaged_weights():
            loss, accuracy = evaluate(trainer.network, validation)
        if not math.isfinite(loss):
            raise ConfigError(f"the validation loss of epoch {epoch} is {loss}: train with a lower --learning-rate")
        epochs.set_postfix(validation=f"{accuracy:.2%}")
        history.append(history_row(epoch, loss, accuracy))
    trainer.keep_average()
    return history


def history_row(epoch: int, loss: float, accuracy: float) -> Row:
    of_training = {"accuracy": NOT_RELEASED, "loss": NOT_RELEASED}
    return {"epoch": str(epoch), **of_training, "val_accuracy": str(accuracy), "val_loss": str(loss)}


def see(network: PrivateNetwork, digits: Digits) -> Examples:
    return Examples(network.features(digits.images)[:, None], digits.labels.astype(np.int32))


def see_copies(network: PrivateNetwork, digits: Digits, config: TrainConfig) -> Examples:
    """Each digit as it is; where the configuration distorts, as copies that are distorted once, before all steps."""
    if config.distortion is None or config.privacy is None:
        return see(network, digits)
    random = np.random.default_rng(config.seed)
    parts = [digits.images[start : start + PART_SIZE] for start in range(0, len(digits), PART_SIZE)]
    copies = [
        np.concatenate([network.features(distort(part, config.distortion, random)) for part in parts])
        for _ in range(config.privacy.distorted_copies)
    ]
    return Examples(np.stack(copies, axis=1), digits.labels.astype(np.int32))


def evaluate(network: PrivateNetwork, examples: Examples) -> tuple[float, float]:
    """The mean cross-entropy and the accuracy."""
    logits = network.logits(examples.features[:, 0])
    losses = tf.nn.sparse_softmax_cross_entropy_with_logits(examples.labels, logits)
    correct = np.argmax(logits, axis=1) == examples.labels
    return float(np.mean(losses)), float(np.mean(correct))


class PrivateTrainer:
    """DP-SGD: clipped gradients of a Poisson sample, noise, and a step of the optimizer."""

    def __init__(self, network: PrivateNetwork, record: PrivacyRecord, config: TrainConfig, n: int) -> None:
        self.network = network
        self.gradients = DenseGradients(network.layers, record.clipping_norm)
        self.record = record
        self.steps_per_epoch = steps_per_epoch(config, n)
        self.expected_size = record.sampling_probability * n
        self.optimizer = optimizer(config, self.steps_per_epoch)
        self.optimizer.build(self.gradients.weights)
        self.rng = secret_generator()
        self.clipped_sum = tf.function(self.gradients.clipped_sum, reduce_retracing=True)

    def step(self, examples: Examples) -> None:
        """One step, on a new sample of the examples."""
        chosen = poisson_sample(len(examples.labels), self.record.sampling_probability, self.rng)
        sums = [np.zeros(weight.shape, np.float32) for weight in self.gradients.weights]
        for start in range(0, len(chosen), PART_SIZE):
            part = chosen[start : start + PART_SIZE]
            clipped = self.clipped_sum(examples.features[part], examples.labels[part])
            sums = [total + of_part.numpy() for total, of_part in zip(sums, clipped, strict=True)]
        noisy = add_noise(sums, self.record.noise_multiplier * self.record.clipping_norm, self.rng)
        # Divided by the expected size: the size of the sample is itself private.
        gradients = [tf.constant(values / self.expected_size, tf.float32) for values in noisy]
        self.optimizer.apply(gradients, self.gradients.weights)

    @contextlib.contextmanager
    def averaged_weights(self) -> Iterator[None]:
        """The moving average in the place of the weights: better than the last ones, and free of cost in privacy."""
        raw = [weight.numpy() for weight in self.gradients.weights]
        self.keep_average()
        yield
        for weight, values in zip(self.gradients.weights, raw, strict=True):
            weight.assign(values)

    def keep_average(self) -> None:
        self.optimizer.finalize_variable_values(self.gradients.weights)
