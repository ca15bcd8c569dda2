"""Which parts of a digit decided: Shapley values, found by asking the model about parts of it.

    image -> players -> coalitions -> predict -> log-odds -> Shapley values -> attributions, (28, 28)

The ink is cut by a grid of 7 x 7 cells. Those that hold some are the players of a game, whose score is the log-odds of
one digit. A player that is missing is empty paper, and so paper itself has no share in the score. A player's value is
what the score gains when its ink is drawn, averaged over all orders of drawing.

There are too many parts of an image to ask about all of them. What the scores of the others are is guessed from those
that are known, as a Gaussian process guesses them (kriging), in which parts that share more ink have scores more alike.
The values are those of the game so completed. They add up to score(image) - score(empty paper) by construction, since
these two are known.

Any model can be explained: it is only asked for probabilities, all at once, through the batcher that small requests
share.
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
Scores = NDArray[np.float64]
Coalitions = NDArray[np.bool_]  # (n, players), who is drawn

# Cells of 3 x 3 pixels show more, but half as many again hold ink, and as many runs tell less of each.
CELL = 4
GRID = 28 // CELL
CELLS = np.add.outer(np.arange(28) // CELL * GRID, np.arange(28) // CELL)  # (28, 28), each pixel's cell
RUNS = 192  # of the model, for one image: three full batches
# How alike the scores of two parts are that differ in one cell, beside what cells add on their own. Their ranks agree
# with the values of 80 orders by 0.90 with 0.7, 0.89 with 0.8, 0.87 with 0.9 for `digits` 3, and 0.94 for `digits` 2;
# of the eleven orders that as many runs pay for by 0.81 and 0.91 (rank correlation, 40 test digits).
ALIKE = 0.7
MOST_IMAGES = 16  # in one request: as much work as 3,000 pictures to read

FOR, NEUTRAL, AGAINST = np.array([[31, 78, 216], [176, 176, 176], [217, 88, 9]])  # RGB; told apart by the colour-blind
ZOOM = 10
ROUNDING = 1e-6  # of a sum of ten float32 to 1
SMALLEST = float(np.finfo(np.float32).tiny)


@dataclass(frozen=True)
class Explanation:
    """Where the score of one digit comes from."""

    digit: int  # the one explained
    score: float  # its log-odds: ln(p / (1 - p))
    blank_score: float  # the same on empty paper
    attributions: Attributions  # they add up to score - blank_score; above 0 speaks for the digit


class Explained(BaseModel):
    """An explanation as it is sent."""

    digit: int = Field(ge=0, le=9, description="The digit explained.")
    score: float = Field(description="Its log-odds: ln(p / (1 - p)).")
    blank_score: float = Field(description="The same on empty paper.")
    attributions: list[list[float]] = Field(
        description="28 x 28, one a pixel; above 0 it speaks for the digit. They add up to score - blank_score.",
        min_length=28,
        max_length=28,
    )


async def explain(
    predict: Predict, images: Images, digit: int | None = None
) -> tuple[Probabilities, list[Explanation]]:
    """(n, 28, 28) -> (n, 10) and n explanations, of `digit` or else of the one each image is read as.

    Raises `TooManyPictures` and what `predict` raises. The same image has the same explanation each time.
    """
    if len(images) > MOST_IMAGES:
        raise TooManyPictures(f"At most {MOST_IMAGES} images are explained in one request: send the rest in another.")
    questions = await asyncio.to_thread(lambda: [drawings(image) for image in images])
    answers = await predict(np.concatenate(questions))
    ends = np.cumsum([len(each) for each in questions])
    parts = np.split(answers, ends[:-1])
    explanations = await asyncio.to_thread(
        lambda: [explained(image, part, digit) for image, part in zip(images, parts, strict=True)]
    )
    return np.stack([part[0] for part in parts]), explanations


def drawings(image: Image) -> Images:
    """Parts of the image: the first is all of it, the last the empty paper."""
    players = cells_with_ink(image)
    drawn = coalitions(len(players))
    cells = np.zeros((len(drawn), GRID * GRID), bool)
    cells[:, players] = drawn
    shown: Images = image * cells[:, CELLS]
    return shown


def explained(image: Image, probabilities: Probabilities, digit: int | None) -> Explanation:
    """From what `predict` answered to `drawings(image)`."""
    digit = int(probabilities[0].argmax()) if digit is None else digit
    scores = log_odds(probabilities, digit)
    players = cells_with_ink(image)
    values = np.zeros(GRID * GRID)
    values[players] = weights(len(players)) @ scores
    return Explanation(digit, float(scores[0]), float(scores[-1]), spread(values, image))


def cells_with_ink(image: Image) -> NDArray[np.intp]:
    return np.unique(CELLS[image > 0])


@functools.cache  # there are 50 of them at most
def coalitions(players: int) -> Coalitions:
    """(runs, players): all first and nobody last; between them all others, or as many with their complements as RUNS.

    The fewer are there or missing, the more a coalition tells: a size is as likely as Shapley's kernel has it.
    """
    if 2**players <= RUNS:
        return np.array(list(itertools.product([True, False], repeat=players)), bool)
    chance = np.random.default_rng(0)
    sizes = np.arange(1, players)
    likely = 1 / (sizes * (players - sizes))
    found: dict[bytes, Coalitions] = {}
    while len(found) < RUNS - 2:
        drawn = chance.permutation(players) < chance.choice(sizes, p=likely / likely.sum())
        found |= {each.tobytes(): each for each in (drawn, ~drawn)}
    return np.array([np.ones(players, bool), *found.values(), np.zeros(players, bool)])


@functools.cache
def weights(players: int) -> NDArray[np.float64]:
    """(players, runs): what the scores of `coalitions` are multiplied by to give the players' values.

    A score is what its players add on their own, which is not known, and the rest, of which two coalitions have the
    covariance ALIKE ** (how many players they differ in). A value is a sum of gains over coalitions in which each other
    player is drawn with the same chance u, from 0 to 1 (Owen 1972), and so the covariance of the two is a sum as well.
    """
    known = coalitions(players)
    points, shares = np.polynomial.legendre.leggauss(max(1, players))  # exact for polynomials of u of this degree
    u = (1 + points[:, np.newaxis]) / 2
    drawn = np.arange(players)  # how many beside the player
    alike = shares / 2 @ ((u + (1 - u) * ALIKE) ** drawn * (u * ALIKE + 1 - u) ** drawn[::-1])
    gain = np.where(known.T, 1 - ALIKE, ALIKE - 1) * alike[known.sum(axis=1) - known.T.astype(int)]
    alone = np.column_stack([np.ones(len(known)), known])
    differ = (known[:, np.newaxis] != known).sum(axis=2)
    system = np.block([[ALIKE**differ, alone], [alone.T, np.zeros((players + 1, players + 1))]])
    solved: NDArray[np.float64] = np.linalg.solve(system, np.column_stack([gain, np.eye(players, players + 1, 1)]).T)
    return solved[: len(known)].T


def log_odds(probabilities: Probabilities, digit: int) -> Scores:
    """(n, 10) -> (n,): ln(p / (1 - p)).

    Evidence adds up in it, where a probability jumps from 0 to 1 somewhere on the way, and so its values take more runs
    to find: eleven orders of drawing rank the cells as 120 do with a correlation of 0.66 instead of 0.80 (`digits` 3).
    """
    exact = probabilities.astype(np.float64)
    no_digit = 1 - exact.sum(axis=1)
    others = np.delete(exact, digit, axis=1).sum(axis=1) + np.where(no_digit > ROUNDING, no_digit, 0)
    scores: Scores = np.log(np.maximum(exact[:, digit], SMALLEST)) - np.log(np.maximum(others, SMALLEST))
    return scores


def spread(values: Scores, image: Image) -> Attributions:
    """Each cell's value over its pixels, in proportion to their ink."""
    ink = np.bincount(CELLS.ravel(), weights=image.ravel(), minlength=GRID * GRID)
    return ((values / np.maximum(ink, 1))[CELLS] * image).astype(np.float32)


def overlay(image: Image, attributions: Attributions) -> bytes:
    """A PNG of 280 x 280: the ink on white paper, blue where it speaks for the digit and orange where against it."""
    strength = attributions[..., np.newaxis] / (np.abs(attributions).max() or 1)
    colour = NEUTRAL + np.abs(strength) * (np.where(strength > 0, FOR, AGAINST) - NEUTRAL)
    opacity = image[..., np.newaxis] / 255
    pixels = np.rint(255 + opacity * (colour - 255)).astype(np.uint8)
    enlarged = pixels.repeat(ZOOM, axis=0).repeat(ZOOM, axis=1)
    return cv2.imencode(".png", cv2.cvtColor(enlarged, cv2.COLOR_RGB2BGR))[1].tobytes()
