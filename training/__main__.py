"""python -m training COMMAND: train, evaluate, export and publish models that read handwritten digits."""

from __future__ import annotations

import argparse
import dataclasses
import functools
import json
import os
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, NoReturn

from app.errors import ModelRefused
from app.repository.version_folders import newest_version
from app.runtime import configure_runtime
from training import command_line
from training.adaptation.checks import check_adaptation, check_outcome
from training.config import TrainConfig
from training.datasets.mnist import Digits, Split, load_mnist
from training.distillation.synthetic_dataset import load_validation
from training.errors import CompressionError, TrainingError
from training.files import describe_os_error, write_atomically
from training.networks.checks import check_publishable, check_training
from training.networks.sources import check_average, source_config
from training.runs import check_new, check_resumable, check_trained, read_config

if TYPE_CHECKING:
    from app.inference.session import Model

# What loads TensorFlow is imported by the command that needs it: --help does not wait for it.

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


def choose_digits(arguments: argparse.Namespace, data: Split) -> tuple[str, Digits]:
    """What `--test` chooses, with its name."""
    return ("MNIST test", data.test) if arguments.test else ("MNIST validation", data.validation)


# --- the commands ---


def run_train(arguments: argparse.Namespace) -> None:
    run = arguments.out or Path("runs") / ("adapted" if arguments.own_pictures else arguments.preset or "digits")
    resumed = read_config(run) if arguments.resume else None
    config = command_line.config_from(arguments, resumed)
    if resumed:
        check_resumable(run, config)
    else:
        check_new(run)
    data = load_mnist(arguments.data_dir)
    if config.own_pictures:
        run_adaptation(arguments, config, data, run)
        return
    check_training(config, data)
    from training.networks.train import train  # after all that can be checked without TensorFlow

    train(config, data, run, resume=arguments.resume)
    print(f"trained: {run}/model.keras; next: python -m training publish {run}")


def run_adaptation(arguments: argparse.Namespace, config: TrainConfig, data: Split, run: Path) -> None:
    check_adaptation(config)
    from training.adaptation.adapt import adapt

    outcome = adapt(config, data, run, data_dir=arguments.data_dir, resume=arguments.resume)
    print(outcome)
    print(f"adapted: {run}/model.keras; {outcome.objection or f'next: python -m training publish {run}'}")


def run_average(arguments: argparse.Namespace) -> None:
    check_average(arguments.runs, arguments.out)
    from training.networks.weight_average import average_weights

    average_weights(arguments.runs, load_mnist(arguments.data_dir), arguments.out)
    print(f"averaged: {arguments.out}/model.keras; next: python -m training publish {arguments.out}")


def run_pictures(arguments: argparse.Namespace) -> None:
    if arguments.source:
        prepare_own_pictures(arguments)
        return
    from training.distillation.synthetic_dataset import Plan
    from training.distillation.workers import make_dataset

    names = [field.name for field in dataclasses.fields(Plan)]
    given = {name: value for name, value in vars(arguments).items() if name in names}
    plan = Plan(**{**given, "teachers": tuple(arguments.teachers)})
    out = arguments.out or Path("runs/bank")
    make_dataset(out, plan)
    print(f"made: {out}; next: python -m training train")


def prepare_own_pictures(arguments: argparse.Namespace) -> None:
    from training.datasets.own_pictures import make_own_pictures

    @functools.cache
    def read_model() -> Model:
        return load_version(arguments.model or newest_version(Path("models"), "digits"))[0]

    out = arguments.out or Path("runs/mine")
    preparation = make_own_pictures(arguments.source, out, read_model)
    for problem in preparation.problems:
        print(f"not used: {problem}", file=sys.stderr)
    print(f"made: {out}, {preparation}; next: python -m training train --start-from VERSION --with {out}")


def run_prefer(arguments: argparse.Namespace) -> None:
    for run in arguments.runs:
        check_trained(run)
    from training.preference import common_pictures, prefer

    pictures = load_validation(arguments.pictures) if arguments.pictures else common_pictures(arguments.runs)
    print("\n".join(prefer(arguments.runs, load_mnist(arguments.data_dir), pictures).table()))


def run_make(arguments: argparse.Namespace) -> None:
    from training.making.maker import Maker
    from training.making.recipe import RECIPES, read_recipe
    from training.making.steps import Places

    recipe = read_recipe(arguments.recipe or RECIPES / f"{arguments.name}.yaml")
    maker = Maker(recipe, arguments.runs, Places(arguments.models, arguments.data_dir))
    if arguments.list:
        print("\n".join(maker.list()))
    else:
        maker.make(arguments.until)


