"""Adapts a published version to a user's own pictures, and compares it with what it was.

own pictures, what others write -> mixture -> five short trainings, each without a fifth of the own pictures
                                           -> one on all of them: the run
"""

from __future__ import annotations

import dataclasses
import tempfile
from pathlib import Path

import numpy as np
from tqdm import tqdm

from training.adaptation.checks import check_adaptation
from training.adaptation.mixture import folds_of, make_mixture
from training.adaptation.outcome import Comparison, Outcome
from training.adaptation.reader import Reader
from training.config import FOLDS, TrainConfig
from training.datasets.mnist import Digits, Split
from training.datasets.own_pictures import NO_DIGIT_LABEL, OwnPictures, load_own_pictures
from training.distillation.synthetic_dataset import OWN_FILE, load_validation
from training.errors import RunError
from training.evaluation.metrics import Correct
from training.networks.train import train
from training.runs import CONFIG_FILE, check_new, read_json, write_json

MIXTURE_FOLDER = "mixture"
FOLDS_FILE = "cross_validation.json"


def adapt(
    config: TrainConfig, data: Split, run: Path, *, data_dir: Path | None = None, resume: bool = False
) -> Outcome:
    """Writes the run folder `run` with the table of what changed. `data_dir`: of MNIST.

    Raises `ConfigError`, `DataError`, `RunError`, or `PackageError` if fonts or photos cannot be downloaded.
    """
    check_adaptation(config)
    mixture = run / MIXTURE_FOLDER
    if not resume:
        check_new(run)
        bank, config = config.bank, dataclasses.replace(config, bank=str(mixture))
        write_json(run / CONFIG_FILE, config.to_dict())
        make_mixture(
            mixture, Path(config.own_pictures), Path(config.start_from), Path(bank) if bank else None, data_dir
        )
    elif not (mixture / OWN_FILE).exists():
        raise RunError(f"{run} was interrupted before its training began: give the first command again")
    own = load_own_pictures(Path(config.own_pictures))
    own_after = cross_validate(config, data, own, run)
    before = Reader.of_version(Path(config.start_from))
    after = Reader.of_network(train(config, data, run, resume=resume), data.validation, len(config.labels))
    outcome = Outcome(
        Comparison.of("own pictures, cross-validated", before.is_right(own.digits), own_after),
        tuple(
            Comparison.of(name, before.is_right(digits), after.is_right(digits))
            for name, digits in held_out(data, mixture).items()
        ),
    )
    outcome.write(run)
    return outcome


def cross_validate(config: TrainConfig, data: Split, own: OwnPictures, run: Path) -> Correct:
    """Whether each image is read correctly by a network that did not learn from its picture. Kept in `run`."""
    kept = run / FOLDS_FILE
    if kept.exists():
        return np.array(read_json(kept)["right"], np.bool_)
    folds, right = folds_of(own), np.zeros(len(own), np.bool_)
    for fold in tqdm(range(FOLDS), "cross-validating", unit="fold"):
        parts = tuple(part.replace("own:", f"own{fold + 1}:") for part in config.bank_parts)
        with tempfile.TemporaryDirectory() as scratch:
            without_fold = dataclasses.replace(config, bank_parts=parts)
            network = train(without_fold, data, Path(scratch) / "run", verbose=0)
        reader = Reader.of_network(network, data.validation, len(config.labels))
        right[folds == fold] = reader.is_right(own[folds == fold].digits)
    write_json(kept, {"right": right.tolist()})
    return right


def held_out(data: Split, mixture: Path) -> dict[str, Digits]:
    """What everybody else writes and sends, by name; no network learns from it."""
    pictures = load_validation(mixture)
    is_digit = pictures.labels != NO_DIGIT_LABEL
    return {
        "MNIST validation digits": data.validation,
        "synthetic pictures of digits": pictures[np.flatnonzero(is_digit)],
        "synthetic pictures without a digit": pictures[np.flatnonzero(~is_digit)],
    }
