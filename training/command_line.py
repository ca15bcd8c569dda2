"""The options of each command."""

from __future__ import annotations

import argparse
import dataclasses
from pathlib import Path

from training.config_options import add_config, add_federation, add_pruning
from training.distillation.synthetic_dataset import Plan
from training.presets import PRESETS, TEACHERS


def add_train(parser: argparse.ArgumentParser) -> None:
    add_data(parser)
    parser.add_argument("--out", type=Path, help="run folder to write, a new one (default: runs/PRESET)")
    parser.add_argument(
        "--resume",
        action="store_true",
        help="continue the run in the folder, by its own configuration; options that contradict it are refused",
    )
    parser.add_argument(
        "--with",
        dest="own_pictures",
        metavar="FOLDER",
        help="adapt the published version of --start-from to the pictures in this folder, which `pictures --from` made",
    )
    add_configuration(parser)


def add_federate(parser: argparse.ArgumentParser) -> None:
    add_data(parser)
    parser.add_argument("--out", type=Path, default=Path("runs/federated"), help="run folder to write, a new one")
    parser.add_argument(
        "--flower", action="store_true", help="run each client as a process, connected by Flower: see make federated"
    )
    parser.add_argument("--private", action="store_true", help=argparse.SUPPRESS)  # names the options that hide clients
    parser.add_argument("--no-distortion", action="store_true", help="do not distort the clients' digits")
    add_federation(parser.add_argument_group("configuration", "An epoch is a round of all or the sampled clients."))


def add_pictures(parser: argparse.ArgumentParser) -> None:
    add_data(parser)
    parser.add_argument(
        "--from",
        dest="source",
        type=Path,
        metavar="SOURCE",
        help="prepare your own pictures instead: folders 0 to 9 and none, a CSV table with the columns file and label, "
        "or the corrections that a service has kept",
    )
    parser.add_argument("--out", type=Path, help="folder to write (default: runs/bank, or runs/mine with --from)")
    parser.add_argument(
        "--model",
        type=Path,
        metavar="VERSION",
        help="version that cuts pictures of several digits (default: the newest in models/digits)",
    )
    parser.add_argument(
        "--teachers",
        nargs="+",
        default=TEACHERS,
        metavar="GRAPH",
        help=f"ONNX graphs whose predictions become the soft targets (default: {' '.join(TEACHERS)})",
    )
    for field in dataclasses.fields(Plan):
        if field.metadata:
            flag, text = "--" + field.name.replace("_", "-"), f"{field.metadata['help']} (default: {field.default})"
            parser.add_argument(flag, type=type(field.default), default=field.default, metavar="NUMBER", help=text)


def add_average(parser: argparse.ArgumentParser) -> None:
    add_data(parser)
    parser.add_argument(
        "runs", type=Path, nargs="+", metavar="RUN", help="runs or published versions, each started from another"
    )
    parser.add_argument("--out", type=Path, required=True, help="run folder to write")


def add_prefer(parser: argparse.ArgumentParser) -> None:
    add_data(parser)
    parser.add_argument(
        "runs", type=Path, nargs="+", metavar="RUN", help="runs; of equally good ones the first is preferred"
    )
    parser.add_argument(
        "--pictures",
        type=Path,
        metavar="FOLDER",
        help="synthetic dataset whose validation pictures decide (default: the one that all the runs learnt from)",
    )


def add_make(parser: argparse.ArgumentParser) -> None:
    add_data(parser)
    parser.add_argument("name", nargs="?", default="digits", metavar="NAME", help="recipe to make (default: digits)")
    parser.add_argument(
        "--recipe", type=Path, metavar="FILE", help="the recipe's file (default: training/recipes/NAME.yaml)"
    )
    parser.add_argument(
        "--runs", type=Path, default=Path("runs"), help="folder for what the steps make (default: runs)"
    )
    parser.add_argument("--models", type=Path, default=Path("models"), help="folder of all models (default: models)")
    parser.add_argument("--until", metavar="STEP", help="last step to make (default: all)")
    parser.add_argument("--list", action="store_true", help="print the steps and which are made, and make none")


def add_evaluate(parser: argparse.ArgumentParser) -> None:
    add_data(parser)
    add_run(parser)
    add_test(parser)


def add_export(parser: argparse.ArgumentParser) -> None:
    add_data(parser)
    add_run(parser)
    parser.add_argument("--out", type=Path, help="file to write (default: RUN/model.onnx)")


def add_compress(parser: argparse.ArgumentParser) -> None:
    add_data(parser)
    add_source(parser)
    parser.add_argument(
        "--bank",
        help="synthetic dataset to calibrate and validate on, '' for none (default: that of the configuration)",
    )
    parser.add_argument(
        "--survey", action="store_true", help="compare on every test set too; choose nothing by the result"
    )
    parser.add_argument(
        "--out", type=Path, help="file to write (default: RUN/model.int8.onnx; of a version: write nothing)"
    )


def add_prune(parser: argparse.ArgumentParser) -> None:
    add_data(parser)
    add_source(parser)
    parser.add_argument("--share", type=float, default=0.5, help="of the multiply-adds that is left (default: 0.5)")
    add_test(parser, "compare on the 10,000 test digits too; choose nothing by the result")
    parser.add_argument("--survey", action="store_true", help="compare on every test set; choose nothing by the result")
    parser.add_argument("--out", type=Path, default=Path("runs/pruned"), help="run folder to write, a new one")
    add_pruning(parser.add_argument_group("configuration", "The network's own recipe holds for everything else."))


def add_report(parser: argparse.ArgumentParser) -> None:
    add_data(parser)
    add_run(parser)
    add_test(parser)
    parser.add_argument("--out", type=Path, help="folder to write (default: RUN/report)")


