"""What reads images, a published version or a network in training, and what it reads correctly."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, Self

import keras
import numpy as np

from app.arrays import Images, Probabilities
from app.inference.session import Model
from app.repository.manifest import read_version
from training.calibration import softmax, validation_pictures
from training.config import TrainConfig
from training.datasets.mnist import Digits
from training.datasets.own_pictures import NO_DIGIT_LABEL
from training.distillation.soft_targets import ensemble_mean
from training.evaluation.metrics import Correct
from training.export import calibrate_run, predict


class Reader(NamedTuple):
    probabilities: Callable[[Images], Probabilities]  # (n, 28, 28) -> (n, 10)
    threshold: float  # of the confidence: digits are accepted from here on

    @classmethod
    def of_version(cls, folder: Path) -> Self:
        manifest, graphs = read_version(folder)
        model = Model(graphs.float32, device="cpu")
        return cls(lambda images: ensemble_mean(images, [model]), manifest.threshold)

    @classmethod
    def of_network(cls, network: keras.Model, config: TrainConfig, validation: Digits) -> Self:
        """Calibrated as its export will be."""
        calibration = calibrate_run(config, network, validation, validation_pictures(config))
        read = functools.partial(read_calibrated, network, calibration.temperature, len(config.labels))
        return cls(read, calibration.threshold)

    def is_right(self, digits: Digits) -> Correct:
        """A digit must be read as what it is, whatever the confidence; what shows none must not be accepted."""
        probabilities = self.probabilities(digits.images)
        refused = probabilities.max(axis=1) < self.threshold
        is_digit = digits.labels != NO_DIGIT_LABEL
        right: Correct = np.where(is_digit, probabilities.argmax(axis=1) == digits.labels, refused)
        return right


def read_calibrated(network: keras.Model, temperature: float, classes: int, images: Images) -> Probabilities:
    return softmax(predict(network, images) / temperature)[:, :classes]
