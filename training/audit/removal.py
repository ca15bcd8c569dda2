"""Deletion and insertion curves: does an explanation name the parts that the model really decided by?

The parts of a digit are erased, or drawn on empty paper, one after the other, those first that the explanation ranks
highest. The probability of the digit should fall soon in the first case and rise soon in the second.

Source: V. Petsiuk, A. Das, K. Saenko, RISE: Randomized input sampling for explanation of black-box models, 2018.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from app.inference.explanation import Coalitions, Scores

POINTS = 21  # of a curve: the share of the parts that are erased or drawn, in steps of 5 %

Curve = NDArray[np.float64]  # (POINTS,): the mean probability of the digit


class RemovalCurves(NamedTuple):
    deletion: Curve
    insertion: Curve

    @property
    def areas(self) -> tuple[float, float]:
        """Under the deletion curve, where less is better, and under the insertion curve, where more is."""
        return area(self.deletion), area(self.insertion)


def removal_coalitions(values: Scores) -> Coalitions:
    """(players,) -> (2 (players + 1), players): what is left after each deletion, then after each insertion."""
    rank = np.argsort(np.argsort(-values, kind="stable"), kind="stable")
    steps = np.arange(len(values) + 1)[:, np.newaxis]
    return np.concatenate([rank >= steps, rank < steps])


def to_curves(probabilities: NDArray[np.floating]) -> RemovalCurves:
    """From the probabilities of `removal_coalitions`, at POINTS equal distances: digits have unequally many parts."""
    deletion, insertion = np.split(probabilities.astype(np.float64), 2)
    shares = np.linspace(0, 1, len(deletion))
    grid = np.linspace(0, 1, POINTS)
    return RemovalCurves(np.interp(grid, shares, deletion), np.interp(grid, shares, insertion))


def mean_curves(curves: list[RemovalCurves]) -> RemovalCurves:
    return RemovalCurves(*np.mean(curves, axis=0))


def area(curve: Curve) -> float:
    return float(np.trapezoid(curve, dx=1 / (len(curve) - 1)))
