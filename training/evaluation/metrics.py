"""Metrics of a classifier: accuracy with its confidence interval, precision, recall, calibration, AUROC."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from app.arrays import Probabilities
from training.datasets.mnist import Labels

Confidences = NDArray[np.floating[Any]]  # (n,): the largest probability of each prediction
Correct = NDArray[np.bool_]  # (n,): whether each prediction is correct
Scores = NDArray[np.float64]  # (n,): the larger, the likelier a positive
Counts = NDArray[np.int64]  # (classes,)
ConfusionMatrix = NDArray[np.int64]  # (classes, classes): row = true class, column = predicted class

CALIBRATION_BINS = 15  # as many as Guo et al. (2017) use
FALSE_POSITIVES = 0.001  # at which attacks are judged: one that is rarely wrong does harm
SIGNIFICANCE = 0.05  # a smaller probability of chance makes a difference significant
Z_95 = 1.959964  # the 97.5 % quantile of the standard normal distribution


@dataclass(frozen=True)
class Bin:
    """The predictions with a confidence in (lower, upper]."""

    lower: float
    upper: float
    count: int
    confidence: float  # mean; 0 in an empty bin
    accuracy: float  # 0 in an empty bin


@dataclass(frozen=True)
class Evaluation:
    """The metrics of one model on one set of digits."""

    n: int
    accuracy: float
    interval: tuple[float, float]  # 95 % confidence interval of the accuracy
    precision: tuple[float, ...]  # by digit; nan for a digit that was never predicted
    recall: tuple[float, ...]  # by digit; nan for a digit that does not occur
    confusion: tuple[tuple[int, ...], ...]  # row = true digit, column = predicted digit
    calibration_error: float  # expected calibration error, 0 to 1
    reliability: tuple[Bin, ...]  # the bins of the reliability diagram

    @classmethod
    def from_predictions(cls, probabilities: Probabilities, labels: Labels) -> Self:
        """Raises `ValueError` if there are no predictions, or not one for each label."""
        if len(labels) == 0 or len(probabilities) != len(labels) or labels.max() >= probabilities.shape[1]:
            raise ValueError(f"probabilities of shape {probabilities.shape} do not match {len(labels)} labels")
        predicted = probabilities.argmax(axis=1)
        correct = predicted == labels
        matrix = confusion_matrix(labels, predicted, probabilities.shape[1])
        bins = reliability_diagram(probabilities.max(axis=1), correct)
        return cls(
            n=len(labels),
            accuracy=float(correct.mean()),
            interval=wilson_interval(int(correct.sum()), len(labels)),
            precision=divide(matrix.diagonal(), matrix.sum(axis=0)),
            recall=divide(matrix.diagonal(), matrix.sum(axis=1)),
            confusion=tuple(tuple(map(int, row)) for row in matrix),
            calibration_error=expected_calibration_error(bins),
            reliability=bins,
        )

    def __str__(self) -> str:
        """A table for the terminal."""
        low, high = self.interval
        classes = zip(self.precision, self.recall, strict=True)
        return "\n".join(
            [
                f"digits     {self.n:,}",
                f"accuracy   {self.accuracy:.2%}, 95 % confidence interval {low:.2%} to {high:.2%}",
                f"expected calibration error  {self.calibration_error:.2%}",
                "digit  precision  recall",
                *(f"{digit:5}  {precision:9.2%}  {recall:6.2%}" for digit, (precision, recall) in enumerate(classes)),
            ]
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain values that `json` can write; None for nan."""
        return {
            **dataclasses.asdict(self),
            "precision": [None if math.isnan(value) else value for value in self.precision],
            "recall": [None if math.isnan(value) else value for value in self.recall],
        }


def wilson_interval(correct: float, n: float) -> tuple[float, float]:
    """The 95 % confidence interval of a share (Wilson, 1927). Unlike the normal interval it stays within 0 to 1."""
    share, z2 = correct / n, Z_95**2
    centre = (share + z2 / (2 * n)) / (1 + z2 / n)
    half = Z_95 * math.sqrt(share * (1 - share) / n + z2 / (4 * n * n)) / (1 + z2 / n)
    return max(0.0, centre - half), min(1.0, centre + half)


