"""python -m training COMMAND: train, evaluate, export and publish models that read handwritten digits."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from typing import NamedTuple, NoReturn

from app.errors import ModelRefused
from app.runtime import configure_runtime
from training import command_line
from training.commands import evaluating, making
from training.errors import TrainingError
from training.files import describe_os_error

# TensorFlow reads this when it is imported: nothing in its start-up banner helps a user.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")


def main(argv: list[str] | None = None) -> int:
    """Runs one command and returns the exit status: 1 after an error, 130 after Ctrl+C, with one line that says why."""
    arguments = build_parser().parse_args(argv)
    configure_runtime()
    try:
        arguments.run_command(arguments)
    except (ModelRefused, TrainingError) as error:
        return fail(str(error))
    except OSError as error:  # a full disk, a folder without permission
        return fail(describe_os_error(error))
    except MemoryError:
        return fail("there is not enough memory: train with a smaller --batch-size, or end other programs")
    except KeyboardInterrupt:
        print("interrupted: what was complete is kept; make, and train --resume, go on with it", file=sys.stderr)
        return 130
    return 0


def fail(message: str) -> int:
    print(f"error: {' '.join(message.split())}", file=sys.stderr)
    return 1


class Parser(argparse.ArgumentParser):
    """Says what is wrong in one line: the usage of `train` alone has thirty."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"error: {message} (options: {self.prog} --help)\n")


def build_parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog="python -m training",
        description="Train, evaluate, export and publish models that read handwritten digits.",
        epilog="For the options of a command: python -m training COMMAND --help",
    )
    parsers = parser.add_subparsers(required=True, metavar="COMMAND")
    for command in COMMANDS:
        description = f"{command.help[0].upper()}{command.help[1:]}."
        command_parser = parsers.add_parser(command.name, help=command.help, description=description)
        command.add_options(command_parser)
        command_parser.set_defaults(run_command=command.run)
    return parser


class Command(NamedTuple):
    name: str
    help: str
    add_options: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace], None]


COMMANDS = (
    Command("train", "train a network into a run folder", command_line.add_train, making.run_train),
    Command(
        "federate",
        "train a network on digits that many clients keep to themselves",
        command_line.add_federate,
        making.run_federate,
    ),
    Command(
        "pictures",
        "make the synthetic dataset that networks learn from",
        command_line.add_pictures,
        making.run_pictures,
    ),
    Command(
        "average", "average the weights of several runs into a new run", command_line.add_average, making.run_average
    ),
    Command(
        "prefer",
        "say which of several runs is preferred, by validation data",
        command_line.add_prefer,
        making.run_prefer,
    ),
    Command(
        "make", "make a version by its recipe: all steps that are not done yet", command_line.add_make, making.run_make
    ),
    Command(
        "evaluate",
        "print how well a run reads the validation digits",
        command_line.add_evaluate,
        evaluating.run_evaluate,
    ),
    Command(
        "export",
        "write a run as an ONNX file and prove it equal to the Keras model",
        command_line.add_export,
        making.run_export,
    ),
    Command(
        "compress",
        "quantize the graph of a run or a version to int8, and compare both",
        command_line.add_compress,
        making.run_compress,
    ),
    Command(
        "prune",
        "make a network of fewer channels of a run or a version, train it on, and compare both",
        command_line.add_prune,
        making.run_prune,
    ),
    Command("report", "draw a run's diagrams and write its model card", command_line.add_report, evaluating.run_report),
    Command(
        "attack",
        "say how surely an attacker tells which digits a network has learnt from",
        command_line.add_attack,
        evaluating.run_attack,
    ),
    Command("survey", "evaluate a published version on every test set", command_line.add_survey, evaluating.run_survey),
    Command(
        "audit",
        "write the audit of a published version: attacks, fairness, privacy, explanations, lineage",
        command_line.add_audit,
        evaluating.run_audit,
    ),
    Command(
        "pages", "evaluate a published version on pages of several digits", command_line.add_pages, evaluating.run_pages
    ),
    Command(
        "sheets", "evaluate a published version on photographed sheets", command_line.add_sheets, evaluating.run_sheets
    ),
    Command(
        "single-digits",
        "evaluate a published version on pictures of one digit that are hard to prepare",
        command_line.add_single_digits,
        evaluating.run_single_digits,
    ),
    Command(
        "writers",
        "adapt a published version to simulated writers and count what it misreads before and after",
        command_line.add_writers,
        evaluating.run_writers,
    ),
    Command(
        "decoder",
        "train and fit what reads lines out of digits and marks",
        command_line.add_decoder,
        making.run_decoder,
    ),
    Command("publish", "make a run the next version of its model", command_line.add_publish, making.run_publish),
    Command("sign", "sign a version for services with require_signature_by", command_line.add_sign, making.run_sign),
)


if __name__ == "__main__":
    sys.exit(main())
