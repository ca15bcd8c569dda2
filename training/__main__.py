"""python -m training train | evaluate | export | report | publish"""

from __future__ import annotations

import argparse
import dataclasses
import os
import sys
from pathlib import Path
from typing import Any

# Read before TensorFlow is: its start-up banner says nothing a user can act on.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from training.architectures import ARCHITECTURES, Options
from training.data import DataError, load
from training.train import PRESETS, TrainConfig, train

CHOICES = {
    "arch": sorted(ARCHITECTURES),
    "activation": ["relu", "sigmoid", "tanh"],
    "optimizer": ["adamw", "adam"],
    "schedule": ["cosine", "constant"],
    "distribute": ["none", "mirrored", "multiworker"],
}


def main(argv: list[str] | None = None) -> int:
    arguments = build_parser().parse_args(argv)
    try:
        arguments.run_verb(arguments)
    except DataError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m training", description=__doc__)
    verbs = parser.add_subparsers(required=True, metavar="VERB")

    verb = verbs.add_parser("train", help="train a network into a run folder")
    verb.add_argument("--preset", choices=sorted(PRESETS), default="digits", help="the config to start from")
    verb.add_argument("--out", type=Path, help="the run folder (default: runs/NAME)")
    verb.add_argument("--data-dir", type=Path, help="MNIST's IDX files, gzipped or not (default: MNIST_DIR)")
    verb.add_argument("--resume", action="store_true", help="go on from the run folder's checkpoint")
    verb.add_argument("--no-distortion", action="store_true", help="train on the digits as they are")
    add_config_options(verb.add_argument_group("the config, each overriding the preset"))
    verb.set_defaults(run_verb=run_train)
    return parser


def add_config_options(group: Any) -> None:
    """One option for each plain field of `TrainConfig` and of its `Options`."""
    for each in (*dataclasses.fields(TrainConfig), *dataclasses.fields(Options)):
        if each.name in ("options", "distortion"):
            continue
        flag = "--" + each.name.replace("_", "-")
        if each.type == "bool":
            group.add_argument(flag, action=argparse.BooleanOptionalAction, default=None)
        else:
            kind = {"int": int, "float": float, "str": str}[str(each.type)]
            group.add_argument(flag, type=kind, choices=CHOICES.get(each.name))


def config_from(arguments: argparse.Namespace) -> TrainConfig:
    preset = PRESETS[arguments.preset]
    given = {name: value for name, value in vars(arguments).items() if value is not None}
    options = {f.name: given[f.name] for f in dataclasses.fields(Options) if f.name in given}
    plain = {f.name: given[f.name] for f in dataclasses.fields(TrainConfig) if f.name in given}
    if arguments.no_distortion:
        plain["distortion"] = None
    return dataclasses.replace(preset, options=dataclasses.replace(preset.options, **options), **plain)


def run_train(arguments: argparse.Namespace) -> None:
    config = config_from(arguments)
    run = arguments.out or Path("runs") / config.name
    train(config, load(arguments.data_dir), run, resume=arguments.resume)
    print(f"trained: {run}/model.keras; next: python -m training publish {run}")


if __name__ == "__main__":
    sys.exit(main())