def run_evaluate(arguments: argparse.Namespace) -> None:
    from training.evaluation.metrics import Evaluation

    check_trained(arguments.run)
    from training.calibration import softmax, validation_pictures
    from training.export import calibrate_run, predict, read_run

    data = load_mnist(arguments.data_dir)
    config, model = read_run(arguments.run)
    calibration = calibrate_run(config, model, data.validation, validation_pictures(config))
    name, digits = choose_digits(arguments, data)
    probabilities = softmax(predict(model, digits.images) / calibration.temperature)[:, : len(config.labels)]
    print(f"{name}, calibrated with temperature {calibration.temperature:.3f} on {calibration.data}")
    print(Evaluation.from_predictions(probabilities, digits.labels))


def run_export(arguments: argparse.Namespace) -> None:
    check_trained(arguments.run)
    from training.export import export

    out = arguments.out or arguments.run / "model.onnx"
    exported = export(arguments.run, load_mnist(arguments.data_dir))
    write_atomically(exported.graph, out)
    print(f"exported: {out}, {len(exported.graph):,} bytes; differs from Keras by at most ", end="")
    print(f"{exported.parity.max_abs_difference:.1e} on {exported.parity.data}")


def run_compress(arguments: argparse.Namespace) -> None:
    from app.repository.manifest import INT8_FILE, MANIFEST_FILE, read_version
    from training.compression import compress
    from training.evaluation.precisions import survey
    from training.evaluation.testsets import all_test_sets

    source, out = arguments.source, arguments.out
    config = source_config(source)
    bank = config.bank if arguments.bank is None else arguments.bank
    data = load_mnist(arguments.data_dir)
    if (source / MANIFEST_FILE).exists():
        manifest, graphs = read_version(source)
        graph, threshold = graphs.float32, manifest.threshold
    else:
        from training.export import export

        exported = export(source, data)
        graph, threshold = exported.graph, exported.calibration.threshold
        out = out or source / INT8_FILE
    compressed = compress(graph, data, Path(bank) if bank else None, len(config.labels))
    print(compressed.comparison)
    if arguments.survey:
        print_lines("on the test sets", survey(graph, compressed.graph, threshold, data.test, all_test_sets(data.test)))
    if objections := compressed.comparison.objections():
        raise CompressionError(f"int8 does not pay: {'; '.join(objections)}; nothing was written")
    if out is None:
        print("not written: --out names a file for the int8 graph of a version")
        return
    write_atomically(compressed.graph, out)
    print(f"compressed: {out}")


def run_report(arguments: argparse.Namespace) -> None:
    check_trained(arguments.run)
    from training.export import export
    from training.reporting.report import CARD_FILE, write_report
    from training.reporting.results import evaluate_export

    data = load_mnist(arguments.data_dir)
    exported = export(arguments.run, data)
    name, digits = choose_digits(arguments, data)
    out = arguments.out or arguments.run / "report"
    write_report(evaluate_export(str(arguments.run), arguments.run, exported, name, digits), out)
    print(f"reported: {out / CARD_FILE}")


def run_survey(arguments: argparse.Namespace) -> None:
    from training.evaluation import robustness
    from training.evaluation.testsets import all_test_sets
    from training.reporting import contact_sheet

    digits = load_mnist(arguments.data_dir).test
    model, threshold = load_version(arguments.model)
    results = robustness.evaluate_robustness(model, threshold, digits, all_test_sets(digits))
    print(robustness.format_table(results))
    if arguments.variants:
        print(*(f"\n{robustness.format_variants(result)}" for result in results), sep="\n")
    if arguments.out:
        arguments.out.mkdir(parents=True, exist_ok=True)
        figures = [result.to_dict() for result in results]
        write_atomically(json.dumps(figures, indent=2) + "\n", arguments.out / "survey.json")
        write_atomically(contact_sheet.draw_contact_sheet(results), arguments.out / contact_sheet.FILE)
        print(f"written: {arguments.out}/survey.json and {contact_sheet.FILE}")


def run_pages(arguments: argparse.Namespace) -> None:
    from training.evaluation.constrained import evaluate_constraints
    from training.evaluation.pages import evaluate_pages

    name, digits = choose_digits(arguments, load_mnist(arguments.data_dir))
    model, threshold = load_version(arguments.model)
    if arguments.constraints:
        lines = evaluate_constraints(model, threshold, digits, arguments.pages)
        print_lines(f"numbers of 16 digits read exactly, made of {name} digits", lines)
    else:
        print_lines(
            f"whole pages read correctly, made of {name} digits", evaluate_pages(model, digits, arguments.pages)
        )


