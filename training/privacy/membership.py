"""Membership inference: how surely an attacker tells which digits a model has learnt from.

The likelihood-ratio attack with online shadow models: many networks learn from random halves of a pool of digits. For
each digit, the confidences of the networks that learnt from it, and of those that did not, each fit a normal
distribution; the ratio of the two densities at the confidence of the attacked network says which it belongs to. Every
network is attacked in turn, by the others. Source: Carlini et al., Membership inference attacks from first principles,
2022.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from tqdm import trange

from app.arrays import Images
from training.datasets.mnist import Digits, Labels
from training.errors import ConfigError
from training.evaluation.metrics import FALSE_POSITIVES, auroc, roc, true_positives_at

Logits = NDArray[np.floating]  # (n, classes)
OwnScores = NDArray[np.float64]  # (n,): a number for each digit, by one model
Scores = NDArray[np.float64]  # (models, n): by each model
Members = NDArray[np.bool_]  # (models, n): whether the model has learnt from the digit

FEWEST_MODELS = 8  # with fewer, the deviations of three networks would decide
# With fewer models, one variance for all digits is surer than one for each: Carlini et al., section VI.B.
MODELS_FOR_VARIANCES = 64
SMALLEST_DEVIATION = 1e-3  # of a digit's scores: networks that agree exactly would divide by zero
RESAMPLES = 200  # of the bootstrap

# Learns from digits, with a seed, and returns what computes logits: (n, 28, 28) -> (n, classes).
Learner = Callable[[Digits, int], Callable[[Images], Logits]]


@dataclass(frozen=True)
class Attack:
    """What an attack on all models found."""

    models: int
    digits: int  # in the pool
    true_positives: float  # share of the members that is found, at `FALSE_POSITIVES`
    interval: tuple[float, float]  # 95 %, bootstrap over the digits of the pool
    area: float  # under the ROC curve; 0.5: the attacker guesses
    accuracy_on_members: float
    accuracy_on_others: float

    def __str__(self) -> str:
        low, high = self.interval
        return (
            f"{self.models} networks, each of half of {self.digits:,} digits: "
            f"true-positive rate {self.true_positives:.2%} ({low:.2%} to {high:.2%}) at {FALSE_POSITIVES:.1%} false "
            f"positives, area under the ROC curve {self.area:.3f}; "
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
        logits = learn(pool[np.flatnonzero(members[model])], seed + model)(pool.images)
        scores[model] = logit_confidences(logits, pool.labels)
        correct[model] = logits.argmax(axis=1) == pool.labels
    ratios = likelihood_ratios(scores, members)
    return Attack(
        models=models,
        digits=len(pool),
        true_positives=share_found(ratios, members),
        interval=interval_of_share_found(ratios, members),
        area=auroc(ratios[members], ratios[~members]),
        accuracy_on_members=float(correct[members].mean()),
        accuracy_on_others=float(correct[~members].mean()),
    )


def random_halves(models: int, n: int, rng: np.random.Generator) -> Members:
    """Each model's half is drawn by itself: what the other models have learnt from tells nothing about one."""
    ranks = rng.random((models, n)).argsort(axis=1)
    return ranks < n // 2


def logit_confidences(logits: Logits, labels: Labels) -> OwnScores:
    """(n, classes) -> (n,): the logit of the probability of the right class, which is nearly normally distributed.

    Out of the logits: the probability itself would be rounded to 1.
    """
    rows, exact = np.arange(len(labels)), logits.astype(np.float64)
    right = exact[rows, labels]
    exact[rows, labels] = -np.inf
    confidences: OwnScores = right - np.logaddexp.reduce(exact, axis=1)
    return confidences


def likelihood_ratios(scores: Scores, members: Members) -> Scores:
    """(models, n): the logarithm of how much likelier a model's score is if the digit is a member, by other models."""
    return np.stack([ratio_of_one(scores, members, model) for model in range(len(scores))])


def ratio_of_one(scores: Scores, members: Members, model: int) -> OwnScores:
    """0 for a digit that all other models have learnt from, or none of them: nothing tells which it is."""
    others = np.arange(len(scores)) != model
    inside, outside = (
        log_density(scores[model], scores[others], chosen) for chosen in (members[others], ~members[others])
    )
    has_both = members[others].any(axis=0) & ~members[others].all(axis=0)
    return np.where(has_both, inside - outside, 0)


def log_density(score: OwnScores, scores: Scores, chosen: Members) -> OwnScores:
    """(n,): of a score under the normal distribution of the chosen ones of other models, up to a constant."""
    count = np.maximum(chosen.sum(axis=0), 1)
    mean = np.where(chosen, scores, 0).sum(axis=0) / count
    squares = np.where(chosen, (scores - mean) ** 2, 0).sum(axis=0)
    if len(scores) + 1 < MODELS_FOR_VARIANCES:  # a mean of few takes a degree of freedom from each digit
        squares, count = squares.sum(), np.maximum(count - 1, 0).sum()
    variance = squares / count + SMALLEST_DEVIATION**2
    density: OwnScores = -((score - mean) ** 2) / (2 * variance) - np.log(variance) / 2
    return density


def share_found(ratios: Scores, members: Members) -> float:
    """The true positives among all members of all models, at `FALSE_POSITIVES`."""
    return true_positives_at(*roc(ratios[members], ratios[~members]))


def interval_of_share_found(ratios: Scores, members: Members) -> tuple[float, float]:
    """95 %, by a bootstrap over digits: one digit's ratios by all models resemble each other. Deterministic."""
    rng, n = np.random.default_rng(0), ratios.shape[1]
    samples = (rng.integers(0, n, n) for _ in range(RESAMPLES))
    low, high = np.quantile([share_found(ratios[:, sample], members[:, sample]) for sample in samples], (0.025, 0.975))
    return float(low), float(high)
