"""What a run reached, for its pictures and its card."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from training.config import TrainConfig
from training.datasets.mnist import Digits
from training.evaluation.metrics import Evaluation
from training.evaluation.robustness import Outcome
from training.export import Export, Probabilities


@dataclass(frozen=True)
class Findings:
    """A run, its export, and what the exported graph made of some digits."""

    title: str  # e.g. "digits, version 1"
    config: TrainConfig
    history: list[dict[str, str]]  # as `train.read_history` gives it
    exported: Export
    data: str  # which digits, e.g. "MNIST test"
    digits: Digits
    probabilities: Probabilities
    evaluation: Evaluation
    outcomes: Sequence[Outcome] = ()  # of every kind of picture it was tried on


def curves_note(config: TrainConfig) -> str:
    if config.bank:
        return "Training is measured on the bank's pictures and their soft labels, validation on digits as they are."
    if config.distortion:
        return "Training is measured on distorted digits, validation on digits as they are."
    return "Training and validation are both measured on digits as they are."
