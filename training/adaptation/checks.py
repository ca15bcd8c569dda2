"""Whether an adaptation can run to its end, and whether its result may be published. Loads no TensorFlow."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from app.repository.manifest import MANIFEST_FILE
from training.adaptation.outcome import ADAPTATION_FILE, Outcome
from training.config import TrainConfig
from training.datasets.own_pictures import NO_DIGIT_LABEL, load_own_pictures
from training.errors import ConfigError, DataError, ExportError
from training.networks.sources import check_source
from training.presets import FOLDS
from training.runs import read_config

LEAST_PICTURES = 2 * FOLDS


def check_adaptation(config: TrainConfig) -> None:
    """Raises `ConfigError` or `DataError`."""
    start, folder = Path(config.start_from), Path(config.own_pictures)
    if not (start / MANIFEST_FILE).exists():
        raise ConfigError(f"--start-from {start}: with --with, name a published version, such as models/digits/8")
    check_source(start, config)
    if config.labels != tuple(map(str, range(10))):
        raise ConfigError(f"--with: {start} reads {' '.join(config.labels)}, and own pictures show the digits 0 to 9")
    own = load_own_pictures(folder)
    count = len(np.unique(own.pictures))
    if count < LEAST_PICTURES:
        raise DataError(f"{folder} has {count} pictures: collect at least {LEAST_PICTURES}")
    if not config.options.rejects and (own.labels == NO_DIGIT_LABEL).any():
        raise DataError(f"{folder} has pictures without a digit, which {start} cannot learn: leave them out")


def check_outcome(run: Path, *, although_worse: bool) -> None:
    """Prints the table of a run that was adapted.

    Raises `ExportError` if something got worse, unless it is to be published although it did; `DataError` if the
    adaptation was not completed.
    """
    if not read_config(run).own_pictures:
        return
    if not (run / ADAPTATION_FILE).exists():
        raise DataError(f"{run} was not compared with the version it started from: train --resume --out {run} does")
    outcome = Outcome.read(run)
    print(outcome)
    if outcome.objection and not although_worse:
        raise ExportError(f"{run}: {outcome.objection}: collect more pictures, or publish it with --although-worse")
