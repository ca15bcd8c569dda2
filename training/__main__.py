"""python -m training train | pictures | average | evaluate | export | report | survey | pages | publish | sign"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import sys
from pathlib import Path
from typing import Any

from app.errors import ModelRefused
from app.runtime import configure_runtime
from training.config import PRESETS, TEACHERS, Distortion, Options, TrainConfig
from training.datasets.mnist import load_mnist
from training.errors import TrainingError

# What loads TensorFlow is imported where it is used: --help does not wait for it.

# Read before TensorFlow is: its start-up banner says nothing a user can act on.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

CHOICES = {
    "arch": ["cnn", "cnn-wide", "mlp"],
    "activation": ["relu", "sigmoid", "tanh"],
    "optimizer": ["adamw", "adam"],
    "schedule": ["cosine", "constant"],
    "keep": ["best", "last"],
    "distribute": ["none", "mirrored", "multiworker"],
}


def main(argv: list[str] | None = None) -> int:
    arguments = build_parser().parse_args(argv)
    configure_runtime()
    try:
        arguments.run_verb(arguments)
    except (ModelRefused, TrainingError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m training", description=__doc__)
    verbs = parser.add_subparsers(required=True, metavar="VERB")
    for name, text, add_options, run_verb in (
        ("train", "train a network into a run folder", add_train, run_train),
        ("pictures", "make the pictures that runs learn from", add_pictures, run_pictures),
        ("average", "make a run of the mean of other runs' weights", add_average, run_average),
        ("evaluate", "print what a run reaches on the validation digits", add_evaluate, run_evaluate),
        ("export", "write a run as an ONNX file, proven equal", add_export, run_export),
        ("report", "draw a run's pictures and write its card", add_report, run_report),
        ("survey", "print what a published model makes of what people send", add_survey, run_survey),
        ("pages", "print how well a published model reads pages of several digits", add_pages, run_pages),
        ("publish", "make a run the next version of its model", add_publish, run_publish),
        ("sign", "sign a version, for services with require_signature_by", add_sign, run_sign),
    ):
        verb = verbs.add_parser(name, help=text, description=text)
        add_options(verb)
        verb.set_defaults(run_verb=run_verb)
    return parser


# --- what each verb takes --------------------------------------------------------------------------------------------


def add_train(verb: argparse.ArgumentParser) -> None:
    add_data(verb)
    verb.add_argument("--preset", choices=sorted(PRESETS), default="digits", help="the config to start from")
    verb.add_argument("--out", type=Path, help="the run folder (default: runs/PRESET)")
    verb.add_argument("--resume", action="store_true", help="go on from the run folder's checkpoint")
    verb.add_argument("--no-distortion", action="store_true", help="train on the digits as they are")
    add_config_options(verb.add_argument_group("the config, each overriding the preset"))


def add_pictures(verb: argparse.ArgumentParser) -> None:
    add_data(verb)
    verb.add_argument("--out", type=Path, default=Path("runs/bank"), help="the folder to write (default: runs/bank)")
    verb.add_argument("--teachers", nargs="+", default=TEACHERS, metavar="GRAPH", help="label the distorted digits")
    judged = "the share of what they say in the targets of pictures of digits, beside the labels (default: 0.5)"
    verb.add_argument("--judged", type=share, default=0.5, metavar="SHARE", help=judged)


def share(text: str) -> float:
    value = float(text)
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"{text} is no share: give a number from 0 to 1")
    return value


def add_average(verb: argparse.ArgumentParser) -> None:
    add_data(verb)
    verb.add_argument("runs", type=Path, nargs="+", metavar="RUN", help="runs or versions, each begun with another")
    verb.add_argument("--out", type=Path, required=True, help="the run folder to write")


def add_evaluate(verb: argparse.ArgumentParser) -> None:
    add_data(verb)
    add_run(verb)
    add_test(verb)


def add_export(verb: argparse.ArgumentParser) -> None:
    add_data(verb)
    add_run(verb)
    verb.add_argument("--out", type=Path, help="the file to write (default: RUN/model.onnx)")


def add_report(verb: argparse.ArgumentParser) -> None:
    add_data(verb)
    add_run(verb)
    add_test(verb)
    verb.add_argument("--out", type=Path, help="the folder to write (default: RUN/report)")


def add_survey(verb: argparse.ArgumentParser) -> None:
    add_data(verb)
    add_model(verb)
    verb.add_argument("--out", type=Path, help="the folder to write survey.json and kinds.png into (default: neither)")


def add_pages(verb: argparse.ArgumentParser) -> None:
    add_data(verb)
    add_model(verb)
    verb.add_argument("--pages", type=int, default=1000, help="of each kind (default: 1000)")
    add_test(verb)


def add_publish(verb: argparse.ArgumentParser) -> None:
    add_data(verb)
    add_run(verb)
    verb.add_argument("--models", type=Path, default=Path("models"), help="the folder of models (default: models)")


def add_sign(verb: argparse.ArgumentParser) -> None:
    verb.add_argument("version", type=Path, metavar="MODEL_FOLDER", help="models/NAME/VERSION")
    verb.add_argument("--private-key", type=Path, required=True, metavar="KEY", help="PEM: P-256, P-384 or P-521")


def add_data(verb: argparse.ArgumentParser) -> None:
    verb.add_argument("--data-dir", type=Path, help="MNIST's IDX files, gzipped or not (default: MNIST_DIR)")


def add_model(verb: argparse.ArgumentParser) -> None:
    verb.add_argument("model", type=Path, metavar="MODEL", help="the version's folder, as models/digits/7")


def add_run(verb: argparse.ArgumentParser) -> None:
    verb.add_argument("run", type=Path, metavar="RUN", help="the run folder")


def add_test(verb: argparse.ArgumentParser) -> None:
    verb.add_argument("--test", action="store_true", help="on the 10,000 test digits; choose nothing by them")


def add_config_options(group: Any) -> None:
    """One option for each field of `TrainConfig`, of its `Options` and of its `Distortion`."""
    for each in (*dataclasses.fields(TrainConfig), *dataclasses.fields(Options), *dataclasses.fields(Distortion)):
        flag = "--" + each.name.replace("_", "-")
        if each.type == "bool":
            group.add_argument(flag, action=argparse.BooleanOptionalAction, default=None)
        elif each.type == "tuple[float, float]":
            group.add_argument(flag, type=float, nargs=2, metavar=("LEAST", "MOST"))
        elif each.type == "tuple[str, ...]":
            group.add_argument(flag, nargs="*", metavar="GRAPH")
        elif each.name not in ("options", "distortion"):
            kind = {"int": int, "float": float, "str": str}[str(each.type)]
            group.add_argument(flag, type=kind, choices=CHOICES.get(each.name))


def config_from(arguments: argparse.Namespace) -> TrainConfig:
    preset = PRESETS[arguments.preset]
    values = {name: tuple(value) if isinstance(value, list) else value for name, value in vars(arguments).items()}
    given = {name: value for name, value in values.items() if value is not None}

    def changed(part: Any) -> Any:
        names = {each.name for each in dataclasses.fields(part)}
        return dataclasses.replace(part, **{name: value for name, value in given.items() if name in names})

    distortion = None if arguments.no_distortion else preset.distortion and changed(preset.distortion)
    config: TrainConfig = dataclasses.replace(changed(preset), options=changed(preset.options), distortion=distortion)
    return config


# --- what each verb does ---------------------------------------------------------------------------------------------


def run_train(arguments: argparse.Namespace) -> None:
    from training.networks.train import train

    config = config_from(arguments)
    run = arguments.out or Path("runs") / arguments.preset
    train(config, load_mnist(arguments.data_dir), run, resume=arguments.resume)
    print(f"trained: {run}/model.keras; next: python -m training publish {run}")


def run_average(arguments: argparse.Namespace) -> None:
    from training.networks.weight_average import average

    average(arguments.runs, load_mnist(arguments.data_dir), arguments.out)
    print(f"averaged: {arguments.out}/model.keras; next: python -m training publish {arguments.out}")


def run_pictures(arguments: argparse.Namespace) -> None:
    from training.distillation.synthetic_dataset import Plan, make

    make(arguments.out, Plan(tuple(arguments.teachers), judged=arguments.judged, data_dir=arguments.data_dir))
    print(f"made: {arguments.out}; next: python -m training train")


def run_evaluate(arguments: argparse.Namespace) -> None:
    from training.evaluation.metrics import CLASSES, Evaluation
    from training.export import fit_temperature, predict, read_run, softmax

    data = load_mnist(arguments.data_dir)
    _, model = read_run(arguments.run)
    temperature = fit_temperature(predict(model, data.validation.images), data.validation)
    name, digits = ("MNIST test", data.test) if arguments.test else ("MNIST validation", data.validation)
    probabilities = softmax(predict(model, digits.images) / temperature)[:, :CLASSES]
    print(f"{name}, calibrated with temperature {temperature:.3f}")
    print(Evaluation.of(probabilities, digits.labels))


def run_export(arguments: argparse.Namespace) -> None:
    from training.export import export, write

    out = arguments.out or arguments.run / "model.onnx"
    exported = export(arguments.run, load_mnist(arguments.data_dir))
    write(exported.graph, out)
    print(f"exported: {out}, {len(exported.graph):,} bytes; differs from Keras by at most ", end="")
    print(f"{exported.parity.max_abs_difference:.1e} on {exported.parity.data}")


def run_report(arguments: argparse.Namespace) -> None:
    from training.export import export
    from training.publish import examine
    from training.reporting.report import CARD, report

    data = load_mnist(arguments.data_dir)
    exported = export(arguments.run, data)
    name, digits = ("MNIST test", data.test) if arguments.test else ("MNIST validation", data.validation)
    out = arguments.out or arguments.run / "report"
    report(examine(str(arguments.run), arguments.run, exported, name, digits), out)
    print(f"reported: {out / CARD}")


def run_survey(arguments: argparse.Namespace) -> None:
    from app.inference.session import Model
    from app.repository.manifest import read_version
    from training.evaluation import robustness as survey
    from training.evaluation.testsets import all_kinds
    from training.reporting import contact_sheet

    digits = load_mnist(arguments.data_dir).test
    manifest, graph = read_version(arguments.model)
    outcomes = survey.survey(Model(graph, device="cpu"), manifest.threshold, digits, all_kinds(digits))
    print(survey.table(outcomes))
    if arguments.out:
        arguments.out.mkdir(parents=True, exist_ok=True)
        (arguments.out / "survey.json").write_text(json.dumps([each.to_dict() for each in outcomes], indent=2) + "\n")
        (arguments.out / contact_sheet.FILE).write_bytes(contact_sheet.contact_sheet(outcomes))
        print(f"written: {arguments.out}/survey.json and {contact_sheet.FILE}")


def run_pages(arguments: argparse.Namespace) -> None:
    from app.inference.session import Model
    from app.repository.manifest import read_version
    from training.evaluation.pages import measure

    data = load_mnist(arguments.data_dir)
    name, digits = ("MNIST test", data.test) if arguments.test else ("MNIST validation", data.validation)
    _, graph = read_version(arguments.model)
    print(f"whole pages read right, made of {name} digits")
    for line in measure(Model(graph, device="cpu"), digits, arguments.pages):
        print(line, flush=True)


def run_publish(arguments: argparse.Namespace) -> None:
    from training.evaluation.testsets import all_kinds
    from training.publish import publish

    data = load_mnist(arguments.data_dir)
    print(f"published: {publish(arguments.run, arguments.models, data, all_kinds(data.test))}")


def run_sign(arguments: argparse.Namespace) -> None:
    from training.sign import sign

    print(f"signed: {sign(arguments.version, arguments.private_key)}")


if __name__ == "__main__":
    sys.exit(main())