def add_attack(parser: argparse.ArgumentParser) -> None:
    add_data(parser)
    parser.add_argument("--models", type=int, default=32, help="networks to train and to attack (default: 32)")
    parser.add_argument(
        "--digits",
        type=int,
        default=10_000,
        help="training digits in the pool, of which each network learns from half (default: 10000)",
    )
    parser.set_defaults(own_pictures=None)
    add_configuration(parser)


def add_survey(parser: argparse.ArgumentParser) -> None:
    add_data(parser)
    add_model(parser)
    parser.add_argument("--variants", action="store_true", help="print a row for each variant of a test set, too")
    parser.add_argument("--out", type=Path, help="folder for survey.json and kinds.png (default: write neither)")


def add_pages(parser: argparse.ArgumentParser) -> None:
    add_data(parser)
    add_model(parser)
    parser.add_argument("--pages", type=int, default=1000, help="number of pages of each layout (default: 1000)")
    parser.add_argument(
        "--constraints", action="store_true", help="evaluate on numbers of 16 digits, under constraints"
    )
    add_test(parser)


def add_sheets(parser: argparse.ArgumentParser) -> None:
    add_model(parser)
    parser.add_argument("--sheets", type=int, default=40, help="number of sheets of each kind (default: 40)")
    parser.add_argument("--seed", type=int, default=1, help="of the sheets: develop with others than you report")
    parser.add_argument(
        "--fields", action="store_true", help="evaluate on filled-in forms, by the fields of a template"
    )


def add_single_digits(parser: argparse.ArgumentParser) -> None:
    add_data(parser)
    add_model(parser)
    parser.add_argument("--pictures", type=int, default=300, help="number of pictures of each kind (default: 300)")
    parser.add_argument("--seed", type=int, default=1, help="of the pictures: develop with others than you report")
    add_test(parser)


def add_writers(parser: argparse.ArgumentParser) -> None:
    add_data(parser)
    add_model(parser)
    parser.add_argument("--out", type=Path, required=True, help="new folder for the writers' pictures and runs")
    parser.add_argument("--bank", default="", metavar="FOLDER", help="synthetic dataset to take from, as for `train`")
    parser.add_argument("--seed", type=int, default=1, help="of the pictures: develop with others than you report")


def add_decoder(parser: argparse.ArgumentParser) -> None:
    add_data(parser)
    add_model(parser)
    parser.add_argument("--lines", type=int, default=24_000, help="that the network learns from (default: 24000)")
    parser.add_argument("--pages", type=int, default=4800, help="that it learns from beside them (default: 4800)")
    parser.add_argument("--epochs", type=int, default=10, help="of the network (default: 10)")
    parser.add_argument(
        "--fitted-lines",
        type=int,
        default=800,
        help="that the weights are fitted to, beside pages and sheets (default: 800)",
    )
    parser.add_argument("--seed", type=int, default=1, help="of the lines and the training (default: 1)")
    parser.add_argument("--start", type=Path, help="kinds.npz of a network to train further (default: a new network)")
    parser.add_argument(
        "--out",
        type=Path,
        default=Path("runs/decoder"),
        help="folder for kinds.npz and weights.json (default: runs/decoder); the service's are in "
        "app/segmentation/decoding",
    )


def add_audit(parser: argparse.ArgumentParser) -> None:
    add_data(parser)
    add_model(parser)
    parser.add_argument("--out", type=Path, help="folder to write (default: the version's folder, unless it is signed)")
    parser.add_argument(
        "--quick", action="store_true", help="measure on few pictures, to test the audit itself; needs --out"
    )
    parser.add_argument(
        "--public-key", type=Path, metavar="KEY", help="PEM file of the key that the version's signature must be of"
    )


def add_publish(parser: argparse.ArgumentParser) -> None:
    add_data(parser)
    add_run(parser)
    parser.add_argument("--models", type=Path, default=Path("models"), help="folder of all models (default: models)")
    parser.add_argument(
        "--although-worse", action="store_true", help="publish an adapted run that reads something worse than before"
    )


def add_sign(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("version", type=Path, metavar="VERSION", help="folder of the version, such as models/digits/8")
    parser.add_argument(
        "--private-key", type=Path, required=True, metavar="KEY", help="PEM file with a P-256, P-384 or P-521 key"
    )


# --- options that several commands share ---


def add_data(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--data-dir",
        type=Path,
        help="folder of MNIST's four IDX files, gzipped or not (default: MNIST_DIR; without it, MNIST is downloaded)",
    )


def add_configuration(parser: argparse.ArgumentParser) -> None:
    """What `config_options.config_from` makes a configuration of."""
    parser.add_argument("--preset", choices=sorted(PRESETS), help="configuration to start from (default: digits)")
    parser.add_argument(
        "--private",
        action="store_true",
        help="train with differential privacy; the preset is private unless one is given",
    )
    parser.add_argument("--no-distortion", action="store_true", help="do not distort MNIST's digits")
    add_config(parser.add_argument_group("configuration", "Each option overrides the preset."))


def add_model(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", type=Path, metavar="VERSION", help="folder of the version, such as models/digits/8")


def add_source(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "source",
        type=Path,
        metavar="RUN_OR_VERSION",
        help="run folder, or folder of a version, such as models/digits/8",
    )


def add_run(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run", type=Path, metavar="RUN", help="run folder, such as runs/digits")


def add_test(
    parser: argparse.ArgumentParser,
    text: str = "use the 10,000 test digits instead of the validation digits; choose nothing by the result",
) -> None:
    parser.add_argument("--test", action="store_true", help=text)
