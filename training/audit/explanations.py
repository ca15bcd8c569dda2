"""Compares the service's explanations with those of the library shap and of LIME, on the same digits.

All explain one game: its players are the cells with ink, an absent cell is empty paper, and its score is the log-odds
of the digit that was read (app.inference.explanation). shap estimates the Shapley values of that game by its
KernelExplainer, with empty paper as its background and no selection of features; ours and shap's therefore differ only
by their errors. LIME approximates the game by a linear one, whose coefficients are no Shapley values.
"""

from __future__ import annotations

import asyncio
import importlib
import logging
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from app.arrays import Image, Images, Probabilities
from app.inference.explanation import CELLS, GRID, Coalitions, Scores, cells_with_ink, explain, log_odds
from app.inference.session import Model
from training.audit.lime import lime_values
from training.audit.removal import RemovalCurves, mean_curves, removal_coalitions, to_curves
from training.errors import DataError

Compared = tuple[tuple[float, float, float], dict[str, RemovalCurves]]  # as `compare_one` returns it

BATCH_SIZE = 64
RELIABILITY_DIGITS = 20  # whose values shap estimates twice, to see its own error
METHODS = ("ours", "shap", "LIME", "random")


class Agreement(NamedTuple):
    digits: int
    shap_samples: int  # coalitions, from which shap estimates a digit's values
    with_shap: float  # mean rank correlation of the cells
    with_shap_interval: tuple[float, float]  # 95 %, normal
    shap_with_itself: float  # the same, of two estimates by shap for the first RELIABILITY_DIGITS
    with_lime: float
    with_lime_interval: tuple[float, float]
    curves: dict[str, RemovalCurves]  # by method


@dataclass(frozen=True)
class Game:
    """The game of one image: (n, players) -> (n,)."""

    model: Model
    image: Image
    digit: int
    players: NDArray[np.intp] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "players", cells_with_ink(self.image))

    def __call__(self, present: Coalitions) -> Scores:
        return log_odds(self.probabilities(present), self.digit)

    def probabilities(self, present: Coalitions) -> Probabilities:
        drawn = np.zeros((len(present), GRID * GRID), bool)
        drawn[:, self.players] = present
        return run(self.model, self.image * drawn[:, CELLS])


def run(model: Model, images: Images) -> Probabilities:
    return np.concatenate([model.run(images[i : i + BATCH_SIZE]) for i in range(0, len(images), BATCH_SIZE)])


def compare_explanations(model: Model, images: Images, shap_samples: int) -> Agreement:
    """Of the digit that the model reads in each image. Raises `DataError` if shap is not installed."""
    shap = import_shap()
    found = [
        compare_one(shap, model, image, shap_samples, index)
        for index, image in enumerate(tqdm(images, "explanations", unit="digit", leave=False))
    ]
    return summarize(found, shap_samples)


def summarize(found: Sequence[Compared], shap_samples: int) -> Agreement:
    with_shap, with_itself, with_lime = np.array([correlations for correlations, _ in found]).T
    curves = {method: mean_curves([of_digit[method] for _, of_digit in found]) for method in METHODS}
    return Agreement(
        len(found),
        shap_samples,
        float(with_shap.mean()),
        interval_of_mean(with_shap),
        float(np.nanmean(with_itself)),
        float(with_lime.mean()),
        interval_of_mean(with_lime),
        curves,
    )


def compare_one(shap: Any, model: Model, image: Image, shap_samples: int, index: int) -> Compared:
    """The rank correlations with shap, of shap with itself (or nan), and with LIME; the curves of each method."""

    async def predict(images: Images) -> Probabilities:
        return run(model, images)

    _, (explanation,) = asyncio.run(explain(predict, image[np.newaxis]))
    game = Game(model, image, explanation.digit)
    by_cell = np.bincount(CELLS.ravel(), explanation.attributions.ravel(), GRID * GRID)
    values: dict[str, Scores] = {
        "ours": by_cell[game.players].astype(np.float64),
        "shap": shap_values(shap, game, shap_samples, seed=0),
        "LIME": lime_values(game, len(game.players)),
        "random": np.random.default_rng(index).random(len(game.players)),
    }
    is_repeated = index < RELIABILITY_DIGITS
    correlations = (
        rank_correlation(values["ours"], values["shap"]),
        rank_correlation(values["shap"], shap_values(shap, game, shap_samples, seed=1)) if is_repeated else np.nan,
        rank_correlation(values["ours"], values["LIME"]),
    )
    curves = {
        method: to_curves(game.probabilities(removal_coalitions(of_method))[:, game.digit])
        for method, of_method in values.items()
    }
    return correlations, curves


def shap_values(shap: Any, game: Game, samples: int, seed: int) -> Scores:
    """By the library's explainer for any function (Lundberg and Lee 2017)."""
    np.random.seed(seed)  # noqa: NPY002  # shap draws from the global generator
    players = len(game.players)
    explainer = shap.KernelExplainer(lambda present: game(present.astype(bool)), np.zeros((1, players)))
    return np.asarray(explainer.shap_values(np.ones((1, players)), nsamples=samples, l1_reg=False, silent=True)[0])


def import_shap() -> Any:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it uses what newer versions of Matplotlib drop
            shap = importlib.import_module("shap")
    except ImportError as error:
        raise DataError("explanations are compared with the library shap: pip install shap") from error
    logging.getLogger("shap").setLevel(logging.WARNING)  # it logs each explanation
    return shap


def rank_correlation(a: Scores, b: Scores) -> float:
    """Spearman's. 1 for a single player."""
    from scipy.stats import rankdata  # type: ignore[import-untyped]  # slow to import

    return float(np.corrcoef(rankdata(a), rankdata(b))[0, 1]) if len(a) > 1 else 1.0


def interval_of_mean(values: NDArray[np.float64]) -> tuple[float, float]:
    half = 1.959964 * values.std(ddof=1) / np.sqrt(len(values)) if len(values) > 1 else 0.0
    return float(values.mean() - half), float(values.mean() + half)
