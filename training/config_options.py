"""A run's configuration as options of the command line, and back."""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from training.config import Distortion, Federation, Options, Privacy, TrainConfig
from training.errors import ConfigError
from training.networks.architectures import ARCHITECTURES
from training.networks.sources import source_config
from training.presets import ADAPTATION, FEDERATED, PRESETS, PRUNING

# Of `TrainConfig`; an epoch is a round there.
FEDERATED_OPTIONS = (
    *("name", "arch", "seed", "epochs", "batch_size", "learning_rate", "schedule"),
    *("weight_decay", "label_smoothing", "keep"),
)
PRUNING_OPTIONS = ("name", "seed", "epochs", "batch_size", "learning_rate", "bank", "bank_parts", "epoch_size")
NO_OPTIONS = ("mean_of", "own_pictures")  # a fact that the command average records; the option --with


def add_config(group: Any) -> None:
    """One option for each setting of `TrainConfig` and of its parts."""
    for field in (field for part in (TrainConfig, Options, Distortion, Privacy) for field in dataclasses.fields(part)):
        if field.metadata and field.name not in NO_OPTIONS:
            add_setting(group, field)


def add_federation(group: Any) -> None:
    """One option for each setting that a federated training looks at."""
    values = {**FEDERATED.flat(), **dataclasses.asdict(FEDERATED.federated or Federation())}
    for field in (*dataclasses.fields(TrainConfig), *dataclasses.fields(Federation), *dataclasses.fields(Distortion)):
        if field.name in FEDERATED_OPTIONS or (field.metadata and field.name not in TrainConfig.__dataclass_fields__):
            add_setting(group, field, f"default: {describe_value(values[field.name])}")


def add_pruning(group: Any) -> None:
    """One option for each setting by which a pruned network learns again."""
    for field in dataclasses.fields(TrainConfig):
        if field.name in PRUNING_OPTIONS:
            own = field.name not in PRUNING
            add_setting(group, field, "default: the network's own" if own else f"default: {PRUNING[field.name]:g}")


def add_setting(group: Any, field: dataclasses.Field[Any], default: str = "") -> None:
    """`default`: what the setting is if it is not given; without it, what it is in the presets."""
    flag = "--" + field.name.replace("_", "-")
    text = f"{field.metadata['help']} ({default or describe_default(field.name)})"
    choices = sorted(ARCHITECTURES) if field.name == "arch" else field.metadata["choices"]
    if field.type == "bool":
        group.add_argument(flag, action=argparse.BooleanOptionalAction, default=None, help=text)
    elif field.type == "tuple[float, float]":
        group.add_argument(flag, type=float, nargs=2, metavar=("LOW", "HIGH"), help=text)
    elif field.type == "tuple[str, ...]":
        group.add_argument(flag, nargs="*", metavar="NAME", help=text)
    elif field.type == "tuple[int, ...]":
        group.add_argument(flag, type=int, nargs="*", metavar="NUMBER", help=text)
    else:
        parse = {"int": int, "float": float, "str": str}[str(field.type)]
        group.add_argument(flag, type=parse, choices=choices, help=text)


def describe_default(name: str) -> str:
    """What the setting is if it is not given: in every preset, or in each of them."""
    values = {
        preset: describe_value(config.flat()[name]) for preset, config in PRESETS.items() if name in config.flat()
    }
    if len(set(values.values())) == 1:
        return f"default: {next(iter(values.values()))}"
    return "; ".join(f"{preset}: {value}" for preset, value in values.items())


def describe_value(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, tuple):
        return " ".join(map(describe_value, value)) or "none"
    return f"{value:g}" if isinstance(value, float) else str(value) or "none"


def given_settings(arguments: argparse.Namespace) -> dict[str, Any]:
    """Those on the command line, by their names; lists as tuples."""
    values = {name: tuple(value) if isinstance(value, list) else value for name, value in vars(arguments).items()}
    return {name: value for name, value in values.items() if value is not None}


def override(part: Any, given: Mapping[str, Any]) -> Any:
    """A part of a configuration with those of the given settings that it has."""
    names = {field.name for field in dataclasses.fields(part)}
    return dataclasses.replace(part, **{name: value for name, value in given.items() if name in names})


def config_from(arguments: argparse.Namespace, resumed: TrainConfig | None = None) -> TrainConfig:
    """The preset, or the config of the run that is resumed, with the settings that are given on the command line.

    Raises `ConfigError` if a setting is out of its range, or has no effect.
    """
    base = base_config(arguments, resumed)
    given = given_settings(arguments)
    config: TrainConfig = dataclasses.replace(override(base, given), options=override(base.options, given))
    distorts = [field.name for field in dataclasses.fields(Distortion) if field.name in given]
    if distorts and (config.bank or config.own_pictures or arguments.no_distortion):
        flag = "--" + distorts[0].replace("_", "-")
        raise ConfigError(f"{flag}: it has no effect with --bank, --with or --no-distortion")
    bounds = [field.name for field in dataclasses.fields(Privacy) if field.name in given]
    if bounds and not base.privacy:
        raise ConfigError(f"--{bounds[0].replace('_', '-')}: it has no effect without --private")
    distortion = override(base.distortion or Distortion(), given) if base.distortion or distorts else None
    return dataclasses.replace(
        config,
        distortion=None if arguments.no_distortion else distortion,
        privacy=override(base.privacy, given) if base.privacy else None,
    )


def federation_from(arguments: argparse.Namespace) -> TrainConfig:
    """`FEDERATED` with the settings that are given on the command line. Raises `ConfigError`."""
    if arguments.private:
        raise ConfigError("--private: clients are hidden by --clip and --noise-multiplier: give both instead")
    given = given_settings(arguments)
    distortion = None if arguments.no_distortion else override(FEDERATED.distortion, given)
    config: TrainConfig = dataclasses.replace(
        override(FEDERATED, given), federated=override(FEDERATED.federated, given), distortion=distortion
    )
    return config


def pruning_from(arguments: argparse.Namespace) -> TrainConfig:
    """The configuration of the run or version to prune, to learn again. Raises `ConfigError` or `DataError`."""
    own = source_config(arguments.source)
    if own.is_private or own.federated:
        raise ConfigError(f"{arguments.source}: a private or federated network would learn again as neither")
    config = dataclasses.replace(own, **PRUNING, start_from=str(arguments.source))
    pruned: TrainConfig = override(config, given_settings(arguments))
    return pruned


def base_config(arguments: argparse.Namespace, resumed: TrainConfig | None) -> TrainConfig:
    """What the options override. Raises `ConfigError`, or `DataError` if there is no version to adapt."""
    if arguments.own_pictures is not None and not resumed:
        if arguments.preset or not arguments.start_from:
            raise ConfigError("--with: name the version to adapt with --start-from, and no --preset")
        return dataclasses.replace(source_config(Path(arguments.start_from)), **ADAPTATION)
    if arguments.private and (resumed or arguments.own_pictures is not None):
        raise ConfigError("--private: neither --resume nor --with can be private: train into a new folder")
    if resumed and not arguments.preset:
        return resumed
    preset = PRESETS[arguments.preset or ("private" if arguments.private else "digits")]
    if arguments.private and not preset.privacy:
        names = " or ".join(name for name, config in PRESETS.items() if config.privacy)
        raise ConfigError(f"--private: the preset {arguments.preset} is not private: choose {names}")
    return preset
