"""Which pixels decided: Shapley values of the parts of a digit.

    image -> players -> coalitions -> predict -> log-odds -> Shapley values -> attributions, (28, 28)

A grid of 7 x 7 cells divides the image. The cells with ink are the players of a game, whose score is the log-odds of
one digit. An absent player is empty paper, so paper has no share in the score. A player's Shapley value is the mean
gain of the score when its ink is added, over all orders in which the ink can be added (Shapley 1953).

There are too many coalitions to ask the model about each of them. The scores of the others are predicted from those
that are known by kriging, that is by a Gaussian process: the more cells two coalitions share, the more alike their
scores are. The values are those of the predicted game. They add up to score(image) - score(empty paper) exactly, since
both are known.

Any model can be explained: it is asked for nothing but probabilities, through the batcher that all requests share.

Sources: L. S. Shapley, "A value for n-person games", 1953; G. Owen, "Multilinear extensions of games", Management
Science 18, 1972; N. Cressie, "Statistics for spatial data", 1993, section 3.4 (universal kriging).
"""

from __future__ import annotations

import asyncio
import functools
import itertools
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, Field

from app.arrays import Image, Images, Probabilities
from app.errors import TooManyPictures

Predict = Callable[[Images], Awaitable[Probabilities]]
Attributions = NDArray[np.float32]  # (28, 28)
Scores = NDArray[np.float64]  # (n,), log-odds
Coalitions = NDArray[np.bool_]  # (n, players), True: the player is present

