"""Calibration: the temperature that makes confidences true, and the confidence from which digits are accepted.

Both are chosen on the validation digits and, where the run learnt from a synthetic dataset, on its validation pictures
too: clean digits alone would make a network look surer than it is on what people send. Temperature scaling is by Guo
et al., On calibration of modern neural networks, 2017; the threshold by Geifman and El-Yaniv, Selective classification
for deep neural networks, 2017.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from app.arrays import Probabilities
from training.config import TrainConfig
from training.datasets.mnist import Digits
from training.distillation.synthetic_dataset import load_validation, shard_paths
from training.evaluation.metrics import expected_calibration_error, reliability_diagram

Logits = NDArray[np.float32]  # (n, outputs): one for each label, and one more for non-digits if there is one

ACCEPTED_SHARE = 0.995  # of the validation digits; the threshold is not below what these reach
# Of the accepted validation pictures at most this share is wrong: a wrong answer that looks sure costs more than a
# digit that a person has to look at. The pictures are harder than what most people send, and a third show no digit. Of
# `digits` 7, 6.2 % of the accepted ones are wrong if clean digits alone choose; at 3 % it reads 7 points less of them.
WRONG_SHARE = 0.03
# But this share of the validation digits is accepted in any case. A stricter share of wrong ones would cost many clean
# digits: at 2 % `digits` 7 would refuse 6 % of them.
LEAST_ACCEPTED_SHARE = 0.985
MIN_TEMPERATURE = 0.05
MAX_TEMPERATURE = 20.0
TEMPERATURE_PRECISION = 1e-6  # of its logarithm
TEMPERATURES = [0.4 * 1.02**step for step in range(100)]  # 0.4 to 2.8: where clean digits and pictures are weighed


@dataclass(frozen=True)
class Predictions:
    """What a network says about validation data."""

    logits: Logits
    labels: NDArray[np.uint8]  # as many as there are digits stands for a non-digit

    def of_digits(self, classes: int) -> Predictions:
        kept = self.labels < classes
        return Predictions(self.logits[kept], self.labels[kept])


@dataclass(frozen=True)
class Calibration:
    """How the logits of a network become an answer."""

    temperature: float  # divides the logits
    threshold: float  # of the confidence: digits are accepted from here on
    data: str  # what it was chosen on


def calibrate(digits: Predictions, pictures: Predictions | None, classes: int) -> Calibration:
    """`classes` is the number of labels; the non-digits of `pictures` have no say in the temperature."""
    if pictures:
        temperature = temperature_for_both(digits, pictures.of_digits(classes), classes)
    else:
        temperature = fit_temperature(digits.logits, digits.labels)
    clean = softmax(digits.logits / temperature)[:, :classes].max(axis=1)
    threshold = confidence_reached(clean, ACCEPTED_SHARE)
    if pictures:
        probabilities = softmax(pictures.logits / temperature)[:, :classes]
        sure = confidence_with_few_wrong(probabilities, pictures.labels)
        threshold = max(threshold, min(sure, confidence_reached(clean, LEAST_ACCEPTED_SHARE)))
    return Calibration(temperature, threshold, describe(digits, pictures))


def validation_pictures(config: TrainConfig) -> Digits | None:
    """Those of the synthetic dataset that a run learnt from; None if it learnt from none, or if it is gone."""
    if not config.bank or not shard_paths(Path(config.bank), "validation"):
        return None
    return load_validation(Path(config.bank))


def describe(digits: Predictions, pictures: Predictions | None) -> str:
    text = f"{len(digits.labels):,} validation digits"
    return f"{text} and {len(pictures.labels):,} validation pictures" if pictures else text


def softmax(logits: Logits) -> Probabilities:
    """Over as many classes as there are logits."""
    shifted = np.exp(logits - logits.max(axis=1, keepdims=True))
    probabilities: Probabilities = shifted / shifted.sum(axis=1, keepdims=True)
    return probabilities


# --- the temperature ---


def fit_temperature(logits: Logits, labels: NDArray[np.uint8]) -> float:
    """The temperature with the smallest negative log-likelihood, by golden-section search on its logarithm.

    The log-likelihood is concave in 1 / temperature, so there is one optimum.
    """
    ratio = (math.sqrt(5) - 1) / 2
    low, high = math.log(MIN_TEMPERATURE), math.log(MAX_TEMPERATURE)
    while high - low > TEMPERATURE_PRECISION:
        left, right = high - ratio * (high - low), low + ratio * (high - low)
        at_left, at_right = (negative_log_likelihood(logits, labels, math.exp(point)) for point in (left, right))
        low, high = (low, right) if at_left < at_right else (left, high)
    return math.exp((low + high) / 2)


def temperature_for_both(digits: Predictions, pictures: Predictions, classes: int) -> float:
    """The temperature with the smallest sum of the calibration errors on clean digits and on pictures of digits.

    Not with the smallest negative log-likelihood of both together: the pictures that nobody can read decide that, and
    of `digits` 8 it is 0.75, by which all other confidences are too low.
    """

    def error(temperature: float) -> float:
        return sum(calibration_error(part, temperature, classes) for part in (digits, pictures))

    return min(TEMPERATURES, key=error)


def calibration_error(predictions: Predictions, temperature: float, classes: int) -> float:
    probabilities = softmax(predictions.logits / temperature)[:, :classes]
    correct = probabilities.argmax(axis=1) == predictions.labels
    return expected_calibration_error(reliability_diagram(probabilities.max(axis=1), correct))


def negative_log_likelihood(logits: Logits, labels: NDArray[np.uint8], temperature: float) -> float:
    """The mean over the labels, in nats."""
    scaled = logits.astype(np.float64) / temperature
    scaled -= scaled.max(axis=1, keepdims=True)
    of_label = scaled[np.arange(len(labels)), labels]
    return float((np.log(np.exp(scaled).sum(axis=1)) - of_label).mean())


# --- the threshold ---


def confidence_reached(confidences: NDArray[np.floating], share: float) -> float:
    """The confidence that this share of the predictions reaches, rounded down to four decimals."""
    quantile = float(np.quantile(confidences, 1 - share, method="lower"))
    return math.floor(quantile * 1e4) / 1e4


def confidence_with_few_wrong(probabilities: Probabilities, labels: NDArray[np.uint8]) -> float:
    """The lowest confidence from which on at most `WRONG_SHARE` of the predictions are wrong, rounded up.

    1 if there is none. A non-digit is wrong whatever digit is predicted.
    """
    confidences = probabilities.max(axis=1)
    order = np.argsort(-confidences, kind="stable")
    wrong = np.cumsum(probabilities.argmax(axis=1)[order] != labels[order])
    (few,) = np.nonzero(wrong <= WRONG_SHARE * np.arange(1, len(labels) + 1))
    return math.ceil(float(confidences[order][few[-1]]) * 1e4) / 1e4 if len(few) else 1.0