def run_sheets(arguments: argparse.Namespace) -> None:
    from training.evaluation.sheets.fields import evaluate_fields
    from training.evaluation.sheets.kinds import evaluate_sheets

    evaluate, things = (
        (evaluate_fields, "fields of forms") if arguments.fields else (evaluate_sheets, "lines of sheets")
    )
    lines = evaluate(*load_version(arguments.model), arguments.sheets, arguments.seed)
    print_lines(f"{things} read exactly; accepted of those, and wrong though accepted", lines)


def run_single_digits(arguments: argparse.Namespace) -> None:
    from training.evaluation.single_digits.kinds import evaluate_single_digits

    name, digits = choose_digits(arguments, load_mnist(arguments.data_dir))
    lines = evaluate_single_digits(*load_version(arguments.model), digits, arguments.pictures, arguments.seed)
    print_lines(f"pictures of one digit read correctly, made of {name} digits", lines)


def load_version(version: Path) -> tuple[Model, float]:
    """A published model on the CPU, and its threshold."""
    from app.inference.session import Model
    from app.repository.manifest import read_version

    manifest, graphs = read_version(version)
    return Model(graphs.float32, device="cpu"), manifest.threshold


def print_lines(title: str, lines: Iterable[str]) -> None:
    """Each as soon as it is known."""
    print(title)
    for line in lines:
        print(line, flush=True)


def run_decoder(arguments: argparse.Namespace) -> None:
    from training.line_decoding.decoder import Amounts, make_decoder

    amounts = Amounts(arguments.lines, arguments.pages, arguments.epochs, arguments.fitted_lines)
    make_decoder(arguments.data_dir, arguments.model, amounts, arguments.seed, arguments.out)


def run_writers(arguments: argparse.Namespace) -> None:
    from training.adaptation.trial import Trial

    trial = Trial(arguments.model, load_mnist(arguments.data_dir), arguments.data_dir, arguments.bank)
    lines = trial.of_all(arguments.out, arguments.seed)
    print_lines("pictures of writers and of everybody else, before and after 50 corrections of each writer", lines)


def run_publish(arguments: argparse.Namespace) -> None:
    check_publishable(arguments.run)
    check_outcome(arguments.run, although_worse=arguments.although_worse)
    from training.evaluation.testsets import all_test_sets
    from training.publish import publish

    data = load_mnist(arguments.data_dir)
    print(f"published: {publish(arguments.run, arguments.models, data, all_test_sets(data.test))}")


def run_sign(arguments: argparse.Namespace) -> None:
    from training.sign import sign

    print(f"signed: {sign(arguments.version, arguments.private_key)}")


class Command(NamedTuple):
    name: str
    help: str
    add_options: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace], None]


COMMANDS = (
    Command("train", "train a network into a run folder", command_line.add_train, run_train),
    Command("pictures", "make the synthetic dataset that networks learn from", command_line.add_pictures, run_pictures),
    Command("average", "average the weights of several runs into a new run", command_line.add_average, run_average),
    Command(
        "prefer", "say which of several runs is preferred, by validation data", command_line.add_prefer, run_prefer
    ),
    Command("make", "make a version by its recipe: all steps that are not done yet", command_line.add_make, run_make),
    Command("evaluate", "print how well a run reads the validation digits", command_line.add_evaluate, run_evaluate),
    Command(
        "export",
        "write a run as an ONNX file and prove it equal to the Keras model",
        command_line.add_export,
        run_export,
    ),
    Command(
        "compress",
        "quantize the graph of a run or a version to int8, and compare both",
        command_line.add_compress,
        run_compress,
    ),
    Command("report", "draw a run's diagrams and write its model card", command_line.add_report, run_report),
    Command("survey", "evaluate a published version on every test set", command_line.add_survey, run_survey),
    Command("pages", "evaluate a published version on pages of several digits", command_line.add_pages, run_pages),
    Command("sheets", "evaluate a published version on photographed sheets", command_line.add_sheets, run_sheets),
    Command(
        "single-digits",
        "evaluate a published version on pictures of one digit that are hard to prepare",
        command_line.add_single_digits,
        run_single_digits,
    ),
    Command(
        "writers",
        "adapt a published version to simulated writers and count what it misreads before and after",
        command_line.add_writers,
        run_writers,
    ),
    Command("decoder", "train and fit what reads lines out of digits and marks", command_line.add_decoder, run_decoder),
    Command("publish", "make a run the next version of its model", command_line.add_publish, run_publish),
    Command("sign", "sign a version for services with require_signature_by", command_line.add_sign, run_sign),
)


if __name__ == "__main__":
    sys.exit(main())
