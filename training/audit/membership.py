"""Membership inference: can one tell from a version's loss whether it learnt from a digit?

The attack of Yeom et al. (Privacy risk in machine learning, 2018) calls a digit a member if its loss is below a
threshold. It is judged by the true positives at few false positives, as Carlini et al. (Membership inference attacks
from first principles, 2022) ask: an attack that is certain of a few members is worse than one that guesses a little
better than chance. A stronger attack, which trains shadow models, is `training.privacy.membership`.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from training.datasets.mnist import Labels
from training.evaluation.metrics import auroc, roc, true_positives_at

Scores = NDArray[np.float64]  # (n,): the larger, the likelier a member

RESAMPLES = 500  # of the bootstrap


class MembershipResult(NamedTuple):
    members: int
    non_members: int
    auc: float  # 0.5: no better than guessing
    auc_interval: tuple[float, float]  # 95 %, bootstrap
    true_positives: float  # share of the members, at `FALSE_POSITIVES`
    interval: tuple[float, float]  # 95 %, bootstrap
    curve: tuple[Scores, Scores]  # false and true positives of every threshold


def losses(logits: NDArray[Any], labels: Labels) -> Scores:
    """The cross-entropy of each digit, (n, classes) -> (n,). In float64, so that confident digits are not all alike."""
    exact = logits.astype(np.float64)
    exact -= exact.max(axis=1, keepdims=True)
    others = exact[np.arange(len(labels)), labels]
    return np.asarray(np.log(np.exp(exact).sum(axis=1)) - others)


def judge_scores(members: Scores, non_members: Scores) -> MembershipResult:
    """How well scores tell members from non-members. Deterministic."""
    rng = np.random.default_rng(0)
    resampled = [
        (auroc(m, n), true_positives_at(*roc(m, n)))
        for _ in range(RESAMPLES)
        for m, n in [(rng.choice(members, len(members)), rng.choice(non_members, len(non_members)))]
    ]
    auc_interval, interval = (
        (float(low), float(high)) for low, high in np.quantile(resampled, (0.025, 0.975), axis=0).T
    )
    curve = roc(members, non_members)
    return MembershipResult(
        len(members),
        len(non_members),
        auroc(members, non_members),
        auc_interval,
        true_positives_at(*curve),
        interval,
        curve,
    )
