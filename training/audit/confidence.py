"""Calibration with its uncertainty: how far confidences are from the share of digits that are read correctly."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from app.arrays import Probabilities
from training.datasets.mnist import Labels
from training.evaluation.metrics import Bin, Confidences, Correct, expected_calibration_error, reliability_diagram

RESAMPLES = 1_000  # of the bootstrap


class CalibrationResult(NamedTuple):
    n: int
    error: float  # expected calibration error, 0 to 1
    interval: tuple[float, float]  # 95 %, bootstrap
    bins: tuple[Bin, ...]


def evaluate_calibration(probabilities: Probabilities, labels: Labels) -> CalibrationResult:
    """(n, 10), (n,) -> the expected calibration error. Deterministic.

    The error is a mean of distances, so that chance alone makes it larger than 0: a perfectly calibrated model has one
    too, and the resampled ones, which the interval is of, lie above the measured one.
    """
    confidences, correct = probabilities.max(axis=1), probabilities.argmax(axis=1) == labels
    bins = reliability_diagram(confidences, correct)
    low, high = np.quantile(resampled_errors(confidences, correct), (0.025, 0.975))
    return CalibrationResult(len(labels), expected_calibration_error(bins), (float(low), float(high)), bins)


def resampled_errors(confidences: Confidences, correct: Correct) -> list[float]:
    rng = np.random.default_rng(0)
    draws = (rng.integers(0, len(correct), len(correct)) for _ in range(RESAMPLES))
    return [expected_calibration_error(reliability_diagram(confidences[draw], correct[draw])) for draw in draws]
