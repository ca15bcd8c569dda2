"""Adapts a published version to a user's own pictures, and compares it with what it was.

own pictures, what others write -> mixture -> five short trainings, each without a fifth of the own pictures
                                           -> one on all of them: the run
"""

from __future__ import annotations

import dataclasses
import shutil
import tempfile
from pathlib import Path

import numpy as np
from tqdm import tqdm

from training.adaptation.mixture import folds_of, make_mixture
from training.adaptation.outcome import Comparison, Outcome
from training.adaptation.reader import Reader
from training.config import TrainConfig
from training.datasets.mnist import Digits, Split
from training.datasets.own_pictures import NO_DIGIT_LABEL, OwnPictures, load_own_pictures, read_contents
from training.distillation.synthetic_dataset import OWN_FILE, load_validation
from training.errors import RunError
from training.evaluation.metrics import Correct
from training.files import locked
from training.networks.train import train
from training.presets import FOLDS
from training.runs import CONFIG_FILE, check_new, read_json, write_json

MIXTURE_FOLDER = "mixture"
FOLDS_FILE = "cross_validation.json"


def adapt(
    config: TrainConfig, data: Split, run: Path, *, data_dir: Path | None = None, resume: bool = False
) -> Outcome:
    """Writes the run folder `run` with the table of what changed. `data_dir`: of MNIST.

    For a configuration that `check_adaptation` accepts.

    Raises `ConfigError`, `DataError`, `RunError`, or `PackageError` if fonts or photos cannot be downloaded.
    """
    if resume:
        check_mixture(config, run)
    else:
        config = begin(config, run, data_dir)
    own = load_own_pictures(Path(config.own_pictures))
    own_after = cross_validate(config, data, own, run)
    before = Reader.of_version(Path(config.start_from))
    after = Reader.of_network(train(config, data, run, resume=resume), config, data.validation)
    outcome = Outcome(
        Comparison.of("own pictures, cross-validated", before.is_right(own.digits), own_after),
        tuple(
            Comparison.of(name, before.is_right(digits), after.is_right(digits))
            for name, digits in held_out(data, Path(config.bank)).items()
        ),
    )
    outcome.write(run)
    return outcome


def begin(config: TrainConfig, run: Path, data_dir: Path | None) -> TrainConfig:
    """Makes the run folder with what the networks learn from, and returns the configuration that names it.

    What an adaptation left that did not get as far as its training is made anew. Raises as `adapt`.
    """
    check_new(run)
    mixture, bank = run / MIXTURE_FOLDER, Path(config.bank) if config.bank else None
    config = dataclasses.replace(config, bank=str(mixture))
    with locked(run):
        shutil.rmtree(mixture, ignore_errors=True)
        (run / FOLDS_FILE).unlink(missing_ok=True)
        write_json(run / CONFIG_FILE, config.to_dict())
        make_mixture(mixture, Path(config.own_pictures), Path(config.start_from), bank, data_dir)
    return config


def check_mixture(config: TrainConfig, run: Path) -> None:
    """Raises `RunError` if there is none yet, or if the own pictures are others now."""
    made_of = Path(config.bank) / OWN_FILE
    if not made_of.exists():
        raise RunError(f"{run} was interrupted before its training began: give the first command again")
    if read_json(made_of) != read_contents(Path(config.own_pictures)):
        raise RunError(f"{config.own_pictures} holds other pictures than when {run} began: adapt into a new folder")


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
        reader = Reader.of_network(network, config, data.validation)
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
