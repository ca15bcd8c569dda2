"""LIME, to compare our explanations with: which cells of ink decided, by a linear model around one image.

Random sets of cells are erased, and the score is approximated by a weighted ridge regression on the cells that are
left; sets that resemble the whole image count more. A cell's attribution is its coefficient.

Source: M. Ribeiro, S. Singh, C. Guestrin, "Why should I trust you?" Explaining the predictions of any classifier, 2016,
with the constants of the paper's code for pictures: cosine distance, width 0.25, ridge penalty 1, 1,000 samples.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from app.inference.explanation import Coalitions, Scores

SAMPLES = 1_000
KERNEL_WIDTH = 0.25  # of cosine distances, 0 to 1
PENALTY = 1.0

Game = Callable[[Coalitions], Scores]  # (n, players), True: the cell's ink is there -> (n,)


def lime_values(game: Game, players: int, samples: int = SAMPLES) -> Scores:
    """(players,): the coefficient of each. Deterministic."""
    present = np.random.default_rng(0).random((samples, players)) < 0.5
    present[0] = True  # the image itself
    weights = similarity(present)
    design = np.column_stack([np.ones(samples), present])
    penalty = PENALTY * np.diag([0.0, *[1.0] * players])  # not on the intercept
    weighted = design.T * weights
    coefficients = np.linalg.solve(weighted @ design + penalty, weighted @ game(present))
    return np.asarray(coefficients[1:])


def similarity(present: Coalitions) -> Scores:
    """(n, players) -> (n,): 1 for the whole image, towards 0 the more cells are erased."""
    cosine = np.sqrt(present.mean(axis=1))  # of a vector of zeros and ones with the vector of ones
    return np.asarray(np.sqrt(np.exp(-((1 - cosine) ** 2) / KERNEL_WIDTH**2)))
