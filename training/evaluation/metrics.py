"""How good a classifier's probabilities are. Numbers only; `report` draws them."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Probabilities = NDArray[np.floating[Any]]  # (n, 10), each row sums to 1
Labels = NDArray[np.uint8]  # (n,), 0-9
Confusion = NDArray[np.int64]  # (10, 10): row = the digit it is, column = the digit read

CLASSES = 10
BINS = 15
Z_95 = 1.959964  # the normal distribution's 97.5 % quantile


@dataclass(frozen=True)
class Bin:
    """The predictions whose confidence lies in (lower, upper]."""

    lower: float
    upper: float
    count: int
    confidence: float  # mean over the bin; 0 where it is empty
    accuracy: float  # share that is right; 0 where it is empty


@dataclass(frozen=True)
class Evaluation:
    n: int
    accuracy: float
    interval: tuple[float, float]  # 95 %, of the accuracy
    precision: tuple[float, ...]  # for each digit, 0-9; nan where it was never read
    recall: tuple[float, ...]  # for each digit, 0-9; nan where there is none
    confusion: tuple[tuple[int, ...], ...]
    calibration_error: float
    reliability: tuple[Bin, ...]

    @classmethod
    def of(cls, probabilities: Probabilities, labels: Labels) -> Evaluation:
        """Raises `ValueError` if there is nothing to evaluate or the two differ in length."""
        if len(labels) == 0 or probabilities.shape != (len(labels), CLASSES):
            raise ValueError(f"probabilities {probabilities.shape} do not belong to {len(labels)} labels")
        read = probabilities.argmax(axis=1)
        right = read == labels
        matrix = confusion_matrix(labels, read)
        bins = reliability(probabilities.max(axis=1), right)
        return cls(
            n=len(labels),
            accuracy=float(right.mean()),
            interval=wilson_interval(int(right.sum()), len(labels)),
            precision=shares(matrix.diagonal(), matrix.sum(axis=0)),
            recall=shares(matrix.diagonal(), matrix.sum(axis=1)),
            confusion=tuple(tuple(map(int, row)) for row in matrix),
            calibration_error=expected_calibration_error(bins),
            reliability=bins,
        )

    def __str__(self) -> str:
        low, high = self.interval
        classes = zip(self.precision, self.recall, strict=True)
        return "\n".join(
            [
                f"digits     {self.n:,}",
                f"accuracy   {self.accuracy:.2%}, 95 % interval {low:.2%} to {high:.2%}",
                f"expected calibration error  {self.calibration_error:.2%}",
                "digit  precision  recall",
                *(f"{digit:5}  {precision:9.2%}  {recall:6.2%}" for digit, (precision, recall) in enumerate(classes)),
            ]
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain values that `json` can write; what is undefined is None."""
        return {
            **dataclasses.asdict(self),
            "precision": [None if math.isnan(value) else value for value in self.precision],
            "recall": [None if math.isnan(value) else value for value in self.recall],
        }


def wilson_interval(right: int, n: int) -> tuple[float, float]:
    """The 95 % interval of a share (Wilson, 1927). Unlike the normal one it stays inside 0..1 near the ends."""
    share, z2 = right / n, Z_95**2
    centre = (share + z2 / (2 * n)) / (1 + z2 / n)
    half = Z_95 * math.sqrt(share * (1 - share) / n + z2 / (4 * n * n)) / (1 + z2 / n)
    return max(0.0, centre - half), min(1.0, centre + half)


def confusion_matrix(labels: Labels, read: NDArray[np.integer[Any]]) -> Confusion:
    cells = np.bincount(labels.astype(np.int64) * CLASSES + read, minlength=CLASSES * CLASSES)
    return cells.astype(np.int64).reshape(CLASSES, CLASSES)


def shares(part: NDArray[np.int64], whole: NDArray[np.int64]) -> tuple[float, ...]:
    return tuple(int(p) / int(w) if w else math.nan for p, w in zip(part, whole, strict=True))


def reliability(confidence: NDArray[np.floating[Any]], right: NDArray[np.bool_], bins: int = BINS) -> tuple[Bin, ...]:
    """Equal-width bins over 0..1, for the reliability diagram and the calibration error."""
    edges = np.linspace(0, 1, bins + 1)
    # A confidence on an edge belongs below it, so that 1.0 falls into the last bin.
    where = np.searchsorted(edges[1:-1], confidence, side="left")
    return tuple(bin_of(edges[i], edges[i + 1], confidence[where == i], right[where == i]) for i in range(bins))


def bin_of(lower: float, upper: float, confidence: NDArray[np.floating[Any]], right: NDArray[np.bool_]) -> Bin:
    if not len(right):
        return Bin(float(lower), float(upper), 0, 0.0, 0.0)
    mean = float(confidence.mean(dtype=np.float64))
    return Bin(float(lower), float(upper), len(right), mean, float(right.mean()))


def expected_calibration_error(bins: tuple[Bin, ...]) -> float:
    """Mean distance of confidence and accuracy, each bin weighted by its predictions (Naeini et al., 2015)."""
    n = sum(each.count for each in bins)
    return sum(each.count * abs(each.confidence - each.accuracy) for each in bins) / n


def auroc(positives: NDArray[np.floating[Any]], negatives: NDArray[np.floating[Any]]) -> float:
    """The chance that one of the positives has a greater score than one of the negatives; equal scores count half."""
    ordered = np.sort(negatives)
    below = np.searchsorted(ordered, positives, side="left")
    not_above = np.searchsorted(ordered, positives, side="right")
    return float((below + not_above).mean() / (2 * len(negatives)))
