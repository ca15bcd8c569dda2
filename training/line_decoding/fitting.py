"""The weights of the line decoder, as those of a conditional random field over the n best readings of written lines.

Each line's candidates are the readings that are the best by the weights so far, and its true one. The likelihood of the
true readings among them is made greatest (Newton's method), and with the new weights the candidates are found anew.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from app.segmentation.constraints.values import trie
from app.segmentation.decoding.grammar import COUNTED, counts
from app.segmentation.decoding.lattice import MEASURES, Lattice
from app.segmentation.decoding.search import Path, best_paths
from app.segmentation.decoding.weights import Weights

CANDIDATES = 24  # of each line
ROUNDS = 3
PRIOR = 0.3  # strength of the pull towards the first weights
MAX_STEPS, CONVERGED = 50, 1e-3  # of Newton's method; the least gain of a step


# Of the logarithms; all other weights are first 0.
FIRST = {
    "model": 1.0,
    "digit kind": 1.0,
    "mark kind": 1.0,
    "none kind": 1.0,
    "dust kind": 1.0,
    "crossed": -5.0,
    "space": 1.0,
}


class LabelledLine(NamedTuple):
    lattice: Lattice
    text: str


def first_weights() -> Weights:
    return Weights(np.array([FIRST.get(name, 0.0) for name in MEASURES]), np.zeros(len(COUNTED)))


def fit_weights(lines: Sequence[LabelledLine]) -> Iterator[Weights]:
    """After each round, the weights."""
    first = weights = first_weights()
    start = np.concatenate(first)
    for _ in range(ROUNDS):
        candidates = [found for line in lines if (found := candidates_of(line, weights)) is not None]
        fitted = most_likely(candidates, start, np.concatenate(weights))
        weights = Weights(fitted[: len(first.signs)], fitted[len(first.signs) :])
        yield weights


def candidates_of(line: LabelledLine, weights: Weights) -> NDArray[np.float64] | None:
    """(n, measures and counts): the true reading first; None if the lattice has no path for it."""
    nodes = line.lattice.outgoing(weights.signs)
    true = best_paths(nodes, 1, trie([line.text]))
    if not true:
        return None
    others = [path for path in best_paths(nodes, CANDIDATES) if path.text != line.text]
    return np.array([measures_of(path, line.lattice) for path in (*true, *others)])


def measures_of(path: Path, lattice: Lattice) -> NDArray[np.float64]:
    """The sums over its edges, and the counts in its text."""
    return np.concatenate([lattice.measures[[edge.number for edge in path.edges]].sum(axis=0), counts(path.text)])


class Posterior(NamedTuple):
    """Of the weights, given the lines, and its derivatives."""

    logarithm: float
    gradient: NDArray[np.float64]
    curvature: NDArray[np.float64]  # minus the second derivatives


def posterior(
    candidates: Sequence[NDArray[np.float64]], weights: NDArray[np.float64], prior: NDArray[np.float64]
) -> Posterior:
    """The likelihood of the first of each line's candidates, and a normal distribution around `prior`."""
    measures = np.concatenate(candidates)
    sizes = [len(rows) for rows in candidates]
    first = np.cumsum([0, *sizes[:-1]])
    line = np.repeat(np.arange(len(sizes)), sizes)
    scores = measures @ weights
    greatest = np.maximum.reduceat(scores, first)
    odds = np.exp(scores - greatest[line])
    sums = np.add.reduceat(odds, first)
    weighted = (odds / sums[line])[:, np.newaxis] * measures
    expected = np.add.reduceat(weighted, first)
    away = weights - prior
    return Posterior(
        float((scores[first] - greatest - np.log(sums)).sum()) - PRIOR * float(away @ away),
        measures[first].sum(axis=0) - expected.sum(axis=0) - 2 * PRIOR * away,
        weighted.T @ measures - expected.T @ expected + 2 * PRIOR * np.eye(len(weights)),
    )


def most_likely(
    candidates: Sequence[NDArray[np.float64]], prior: NDArray[np.float64], weights: NDArray[np.float64]
) -> NDArray[np.float64]:
    """The weights that make the first of each line's candidates likeliest (Newton's method), from `weights` on."""
    now = posterior(candidates, weights, prior)
    for _ in range(MAX_STEPS):
        step = np.linalg.solve(now.curvature, now.gradient)
        while (after := posterior(candidates, weights + step, prior)).logarithm < now.logarithm:
            step /= 2
        gained, now, weights = after.logarithm - now.logarithm, after, weights + step
        if gained < CONVERGED:
            break
    return weights
