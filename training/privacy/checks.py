"""Whether a private run can keep its promise, found out before TensorFlow is loaded and anything is written."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from training.config import Options, TrainConfig
from training.datasets.mnist import Split
from training.errors import ConfigError, DataError
from training.networks.checks import check_training
from training.networks.sources import source_config
from training.privacy.record import PUBLIC_FOLDER, plan_privacy
from training.runs import MODEL_FILE


def check_private(config: TrainConfig, data: Split) -> None:
    """Raises `ConfigError` or `DataError`; `PackageError` if the accountant is not installed."""
    for setting, reason in contradictions(config):
        raise ConfigError(f"{setting}: {reason}")
    if config.start_from:
        check_public_source(Path(config.start_from))
    n = len(data.without_fold(config.left_out_fold()).train)
    if config.privacy and config.privacy.delta >= 1 / n:
        raise ConfigError(f"--delta {config.privacy.delta:g}: give less than 1 / {n:,}, the share of one digit")
    plan_privacy(config, n)


def check_attack(config: TrainConfig, data: Split, digits: int) -> None:
    """Raises `ConfigError` or `DataError` if a network cannot be trained, or would not learn from its half alone.

    `digits`: how many are in the pool.
    """
    for setting, reason in not_attackable(config):
        raise ConfigError(f"{setting}: {reason}, so that the attack would measure nothing")
    if not 2 <= digits <= len(data.train):
        raise ConfigError(f"--digits {digits}: give a number from 2 to {len(data.train):,}")
    half = dataclasses.replace(data, train=data.train[: digits // 2])
    check_training(config, half)
    if config.privacy:
        check_private(config, half)


def not_attackable(config: TrainConfig) -> list[tuple[str, str]]:
    """The settings by which a network learns from other digits than its half of the pool; each with the reason."""
    checks = [
        (
            bool(config.bank),
            "--bank",
            "the networks would learn from the synthetic dataset; name another --preset, as textbook",
        ),
        (bool(config.fold), "--fold", "the networks would not learn from all their digits"),
        (
            bool(config.start_from) and config.privacy is None,
            "--start-from",
            "its weights may have learnt from all digits already",
        ),
    ]
    return [(setting, reason) for excluded, setting, reason in checks if excluded]


def check_public_source(source: Path) -> None:
    """Raises `ConfigError` unless it is a private run with public features: any other weights have seen digits."""
    if source_config(source).privacy is None:
        raise ConfigError(
            f"--start-from {source}: its weights have learnt from digits without privacy: name a private run"
        )
    if not (source / PUBLIC_FOLDER / MODEL_FILE).exists():
        raise DataError(f"--start-from {source}: it has no {PUBLIC_FOLDER}/{MODEL_FILE}: leave the option out")


def contradictions(config: TrainConfig) -> list[tuple[str, str]]:
    """The settings that a private run does not have, or that would see digits without noise; each with the reason."""
    not_private = "it would learn from digits without noise"
    no_effect = "a private run does not have it"
    others = Options(activation=config.options.activation, batch_normalization=config.options.batch_normalization)
    checks = [
        (bool(config.bank), "--bank", not_private),
        (bool(config.own_pictures), "--with", not_private),
        (config.standardise, "--standardise", "it normalises by the training digits' own statistics"),
        (config.arch == "mlp" and config.options.batch_normalization, "--batch-normalization", not_private),
        (config.keep != "last", f"--keep {config.keep}", "all steps of a private run are paid for: keep the last"),
        (config.label_smoothing > 0, "--label-smoothing", no_effect),
        (config.options != others, "--dropout, --l2, --widths and --rejects", no_effect),
        (config.mixed_precision, "--mixed-precision", no_effect),
        (config.distribute != "none", f"--distribute {config.distribute}", no_effect),
    ]
    return [(setting, reason) for contradicts, setting, reason in checks if contradicts]
