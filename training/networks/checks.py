"""Whether a training can run to its end, found out before TensorFlow is loaded and anything is written."""

from __future__ import annotations

import json
import os
from pathlib import Path

from training.config import TrainConfig
from training.datasets.mnist import Split
from training.distillation.synthetic_dataset import count_examples
from training.errors import ConfigError, DataError
from training.networks.architectures import ARCHITECTURES
from training.networks.sources import check_source
from training.runs import check_trained, read_config, read_data, read_history


def check_training(config: TrainConfig, data: Split) -> None:
    """Raises `ConfigError` for settings that contradict each other, `DataError` for data that is missing."""
    check_architecture(config)
    if config.federated:
        raise ConfigError("a federated run is not resumed: train a new one with python -m training federate")
    workers = count_workers() if config.distribute == "multiworker" else 1
    if config.batch_size % workers:
        raise ConfigError(f"--batch-size {config.batch_size}: it is of all {workers} workers: give a multiple")
    if config.bank:
        check_dataset(config)
    elif config.options.rejects:
        raise ConfigError("--rejects needs pictures that show no digit: name the synthetic dataset with --bank")
    elif len(config.labels) < 10:
        raise ConfigError(f"--labels: MNIST has ten, not {len(config.labels)}: name a synthetic dataset with --bank")
    images = config.epoch_size if config.bank else len(data.without_fold(config.left_out_fold()).train)
    if config.batch_size > images:
        raise ConfigError(f"--batch-size {config.batch_size}: an epoch has only {images} images")
    if config.start_from:
        check_source(Path(config.start_from), config, wider=True)


def check_architecture(config: TrainConfig) -> None:
    if config.arch not in ARCHITECTURES:
        raise ConfigError(f"--arch {config.arch}: choose from {', '.join(sorted(ARCHITECTURES))}")
    own, given = ARCHITECTURES[config.arch].widths, config.options.widths
    if given and len(given) != len(own):
        raise ConfigError(
            f"--widths {' '.join(map(str, given))}: {config.arch} has {len(own)}: {' '.join(map(str, own))}"
        )
    if config.standardise and not ARCHITECTURES[config.arch].standardises:
        raise ConfigError(f"--standardise: {config.arch} does not take it: add --no-standardise")


def check_dataset(config: TrainConfig) -> None:
    """Every kind is there, with as many classes as the network has, and gets a place in each batch."""
    folder, shares = Path(config.bank), config.bank_shares()
    for kind, share in shares.items():
        _, classes = count_examples(folder, kind)
        if classes != len(config.labels) + 1:
            raise DataError(f"{folder} has targets of {classes - 1} labels, but the configuration {len(config.labels)}")
        if share / sum(shares.values()) * config.batch_size < 1:
            raise ConfigError(f"--bank-parts {kind}:{share:g}: this is less than one image in a batch")


def check_publishable(run: Path) -> None:
    """What can be known before minutes are spent. Raises `ExportError`, `DataError` or `ConfigError`."""
    check_trained(run)
    config = read_config(run)
    check_architecture(config)
    if not read_history(run):
        raise DataError(f"{run} has no epoch in its history: train it first")
    if config.bank and "bank" not in read_data(run):
        raise DataError(f"{run} does not say what its synthetic dataset held: train it again into a new folder")


def count_workers() -> int:
    """The processes in TF_CONFIG. Raises `ConfigError` if it names none, or not this one."""
    example = '{"cluster": {"worker": ["host:port", ...]}, "task": {"type": "worker", "index": 0}}'
    try:
        cluster = json.loads(os.environ["TF_CONFIG"])
        workers, index = cluster["cluster"]["worker"], cluster["task"]["index"]
        known = isinstance(workers, list) and index in range(len(workers))
    except (KeyError, TypeError, ValueError):
        known = False
    if not known:
        raise ConfigError(f"--distribute multiworker needs the environment variable TF_CONFIG, as {example}")
    return len(workers)
