"""What a run achieved: its history, its export, and the metrics that plots, model card and manifest present."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from app.arrays import Probabilities
from app.inference.session import Model
from app.repository.manifest import Manifest
from training.adaptation.outcome import Outcome
from training.config import TrainConfig
from training.datasets.mnist import Digits
from training.evaluation.metrics import Evaluation, PairedTest
from training.evaluation.predictions import run_in_batches
from training.evaluation.robustness import RobustnessResult
from training.export import Export
from training.privacy.record import PrivacyRecord
from training.runs import SEEN_FILE, read_config, read_history

BATCH_SIZE = 64  # images in one run of the model


@dataclass(frozen=True)
class Replaced:
    """The version before, on the same digits."""

    manifest: Manifest
    accuracy: float
    test: PairedTest  # of the version before (first) and this one (second)


@dataclass(frozen=True)
class RunResults:
    """A run, its export, and the export's predictions for one set of digits."""

    title: str  # for people, such as "digits, version 1"
    config: TrainConfig
    history: list[dict[str, str]]  # as `read_history` returns it
    exported: Export
    data_name: str  # such as "MNIST test"
    digits: Digits
    probabilities: Probabilities
    evaluation: Evaluation
    seen: bytes | None  # a PNG of the first batch that the run learnt from; older runs have none
    robustness: Sequence[RobustnessResult] = ()  # empty: not measured
    adaptation: Outcome | None = None  # of a version that was adapted to a user's pictures
    privacy: PrivacyRecord | None = None  # of a private run, federated or not
    replaced: Replaced | None = None


def evaluate_export(title: str, run: Path, exported: Export, data_name: str, digits: Digits) -> RunResults:
    """Predicts with the exported graph, in the class that serves it, and not with the Keras model."""
    config = read_config(run)
    model = Model(exported.graph, device="cpu", classes=len(config.labels))
    probabilities = run_in_batches(model, digits.images, BATCH_SIZE)
    return RunResults(
        title=title,
        config=config,
        history=read_history(run),
        exported=exported,
        data_name=data_name,
        digits=digits,
        probabilities=probabilities,
        evaluation=Evaluation.from_predictions(probabilities, digits.labels),
        adaptation=Outcome.read(run) if config.own_pictures else None,
        privacy=PrivacyRecord.read(run) if config.is_private else None,
        seen=(run / SEEN_FILE).read_bytes() if (run / SEEN_FILE).exists() else None,
    )


def curves_note(config: TrainConfig) -> str:
    """Why the curves of training and validation differ, in one sentence."""
    if config.is_private:
        return "Only validation is shown: a private run does not tell how it reads its training digits."
    if config.bank:
        return "Training is measured on the synthetic dataset and its soft targets, validation on unchanged digits."
    if config.distortion:
        return "Training is measured on distorted digits, validation on unchanged digits."
    return "Training and validation are both measured on unchanged digits."
