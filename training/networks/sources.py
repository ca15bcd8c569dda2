"""What a training can start from, a run or a published version, and whether its weights fit. Loads no TensorFlow."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from app.repository.manifest import GRAPH_FILE, MANIFEST_FILE
from training.config import TrainConfig
from training.errors import ConfigError, DataError
from training.networks.architectures import widths_of
from training.runs import (
    CONFIG_FILE,
    MODEL_FILE,
    check_archive,
    check_new,
    check_trained,
    read_config,
    read_data,
    read_json,
)


def source_config(source: Path) -> TrainConfig:
    """The configuration of a run or a version. Raises `DataError` if `source` is neither, or is damaged."""
    if (source / MANIFEST_FILE).exists():
        try:
            return TrainConfig.from_dict(read_json(source / MANIFEST_FILE).get("config", {}))
        except ConfigError as error:
            raise DataError(f"{source / MANIFEST_FILE} holds no configuration of this program: {error}") from error
    missing = [name for name in (MODEL_FILE, CONFIG_FILE) if not (source / name).exists()]
    if missing:
        raise DataError(
            f"{source} is neither a run nor a version to start from: no {' and no '.join(missing)}, no {MANIFEST_FILE}"
        )
    return read_config(source)


def check_source(source: Path, config: TrainConfig, *, wider: bool = False) -> None:
    """Raises `DataError` if `source` is neither a run nor a version, `ConfigError` if its weights do not fit."""
    own = source_config(source)
    is_version = (source / MANIFEST_FILE).exists()
    if is_version and own.standardise:
        raise DataError(f"{source} standardises its pixels, so training cannot start from it: name a run instead")
    if not is_version:
        check_archive(source / MODEL_FILE)
    elif not (source / GRAPH_FILE).exists():
        raise DataError(f"{source} has no {GRAPH_FILE}: restore it, or name another version")
    check_weights_fit(source, own, config, wider=wider)


def check_weights_fit(source: object, own: TrainConfig, config: TrainConfig, *, wider: bool = False) -> None:
    """Raises `ConfigError` unless the weights of a network of the config `own` fit one of `config`.

    It may have more channels if it may be `wider`: those that matter least are then removed.
    """
    for name in ("arch", "batch_normalization", "rejects", "standardise", "labels"):
        theirs, ours = own.flat()[name], config.flat()[name]
        if theirs != ours:
            raise ConfigError(f"the weights of {source} do not fit: its {name} is {theirs}, this run's is {ours}")
    theirs, ours = widths_of(own), widths_of(config)
    if theirs != ours and not (wider and all(their >= our for their, our in zip(theirs, ours, strict=True))):
        raise ConfigError(f"the weights of {source} do not fit: its widths are {theirs}, this run's are {ours}")


def check_average(runs: Sequence[Path], out: Path) -> TrainConfig:
    """The configuration of the last run, if all weights fit it, none is private, and `out` is a new folder.

    Raises `DataError`, `ConfigError`, `RunError`, or `ExportError` if the last run has no model.
    """
    check_new(out)
    check_trained(runs[-1])
    read_data(runs[-1])
    config = read_config(runs[-1])
    for run in runs[:-1]:
        check_source(run, config)
    for run in runs:
        if source_config(run).is_private:
            raise ConfigError(
                f"{run} is private, and its guarantee would not hold for a mean: leave it out, or publish it as it is"
            )
    return config
