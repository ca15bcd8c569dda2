"""The weights of the line decoder, fitted to lines whose text is known.

Each line's candidates are the readings that are the best by the weights so far, and its true one. The weights are those
by which the expected number of lines read right is greatest, as the minimum risk training of translators has it (Smith
and Eisner, 2006); with them the candidates are found anew. The likelihood would count most what a line that cannot be
read loses. At last all weights are scaled, so that the best readings are right as often as their probabilities say; and
a few are replaced by values that were found on other lines than training writes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize, minimize_scalar  # type: ignore[import-untyped]  # scipy has no types

from app.segmentation.constraints.values import trie
from app.segmentation.decoding.grammar import COUNTED, counts
from app.segmentation.decoding.lattice import MEASURES, Lattice
from app.segmentation.decoding.search import Path, best_paths
from app.segmentation.decoding.weights import Weights

CANDIDATES = 16  # of each line in each round
ROUNDS = 4
PRIOR = 0.02  # strength of the pull towards the first weights
SCALES = 0.1, 3.0
FIRST = {
    "model": 4.0,
    "network": 0.5,
    "digit kind": 1.0,
    "mark kind": 2.0,
    "none kind": 2.0,
    "dust kind": 1.0,
    "crossed": -6.0,
    "cut": -2.0,
    "space": 2.0,
    "nones": -10.0,
    "dusts": -5.0,
}
# Set after the fit, on development lines of other hands than training writes: a space is told by the page's own spacing
# and not by a preference for few of them; a leaning stroke between numbers is a slash more often than the fit has it.
# Where a plus is doubtful, the network tells whether it is no sign; a point or a slash is lost in the digit beside it
# more often than one is found in dirt.
SCALE = 1.25  # of all other weights: without it readings were right more often than their probabilities said
SET_BY_HAND = {
    "none kind": 0.5,
    "large nones": -2.5,
    ".": 2.5,
    ",": 1.9,
    ":": 2.6,
    "/": 2.0,
    "space": 1.25,
    "no space": 1.25,
    "spaces": 0.0,
    "date": 5.25,
    "date with points": 4.0,
    "fraction": 0.75,
    "space beside a mark": -6.25,
}
FIRST_WEIGHTS = Weights(np.array([FIRST.get(name, 0.0) for name in MEASURES]), np.zeros(len(COUNTED)))


class LabelledLine(NamedTuple):
    lattice: Lattice
    text: str


class FoundReadings:
    """The readings of each line that were found so far."""

    def __init__(self, lines: Sequence[LabelledLine]) -> None:
        self.lines = lines
        self.found: list[dict[str, NDArray[np.float64]]] = [{} for _ in lines]  # what is measured of each text

    def add_best(self, weights: Weights) -> None:
        """The best by these weights, and the true one; of each text the best path."""
        both = np.concatenate(weights)
        for line, found in zip(self.lines, self.found, strict=True):
            nodes = line.lattice.outgoing(weights.signs)
            for path in (*best_paths(nodes, 1, trie([line.text])), *best_paths(nodes, CANDIDATES)):
                measures = measures_of(path, line.lattice)
                if path.text not in found or measures @ both > found[path.text] @ both:
                    found[path.text] = measures

    def readable(self) -> Iterator[NDArray[np.float64]]:
        """Of each line that has a path for its text, (n, measures and counts): the true reading first."""
        for line, found in zip(self.lines, self.found, strict=True):
            if line.text in found:
                yield np.array([found[line.text], *(rows for text, rows in found.items() if text != line.text)])


def measures_of(path: Path, lattice: Lattice) -> NDArray[np.float64]:
    """The sums over its edges, and the counts in its text."""
    return np.concatenate([lattice.measures[[edge.number for edge in path.edges]].sum(axis=0), counts(path.text)])


class Risk:
    """The expected number of lines read wrong, given weights."""

    def __init__(self, candidates: Sequence[NDArray[np.float64]]) -> None:
        sizes = [len(rows) for rows in candidates]
        self.measures = np.concatenate(candidates)
        self.first = np.cumsum([0, *sizes[:-1]])  # of each line: the true reading
        self.line = np.repeat(np.arange(len(sizes)), sizes)

    def probabilities(self, weights: NDArray[np.float64]) -> NDArray[np.float64]:
        """Of all candidates."""
        scores = self.measures @ weights
        odds = np.exp(scores - np.maximum.reduceat(scores, self.first)[self.line])
        return np.asarray(odds / np.add.reduceat(odds, self.first)[self.line], np.float64)

    def __call__(self, weights: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        """With its gradient."""
        probabilities = self.probabilities(weights)
        right = probabilities[self.first]
        shares = -probabilities * right[self.line]
        shares[self.first] += right
        return -float(right.sum()), -(self.measures.T @ shares)

    def miscalibration(self, weights: NDArray[np.float64]) -> float:
        """The mean squared difference of the best reading's probability and its being right (Brier, 1950)."""
        probabilities = self.probabilities(weights)
        best = np.maximum.reduceat(probabilities, self.first)
        return float(np.mean((best - (probabilities[self.first] >= best)) ** 2))


def fit_weights(lines: Sequence[LabelledLine]) -> Iterator[Weights]:
    """After each round, the weights."""
    weights = FIRST_WEIGHTS
    candidates = FoundReadings(lines)
    for _ in range(ROUNDS):
        candidates.add_best(weights)
        fitted = least_risk(Risk(list(candidates.readable())), np.concatenate(weights))
        weights = Weights(fitted[: len(MEASURES)], fitted[len(MEASURES) :])
        yield weights


def least_risk(risk: Risk, start: NDArray[np.float64]) -> NDArray[np.float64]:
    def loss(weights: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        wrong, gradient = risk(weights)
        away = weights - start
        return wrong + PRIOR * float(away @ away), gradient + 2 * PRIOR * away

    fitted = minimize(loss, start, jac=True, method="L-BFGS-B").x
    scale = minimize_scalar(lambda scale: risk.miscalibration(scale * fitted), bounds=SCALES, method="bounded").x
    return np.asarray(scale * fitted, np.float64)


def adjusted(fitted: Weights) -> Weights:
    """As the service uses them: scaled, and those of `SET_BY_HAND` in place of what was fitted."""
    return Weights(
        *(
            np.array([SET_BY_HAND.get(name, SCALE * weight) for name, weight in zip(names, values, strict=True)])
            for names, values in ((MEASURES, fitted.signs), (COUNTED, fitted.text))
        )
    )
