"""The commands that evaluate runs and versions."""

from __future__ import annotations

import argparse
import json

from training import config_options
from training.commands.common import load_version, print_lines
from training.datasets.mnist import Digits, Split, load_mnist
from training.errors import ConfigError
from training.files import write_atomically
from training.privacy.checks import check_attack
from training.runs import check_trained

# What loads TensorFlow is imported by the command that needs it: --help does not wait for it.


def choose_digits(arguments: argparse.Namespace, data: Split) -> tuple[str, Digits]:
    """What `--test` chooses, with its name."""
    return ("MNIST test", data.test) if arguments.test else ("MNIST validation", data.validation)


# --- the commands ---


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


def run_attack(arguments: argparse.Namespace) -> None:
    config = config_options.config_from(arguments)
    data = load_mnist(arguments.data_dir)
    check_attack(config, data, arguments.digits)
    from training.privacy.shadow_models import attack_configuration

    print(attack_configuration(config, data, arguments.models, arguments.digits))


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


def run_audit(arguments: argparse.Namespace) -> None:
    from training.audit.lineage import check_unsigned

    out = arguments.out or arguments.model
    if arguments.quick and out.resolve() == arguments.model.resolve():
        raise ConfigError("--quick: its figures say nothing about the version: name another folder with --out")
    if arguments.out is None:
        check_unsigned(arguments.model)
    load_version(arguments.model)  # refuses a damaged version before anything slow
    data = load_mnist(arguments.data_dir)
    from training.audit.audit import REPORT_FILE, audit  # after all that can be checked without TensorFlow
    from training.audit.subject import Subject

    subject = Subject.read(arguments.model, data)
    summary = audit(subject, out, quick=arguments.quick, public_key=arguments.public_key)
    for finding in summary.findings:
        print(f"found: {finding}")
    for title, reason in summary.not_run.items():
        print(f"not run: {title}: {reason}")
    print(f"audited: {out / REPORT_FILE}")


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


def run_writers(arguments: argparse.Namespace) -> None:
    from training.adaptation.trial import Trial

    trial = Trial(arguments.model, load_mnist(arguments.data_dir), arguments.data_dir, arguments.bank)
    lines = trial.of_all(arguments.out, arguments.seed)
    print_lines("pictures of writers and of everybody else, before and after 50 corrections of each writer", lines)
