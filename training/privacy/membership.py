"""Membership inference: how surely an attacker tells which digits a model has learnt from.

The likelihood-ratio attack with online shadow models: many networks learn from random halves of a pool of digits. For
each digit, the confidences of the networks that learnt from it, and of those that did not, each fit a normal
distribution; the ratio of the two densities at the confidence of the attacked network says which it belongs to. Every
network is attacked in turn, by the others. Source: Carlini et al., Membership inference attacks from first principles,
2022.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from tqdm import trange

from app.arrays import Images, Probabilities
from training.datasets.mnist import Digits, Labels
from training.errors import ConfigError

Scores = NDArray[np.float64]  # (models, n): a number for each digit, by each model
Members = NDArray[np.bool_]  # (models, n): whether the model has learnt from the digit

FALSE_POSITIVE_RATE = 0.001  # at which the attack is judged: one that is rarely wrong does harm
FEWEST_MODELS = 8  # with fewer, the deviations of three networks would decide
SMALLEST_PROBABILITY = 1e-7  # of float32; the logit of 0 and of 1 is infinite
# With fewer models, one variance for all digits is surer than one for each: Carlini et al., section VI.B.
MODELS_FOR_VARIANCES = 64
SMALLEST_DEVIATION = 1e-3  # of a digit's scores: networks that agree exactly would divide by zero

# Learns from digits, with a seed, and returns what predicts: (n, 28, 28) -> (n, 10).
Learner = Callable[[Digits, int], Callable[[Images], Probabilities]]


class RocPoint(NamedTuple):
    """A threshold of the attack."""

    false_positive_rate: float
    true_positive_rate: float


@dataclass(frozen=True)
class Attack:
    """What an attack on all models found."""

    models: int
    digits: int  # in the pool
    true_positive_rate: float  # at `FALSE_POSITIVE_RATE`
    area: float  # under the ROC curve; 0.5: the attacker guesses
    accuracy_on_members: float
    accuracy_on_others: float

    def __str__(self) -> str:
        return (
            f"{self.models} networks, each of half of {self.digits:,} digits: "
            f"true-positive rate {self.true_positive_rate:.2%} at {FALSE_POSITIVE_RATE:.1%} false positives, "
            f"area under the ROC curve {self.area:.3f}; "
            f"accuracy {self.accuracy_on_members:.2%} on members, {self.accuracy_on_others:.2%} on others"
        )


def attack(learn: Learner, pool: Digits, models: int, seed: int = 0) -> Attack:
    """Trains the models, each with a random half of the pool, and attacks each by the others.

    Raises `ConfigError` for too few models.
    """
    if models < FEWEST_MODELS:
        raise ConfigError(f"--models {models}: give at least {FEWEST_MODELS}")
    members = random_halves(models, len(pool), np.random.default_rng(seed))
    scores, correct = np.empty(members.shape), np.empty(members.shape, np.bool_)
    for model in trange(models, desc="training the attacked networks", unit="network"):
        predict = learn(pool[np.flatnonzero(members[model])], seed + model)
        probabilities = predict(pool.images)
        scores[model] = logit_confidences(probabilities, pool.labels)
        correct[model] = probabilities.argmax(axis=1) == pool.labels
    curve = roc_curve(likelihood_ratios(scores, members), members)
    return Attack(
        models=models,
        digits=len(pool),
        true_positive_rate=true_positive_rate(curve, FALSE_POSITIVE_RATE),
        area=area_under(curve),
        accuracy_on_members=float(correct[members].mean()),
        accuracy_on_others=float(correct[~members].mean()),
    )


def random_halves(models: int, n: int, rng: np.random.Generator) -> Members:
    """Each digit is a member of half of the models, so that both distributions can be fitted for all digits."""
    ranks = rng.random((models, n)).argsort(axis=0)
    return ranks < models // 2


def logit_confidences(probabilities: Probabilities, labels: Labels) -> Scores:
    """(n, classes) -> (n,): the logit of the probability of the right class, which is nearly normally distributed."""
    right = probabilities[np.arange(len(labels)), labels].astype(np.float64)
    right = np.clip(right, SMALLEST_PROBABILITY, 1 - SMALLEST_PROBABILITY)
    return np.log(right) - np.log1p(-right)


def likelihood_ratios(scores: Scores, members: Members) -> Scores:
    """(models, n): the logarithm of how much likelier a model's score is if the digit is a member, by other models."""
    return np.stack([ratio_of_one(scores, members, model) for model in range(len(scores))])


def ratio_of_one(scores: Scores, members: Members, model: int) -> Scores:
    others = np.arange(len(scores)) != model
    inside, outside = (
        log_density(scores[model], scores[others], chosen) for chosen in (members[others], ~members[others])
    )
    return inside - outside


def log_density(score: Scores, scores: Scores, chosen: Members) -> Scores:
    """(n,): of a score under the normal distribution of the chosen ones, up to a constant."""
    count = np.maximum(chosen.sum(axis=0), 1)
    mean = np.where(chosen, scores, 0).sum(axis=0) / count
    squares = np.where(chosen, (scores - mean) ** 2, 0).sum(axis=0)
    if len(scores) < MODELS_FOR_VARIANCES:  # a mean of few takes a degree of freedom from each digit
        squares, count = squares.sum(), np.maximum(count - 1, 0).sum()
    variance = squares / count + SMALLEST_DEVIATION**2
    density: Scores = -((score - mean) ** 2) / (2 * variance) - np.log(variance) / 2
    return density


def roc_curve(ratios: Scores, members: Members) -> Sequence[RocPoint]:
    """From the strictest threshold to the laxest, over all models and digits."""
    order = np.argsort(-ratios, axis=None, kind="stable")
    sorted_ratios, sorted_members = ratios.ravel()[order], members.ravel()[order]
    last_of_equal = np.append(np.flatnonzero(np.diff(sorted_ratios)), len(order) - 1)
    true, false = (np.cumsum(values)[last_of_equal] / values.sum() for values in (sorted_members, ~sorted_members))
    return [RocPoint(0, 0), *(RocPoint(float(x), float(y)) for x, y in zip(false, true, strict=True))]


def true_positive_rate(curve: Sequence[RocPoint], false_positive_rate: float) -> float:
    """The largest one at no more than this rate of false positives."""
    return max(point.true_positive_rate for point in curve if point.false_positive_rate <= false_positive_rate)


def area_under(curve: Sequence[RocPoint]) -> float:
    x, y = np.array(curve).T
    return float(np.trapezoid(y, x))
