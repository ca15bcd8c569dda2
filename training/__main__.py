"""python -m training train | evaluate | export | report | publish"""

from __future__ import annotations

import argparse
import dataclasses
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from training.data import DataError, load

# What loads TensorFlow is imported where it is used: --help does not wait for it.
if TYPE_CHECKING:
    from training.train import TrainConfig

# Read before TensorFlow is: its start-up banner says nothing a user can act on.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

CHOICES = {
    "arch": ["cnn", "mlp"],
    "activation": ["relu", "sigmoid", "tanh"],
    "optimizer": ["adamw", "adam"],
    "schedule": ["cosine", "constant"],
    "distribute": ["none", "mirrored", "multiworker"],
}


def main(argv: list[str] | None = None) -> int:
    argv = sys.argv[1:] if argv is None else argv
    arguments = build_parser(argv).parse_args(argv)
    from training.export import ExportError

    try:
        arguments.run_verb(arguments)
    except (DataError, ExportError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def build_parser(argv: list[str]) -> argparse.ArgumentParser:
    """The parser for `argv`: only the verbs in it get their options."""
    parser = argparse.ArgumentParser(prog="python -m training", description=__doc__)
    verbs = parser.add_subparsers(required=True, metavar="VERB")
    for name, (text, add_options, run_verb) in VERBS.items():
        verb = verbs.add_parser(name, help=text, description=text)
        verb.set_defaults(run_verb=run_verb)
        if name in argv:
            add_options(verb)
            verb.add_argument("--data-dir", type=Path, help="MNIST's IDX files, gzipped or not (default: MNIST_DIR)")
    return parser


def add_train_options(verb: argparse.ArgumentParser) -> None:
    from training.train import PRESETS

    verb.add_argument("--preset", choices=sorted(PRESETS), default="digits", help="the config to start from")
    verb.add_argument("--out", type=Path, help="the run folder (default: runs/NAME)")
    verb.add_argument("--resume", action="store_true", help="go on from the run folder's checkpoint")
    verb.add_argument("--no-distortion", action="store_true", help="train on the digits as they are")
    add_config_options(verb.add_argument_group("the config, each overriding the preset"))


def add_config_options(group: Any) -> None:
    """One option for each plain field of `TrainConfig` and of its `Options`."""
    from training.architectures import Options
    from training.train import TrainConfig

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
    from training.architectures import Options
    from training.train import PRESETS, TrainConfig

    preset = PRESETS[arguments.preset]
    given = {name: value for name, value in vars(arguments).items() if value is not None}
    options = {f.name: given[f.name] for f in dataclasses.fields(Options) if f.name in given}
    plain = {f.name: given[f.name] for f in dataclasses.fields(TrainConfig) if f.name in given}
    if arguments.no_distortion:
        plain["distortion"] = None
    return dataclasses.replace(preset, options=dataclasses.replace(preset.options, **options), **plain)


def run_train(arguments: argparse.Namespace) -> None:
    from training.train import train

    config = config_from(arguments)
    run = arguments.out or Path("runs") / config.name
    train(config, load(arguments.data_dir), run, resume=arguments.resume)
    print(f"trained: {run}/model.keras; next: python -m training publish {run}")


def add_evaluate_options(verb: argparse.ArgumentParser) -> None:
    add_run(verb)
    verb.add_argument("--test", action="store_true", help="on the 10,000 test digits; choose nothing by them")


def run_evaluate(arguments: argparse.Namespace) -> None:
    from training.evaluate import Evaluation
    from training.export import fit_temperature, predict, read_run, softmax

    data = load(arguments.data_dir)
    _, model = read_run(arguments.run)
    temperature = fit_temperature(predict(model, data.validation.images), data.validation)
    name, digits = ("MNIST test", data.test) if arguments.test else ("MNIST validation", data.validation)
    probabilities = softmax(predict(model, digits.images) / temperature)
    print(f"{name}, calibrated with temperature {temperature:.3f}")
    print(Evaluation.of(probabilities, digits.labels))


def add_export_options(verb: argparse.ArgumentParser) -> None:
    add_run(verb)
    verb.add_argument("--out", type=Path, help="the file to write (default: RUN/model.onnx)")


def run_export(arguments: argparse.Namespace) -> None:
    from training.export import export, write

    out = arguments.out or arguments.run / "model.onnx"
    exported = export(arguments.run, load(arguments.data_dir))
    write(exported.graph, out)
    print(f"exported: {out}, {len(exported.graph):,} bytes; differs from Keras by at most ", end="")
    print(f"{exported.parity.max_abs_difference:.1e} on {exported.parity.data}")


def add_report_options(verb: argparse.ArgumentParser) -> None:
    add_evaluate_options(verb)
    verb.add_argument("--out", type=Path, help="the folder to write (default: RUN/report)")


def run_report(arguments: argparse.Namespace) -> None:
    from training.export import export
    from training.publish import examine
    from training.report import CARD, report

    data = load(arguments.data_dir)
    exported = export(arguments.run, data)
    name, digits = ("MNIST test", data.test) if arguments.test else ("MNIST validation", data.validation)
    out = arguments.out or arguments.run / "report"
    report(examine(str(arguments.run), arguments.run, exported, name, digits), out)
    print(f"reported: {out / CARD}")


def add_publish_options(verb: argparse.ArgumentParser) -> None:
    add_run(verb)
    verb.add_argument("--models", type=Path, default=Path("models"), help="the folder of models (default: models)")


def run_publish(arguments: argparse.Namespace) -> None:
    from training.publish import publish

    print(f"published: {publish(arguments.run, arguments.models, load(arguments.data_dir))}")


def add_run(verb: argparse.ArgumentParser) -> None:
    verb.add_argument("run", type=Path, metavar="RUN", help="the run folder")


Verb = tuple[str, Callable[[argparse.ArgumentParser], None], Callable[[argparse.Namespace], None]]
VERBS: dict[str, Verb] = {
    "train": ("train a network into a run folder", add_train_options, run_train),
    "evaluate": ("print what a run reaches on the validation digits", add_evaluate_options, run_evaluate),
    "export": ("write a run as an ONNX file, proven equal", add_export_options, run_export),
    "report": ("draw a run's pictures and write its card", add_report_options, run_report),
    "publish": ("make a run the next version of its model", add_publish_options, run_publish),
}

if __name__ == "__main__":
    sys.exit(main())