# Cells of 3 x 3 pixels would show more, but half as many again hold ink, and the same runs tell less about each.
CELL = 4  # pixels, the side of a cell
GRID = 28 // CELL  # cells, the side of the grid
CELLS = np.add.outer(np.arange(28) // CELL * GRID, np.arange(28) // CELL)  # (28, 28), each pixel's cell
MAX_COALITIONS = 192  # images that the model is asked about, for one explanation: three full batches
# Correlation of the scores of two coalitions that differ in one player, apart from what each player adds on its own.
# With 0.7 the values' rank correlation with those of 80 orders is 0.90, with 0.8 0.89, with 0.9 0.87 for `digits` 3,
# and 0.94 for `digits` 2. The eleven orders that as many runs pay for reach 0.81 and 0.91 (40 test digits).
CORRELATION = 0.7
MAX_IMAGES = 16  # in one request: as much work as reading 3,000 pictures

# RGB; the colour-blind can tell them apart.
FOR = np.array([31, 78, 216])
NEUTRAL = np.array([176, 176, 176])
AGAINST = np.array([217, 88, 9])
ZOOM = 10  # pixels of the overlay for one pixel of the image
ROUNDING = 1e-6  # error of a sum of ten float32 that add up to 1
SMALLEST = float(np.finfo(np.float32).tiny)


@dataclass(frozen=True)
class Explanation:
    """Where the score of one digit comes from."""

    digit: int  # the digit explained
    score: float  # its log-odds: ln(p / (1 - p))
    blank_score: float  # its log-odds on empty paper
    attributions: Attributions  # (28, 28), their sum is score - blank_score; positive: evidence for the digit


class Explained(BaseModel):
    """An explanation as it is sent."""

    digit: int = Field(ge=0, le=9, description="The digit explained.")
    score: float = Field(description="Its log-odds: ln(p / (1 - p)).")
    blank_score: float = Field(description="Its log-odds on empty paper.")
    attributions: list[list[float]] = Field(
        description="28 x 28, one for each pixel; positive: evidence for the digit. Their sum is score - blank_score.",
        min_length=28,
        max_length=28,
    )


async def explain(
    predict: Predict, images: Images, digit: int | None = None
) -> tuple[Probabilities, list[Explanation]]:
    """(n, 28, 28) -> (n, 10) and n explanations, of `digit` or else of the most probable digit of each image.

    Deterministic. Raises `TooManyPictures`, and what `predict` raises.
    """
    if len(images) > MAX_IMAGES:
        raise TooManyPictures(f"At most {MAX_IMAGES} images are explained in one request: send the rest in another.")
    masked = await asyncio.to_thread(lambda: [masked_images(image) for image in images])
    probabilities = await predict(np.concatenate(masked))
    ends = np.cumsum([len(coalition_images) for coalition_images in masked])
    parts = np.split(probabilities, ends[:-1])
    explanations = await asyncio.to_thread(
        lambda: [explanation_of(image, part, digit) for image, part in zip(images, parts, strict=True)]
    )
    return np.stack([part[0] for part in parts]), explanations


def masked_images(image: Image) -> Images:
    """One image for each coalition, with the ink of its players: the first is the whole image, the last empty paper."""
    players = cells_with_ink(image)
    present = coalitions(len(players))
    cells = np.zeros((len(present), GRID * GRID), bool)
    cells[:, players] = present
    masked: Images = image * cells[:, CELLS]
    return masked


def explanation_of(image: Image, probabilities: Probabilities, digit: int | None) -> Explanation:
    """From the probabilities of `masked_images(image)`, (n, 10)."""
    digit = int(probabilities[0].argmax()) if digit is None else digit
    scores = log_odds(probabilities, digit)
    players = cells_with_ink(image)
    values = np.zeros(GRID * GRID)
    values[players] = kriging_weights(len(players)) @ scores
    return Explanation(digit, float(scores[0]), float(scores[-1]), spread(values, image))


def cells_with_ink(image: Image) -> NDArray[np.intp]:
    return np.unique(CELLS[image > 0])


# --- the game ---


@functools.cache  # for 49 players at most
def coalitions(players: int) -> Coalitions:
    """(n, players): the full coalition first, the empty one last; between them all others, if they fit.

    Of more than MAX_COALITIONS, random ones and their complements. The fewer players are present or absent, the more a
    coalition tells: sizes have the probabilities of the Shapley kernel (Lundberg and Lee 2017).
    """
    if 2**players <= MAX_COALITIONS:
        return np.array(list(itertools.product([True, False], repeat=players)), bool)
    rng = np.random.default_rng(0)
    sizes = np.arange(1, players)
    kernel = 1 / (sizes * (players - sizes))
    chosen: dict[bytes, Coalitions] = {}
    while len(chosen) < MAX_COALITIONS - 2:
        present = rng.permutation(players) < rng.choice(sizes, p=kernel / kernel.sum())
        chosen |= {coalition.tobytes(): coalition for coalition in (present, ~present)}
    return np.array([np.ones(players, bool), *chosen.values(), np.zeros(players, bool)])


@functools.cache
def kriging_weights(players: int) -> NDArray[np.float64]:
    """(players, n): the matrix that turns the scores of `coalitions(players)` into the players' Shapley values.

    Universal kriging. The score of a coalition is modelled as a drift, a constant and an unknown share of each player
    present, plus a Gaussian process with `score_covariance`. A Shapley value is a linear function of the scores of all
    coalitions. Its weights minimise the variance of its error under the constraint that it is unbiased for every drift:

        [covariance  drift] [weights    ]   [covariance of values and scores]
        [drift'        0  ] [multipliers] = [Shapley values of the drift    ]
    """
    known = coalitions(players)
    drift = np.column_stack([np.ones(len(known)), known])  # of the constant and of each player's share
    drift_values = np.eye(players, players + 1, 1)  # a constant has no value; a player's value is its share
    system = np.block([[score_covariance(known), drift], [drift.T, np.zeros((players + 1, players + 1))]])
    target = np.column_stack([value_covariance(known), drift_values]).T
    solution: NDArray[np.float64] = np.linalg.solve(system, target)
    return solution[: len(known)].T


def score_covariance(known: Coalitions) -> NDArray[np.float64]:
    """(n, players) -> (n, n): CORRELATION ** (the number of players in which two coalitions differ)."""
    differing = (known[:, np.newaxis] != known).sum(axis=2)
    covariance: NDArray[np.float64] = CORRELATION**differing
    return covariance


def value_covariance(known: Coalitions) -> NDArray[np.float64]:
    """(n, players) -> (players, n): the covariance of each player's Shapley value with each coalition's score.

    A value is the mean gain of adding the player to a coalition of others. Adding it makes the two coalitions differ in
    one player less if it is present in the known one, and in one more if it is absent.
    """
    gain = np.where(known.T, 1 - CORRELATION, CORRELATION - 1)
    others_present = known.sum(axis=1) - known.T.astype(int)
    covariance: NDArray[np.float64] = gain * mean_correlation(known.shape[1])[others_present]
    return covariance


def mean_correlation(players: int) -> NDArray[np.float64]:
    """(players,): the mean correlation of a known coalition with a random one, by the players present in the known one.

    The player whose value is sought is left out of both. Every other player is present in the random one with the same
    probability u, and u is integrated from 0 to 1: so Owen (1972) writes the Shapley value, by the game's multilinear
    extension. The integrand is a polynomial in u of degree `players` - 1, for which Gauss-Legendre quadrature with
    `players` nodes is exact.
    """
    nodes, weights = np.polynomial.legendre.leggauss(max(1, players))  # on [-1, 1]
    u = (1 + nodes[:, np.newaxis]) / 2
    present = np.arange(players)
    absent = present[::-1]
    mean: NDArray[np.float64] = (
        weights / 2 @ ((u + (1 - u) * CORRELATION) ** present * (u * CORRELATION + 1 - u) ** absent)
    )
    return mean


# --- scores and pixels ---


def log_odds(probabilities: Probabilities, digit: int) -> Scores:
    """(n, 10) -> (n,): ln(p / (1 - p)).

    Evidence adds up in log-odds, while a probability jumps from 0 to 1 somewhere on the way and its Shapley values take
    more runs: eleven orders rank the cells as 120 do with a correlation of 0.66 instead of 0.80 (`digits` 3).
    """
    exact = probabilities.astype(np.float64)
    no_digit = 1 - exact.sum(axis=1)
    others = np.delete(exact, digit, axis=1).sum(axis=1) + np.where(no_digit > ROUNDING, no_digit, 0)
    scores: Scores = np.log(np.maximum(exact[:, digit], SMALLEST)) - np.log(np.maximum(others, SMALLEST))
    return scores


def spread(values: Scores, image: Image) -> Attributions:
    """Each cell's value over its pixels, in proportion to their ink: (49,), (28, 28) -> (28, 28)."""
    ink = np.bincount(CELLS.ravel(), weights=image.ravel(), minlength=GRID * GRID)
    return ((values / np.maximum(ink, 1))[CELLS] * image).astype(np.float32)


def overlay(image: Image, attributions: Attributions) -> bytes:
    """A PNG of 280 x 280: the ink on white paper, blue where it is evidence for the digit, orange where against it."""
    strength = attributions[..., np.newaxis] / (np.abs(attributions).max() or 1)
    colour = NEUTRAL + np.abs(strength) * (np.where(strength > 0, FOR, AGAINST) - NEUTRAL)
    opacity = image[..., np.newaxis] / 255
    pixels = np.rint(255 + opacity * (colour - 255)).astype(np.uint8)
    enlarged = pixels.repeat(ZOOM, axis=0).repeat(ZOOM, axis=1)
    return cv2.imencode(".png", cv2.cvtColor(enlarged, cv2.COLOR_RGB2BGR))[1].tobytes()
