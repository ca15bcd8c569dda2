"""The commands that make something: datasets, runs, graphs, versions, and the reader of lines."""

from __future__ import annotations

import argparse
import dataclasses
import functools
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from app.repository.version_folders import newest_version
from training import config_options
from training.adaptation.checks import check_adaptation, check_outcome
from training.commands.common import load_version, print_lines
from training.config import TrainConfig
from training.datasets.mnist import Split, load_mnist
from training.distillation.synthetic_dataset import load_validation
from training.errors import CompressionError, ConfigError
from training.federated.checks import check_federation, check_flower
from training.files import write_atomically
from training.networks.checks import check_publishable, check_training
from training.networks.sources import check_average, source_config
from training.privacy.checks import check_private
from training.runs import check_new, check_resumable, check_trained, read_config

if TYPE_CHECKING:
    from app.inference.session import Model

# What loads TensorFlow is imported by the command that needs it: --help does not wait for it.


def run_train(arguments: argparse.Namespace) -> None:
    default = "adapted" if arguments.own_pictures else "private" if arguments.private else "digits"
    run = arguments.out or Path("runs") / (arguments.preset or default)
    resumed = read_config(run) if arguments.resume else None
    config = config_options.config_from(arguments, resumed)
    if resumed and config.privacy:
        raise ConfigError("--resume: the steps of a private run are paid for as one: leave it out to start it again")
    if resumed:
        check_resumable(run, config)
    else:
        check_new(run)
    data = load_mnist(arguments.data_dir)
    if config.own_pictures:
        run_adaptation(arguments, config, data, run)
        return
    check_training(config, data)
    if config.privacy:
        run_private(config, data, run)
        return
    from training.networks.train import train  # after all that can be checked without TensorFlow

    train(config, data, run, resume=arguments.resume)
    print(f"trained: {run}/model.keras; next: python -m training publish {run}")


def run_private(config: TrainConfig, data: Split, run: Path) -> None:
    check_private(config, data)
    from training.privacy.train import train_private

    record = train_private(config, data, run)
    print(f"trained: {run}/model.keras, {record}; next: python -m training publish {run}")


def run_adaptation(arguments: argparse.Namespace, config: TrainConfig, data: Split, run: Path) -> None:
    check_adaptation(config)
    from training.adaptation.adapt import adapt

    outcome = adapt(config, data, run, data_dir=arguments.data_dir, resume=arguments.resume)
    print(outcome)
    print(f"adapted: {run}/model.keras; {outcome.objection or f'next: python -m training publish {run}'}")


def run_federate(arguments: argparse.Namespace) -> None:
    config, run = config_options.federation_from(arguments), arguments.out
    check_new(run)
    if arguments.flower:
        check_flower(config)
    data = load_mnist(arguments.data_dir)
    record = check_federation(config, data)
    if arguments.flower:
        from training.federated.flower import federate_with_flower

        federate_with_flower(config, data, run, arguments.data_dir)
    else:
        from training.federated.rounds import LocalClients, federate

        federate(config, data, run, LocalClients(config, data.train))
    guarantee = f", {record} of each client" if record else ""
    print(f"trained: {run}/model.keras{guarantee}; next: python -m training publish {run}")


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
        print("\n".join(maker.list(arguments.until)))
    else:
        maker.make(arguments.until)


def run_export(arguments: argparse.Namespace) -> None:
    check_trained(arguments.run)
    from training.export import export

    out = arguments.out or arguments.run / "model.onnx"
    exported = export(arguments.run, load_mnist(arguments.data_dir))
    write_atomically(exported.graph, out)
    print(f"exported: {out}, {len(exported.graph):,} bytes; differs from Keras by at most ", end="")
    print(f"{exported.parity.max_abs_difference:.1e} on {exported.parity.data}")


def run_compress(arguments: argparse.Namespace) -> None:
    from app.repository.manifest import INT8_FILE, MANIFEST_FILE
    from training.compression import compress
    from training.evaluation.comparison import survey
    from training.evaluation.testsets import all_test_sets

    source, out = arguments.source, arguments.out
    config = source_config(source)
    bank = config.bank if arguments.bank is None else arguments.bank
    data = load_mnist(arguments.data_dir)
    graph, threshold = graph_of(source, data)
    if not (source / MANIFEST_FILE).exists():
        out = out or source / INT8_FILE
    compressed = compress(graph, data, Path(bank) if bank else None, len(config.labels), private=config.is_private)
    print(compressed.comparison)
    if arguments.survey:
        print_lines("on the test sets", survey(graph, compressed.graph, threshold, data.test, all_test_sets(data.test)))
    compressed.check()
    if out is None:
        print("not written: --out names a file for the int8 graph of a version")
        return
    write_atomically(compressed.graph, out)
    print(f"compressed: {out}")


def run_prune(arguments: argparse.Namespace) -> None:
    config, run = config_options.pruning_from(arguments), arguments.out
    check_new(run)
    data = load_mnist(arguments.data_dir)
    check_training(config, data)
    from training.evaluation.comparison import Pair, compare, survey
    from training.evaluation.testsets import all_test_sets, files
    from training.export import count_multiply_adds
    from training.networks.architectures import build_network
    from training.networks.prune import prune

    prune(config, data, arguments.share, run)
    (before, threshold), (after, _) = (graph_of(source, data) for source in (arguments.source, run))
    validation = {"MNIST validation": data.validation}
    if config.bank:
        validation["synthetic validation pictures"] = load_validation(Path(config.bank))
    networks = [build_network(source_config(source)) for source in (arguments.source, run)]
    comparison = dataclasses.replace(
        compare(before, after, validation, len(config.labels)),
        names=("before", "after"),
        multiply_adds=Pair(*map(count_multiply_adds, networks)),
    )
    print(comparison)
    if arguments.survey or arguments.test:
        test_sets = all_test_sets(data.test) if arguments.survey else [files.mnist_as_png(data.test)]
        print_lines("on the test sets", survey(before, after, threshold, data.test, test_sets))
    if objections := comparison.objections():
        raise CompressionError(f"pruning does not pay: {'; '.join(objections)}; do not publish {run}")
    print(f"pruned: {run}/model.keras; next: python -m training publish {run}")


def graph_of(source: Path, data: Split) -> tuple[bytes, float]:
    """The float32 graph of a run or a version, and its threshold."""
    from app.repository.manifest import MANIFEST_FILE, read_version

    if (source / MANIFEST_FILE).exists():
        manifest, graphs = read_version(source)
        return graphs.float32, manifest.threshold
    from training.export import export

    exported = export(source, data)
    return exported.graph, exported.calibration.threshold


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


def run_decoder(arguments: argparse.Namespace) -> None:
    from training.line_decoding.decoder import DecoderConfig, make_decoder

    config = DecoderConfig(
        arguments.lines, arguments.pages, arguments.epochs, arguments.fitted_lines, arguments.seed, arguments.start
    )
    make_decoder(arguments.data_dir, arguments.model, config, arguments.out)