def clustered_interval(correct: Correct, clusters: NDArray[np.integer[Any]]) -> tuple[float, float]:
    """The 95 % confidence interval of the share correct where predictions of one cluster resemble each other.

    Wilson's, for as many independent predictions as have the same variance (Kish's design effect, 1965): from all of
    them, where clusters tell nothing, to one for each cluster, where the predictions of a cluster are all alike.
    """
    share, (_, index) = float(correct.mean()), np.unique(clusters, return_inverse=True)
    residuals = np.bincount(index, correct - share)
    independent = len(correct) * share * (1 - share)
    design_effect = float((residuals**2).sum()) / independent if independent else len(correct) / len(residuals)
    effective = len(correct) / max(1.0, design_effect)
    return wilson_interval(share * effective, effective)


@dataclass(frozen=True)
class PairedTest:
    """McNemar's exact test of two models on the same pictures (McNemar, 1947)."""

    only_first: int  # pictures that only the first model gets right
    only_second: int
    p: float  # the probability of a difference at least as large between equally good models

    @property
    def significant(self) -> bool:
        return self.p < SIGNIFICANCE


def mcnemar(first: Correct, second: Correct) -> PairedTest:
    """Only the pictures count that one model gets right and the other wrong: each is a toss of a fair coin."""
    return paired_test(int((first & ~second).sum()), int((second & ~first).sum()))


def paired_test(only_first: int, only_second: int) -> PairedTest:
    """Of the numbers of pictures that only one of the two models gets right."""
    from scipy.stats import binomtest  # type: ignore[import-untyped]  # scipy has no types; slow to import

    tosses = only_first + only_second
    return PairedTest(only_first, only_second, float(binomtest(only_first, tosses).pvalue) if tosses else 1.0)


def confusion_matrix(labels: Labels, predicted: NDArray[np.integer[Any]], classes: int) -> ConfusionMatrix:
    cells = np.bincount(labels.astype(np.int64) * classes + predicted, minlength=classes * classes)
    return cells.astype(np.int64).reshape(classes, classes)


def divide(numerators: Counts, denominators: Counts) -> tuple[float, ...]:
    """nan where the denominator is 0."""
    return tuple(int(a) / int(b) if b else math.nan for a, b in zip(numerators, denominators, strict=True))


def reliability_diagram(confidences: Confidences, correct: Correct, bins: int = CALIBRATION_BINS) -> tuple[Bin, ...]:
    """Accuracy against confidence in bins of equal width from 0 to 1 (DeGroot and Fienberg, 1983)."""
    edges = np.linspace(0, 1, bins + 1)
    # A confidence on an edge belongs to the bin below, so that 1.0 falls into the last bin.
    index = np.searchsorted(edges[1:-1], confidences, side="left")
    return tuple(fill_bin(edges[i], edges[i + 1], confidences[index == i], correct[index == i]) for i in range(bins))


def fill_bin(lower: float, upper: float, confidences: Confidences, correct: Correct) -> Bin:
    if not len(correct):
        return Bin(float(lower), float(upper), 0, 0.0, 0.0)
    mean = float(confidences.mean(dtype=np.float64))
    return Bin(float(lower), float(upper), len(correct), mean, float(correct.mean()))


def expected_calibration_error(bins: tuple[Bin, ...]) -> float:
    """Mean distance between confidence and accuracy, weighted by the size of the bins (Naeini et al., 2015)."""
    n = sum(group.count for group in bins)
    return sum(group.count * abs(group.confidence - group.accuracy) for group in bins) / n


def auroc(positives: Confidences, negatives: Confidences) -> float:
    """The probability that a positive scores above a negative, equal scores counted half (Hanley and McNeil, 1982).

    For out-of-distribution detection by confidence, digits are the positives and non-digits the negatives (Hendrycks
    and Gimpel, 2017).
    """
    ordered = np.sort(negatives)
    below = np.searchsorted(ordered, positives, side="left")
    not_above = np.searchsorted(ordered, positives, side="right")
    return float((below + not_above).mean() / (2 * len(negatives)))


def roc(positives: Scores, negatives: Scores) -> tuple[Scores, Scores]:
    """False and true positives of every threshold, from the highest to the lowest; equal scores are one step."""
    scores = np.concatenate([positives, negatives])
    is_positive = np.concatenate([np.ones(len(positives)), np.zeros(len(negatives))])
    order = np.argsort(-scores, kind="stable")
    last_of_ties = np.append(np.diff(scores[order]) != 0, True)
    true = np.cumsum(is_positive[order])[last_of_ties] / len(positives)
    false = np.cumsum(1 - is_positive[order])[last_of_ties] / len(negatives)
    return np.insert(false, 0, 0), np.insert(true, 0, 0)


def true_positives_at(false: Scores, true: Scores, share: float = FALSE_POSITIVES) -> float:
    """The share of positives found at this share of false ones; among equal scores, they are drawn at random."""
    return float(np.interp(share, false, true))
