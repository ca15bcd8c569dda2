"""The kinds of steps: what each takes and makes, how its settings are checked, and the function that does it.

What loads TensorFlow is imported by the functions that do a step, each in a process of its own.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import re
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from app.repository.manifest import GRAPH_FILE, INT8_FILE
from training.config import Distortion, Options, TrainConfig
from training.config_options import config_from
from training.datasets.mnist import load_mnist
from training.distillation.synthetic_dataset import Plan, load_validation
from training.errors import ConfigError
from training.files import write_atomically
from training.making.steps import Output, Step, Task
from training.networks.checks import check_architecture
from training.networks.sources import check_weights_fit
from training.presets import PRESETS
from training.runs import CONFIG_FILE, DATA_FILE, HISTORY_FILE, MODEL_FILE, SEEN_FILE, read_config

PREFERENCE_FILE = "preference.txt"
TEACHERS = "teachers"  # the setting of a dataset that names published versions
TEACHERS_FOLDER = "teachers"  # in the folder of a dataset: the graphs of the runs that it learnt from
FROM_INPUTS = {"bank", "start_from", "mean_of"}  # settings that follow from the inputs of a step
MANY = 99

TRAIN_SETTINGS = frozenset(
    field.name for part in (TrainConfig, Options, Distortion) for field in dataclasses.fields(part) if field.metadata
)


@dataclass(frozen=True)
class Kind:
    output: Output
    takes: Mapping[Output, tuple[int, int]]  # how many inputs of each kind, at least and at most
    settings: frozenset[str]  # their names
    check: Callable[[Step], None]  # raises `ConfigError`
    make: Callable[[Task], Path]  # returns the folder with the result


# --- train ---


def run_config(step: Step, start_from: str, bank: str) -> TrainConfig:
    """The configuration of a run. Raises `ConfigError`."""
    preset = step.settings.get("preset", "digits")
    if preset not in PRESETS:
        raise ConfigError(f"preset {preset}: choose from {', '.join(PRESETS)}")
    if PRESETS[preset].bank and not bank:
        raise ConfigError(f"from: the preset {preset} learns from a dataset: name the step that makes it")
    given = {**step.settings, "preset": preset, "start_from": start_from, "bank": bank}
    return config_from(argparse.Namespace(no_distortion=False, own_pictures=None, private=False, **given))


def check_train(step: Step) -> None:
    config = config_of(step)
    if config.is_private:
        raise ConfigError(
            f"preset {step.settings['preset']}: no step trains privately: use python -m training train --private"
        )
    check_architecture(config)
    for source in step.inputs_that_are("run"):
        check_weights_fit(source.name, config_of(source), config, wider=True)
    for dataset in step.inputs_that_are("dataset"):
        plan = plan_of(dataset)
        missing = [kind for kind in config.bank_shares() if not getattr(plan, kind, 0)]
        if missing:
            raise ConfigError(f"bank_parts: {dataset.name} has no shards of the kind {', '.join(missing)}")


def config_of(step: Step) -> TrainConfig:
    """That of the run that a step makes; of a mean or a choice, that of its last run."""
    if step.kind != "train":
        return config_of(step.inputs_that_are("run")[-1])
    sources, datasets = step.inputs_that_are("run"), step.inputs_that_are("dataset")
    return run_config(step, sources[0].name if sources else "", datasets[0].name if datasets else "")


def make_run(task: Task) -> Path:
    from training.networks.train import train

    sources, datasets = task.folders("run"), task.folders("dataset")
    config = run_config(task.step, str(sources[0]) if sources else "", str(datasets[0]) if datasets else "")
    train(config, load_mnist(task.places.data_dir), task.out, resume=(task.out / CONFIG_FILE).exists())
    return task.out


# --- dataset ---


def plan_of(step: Step) -> Plan:
    """Without its teachers. Raises `ConfigError`."""
    return Plan(teachers=(), **{name: value for name, value in step.settings.items() if name != TEACHERS})


def check_dataset(step: Step) -> None:
    plan_of(step)
    versions = step.settings.get(TEACHERS, [])
    if not isinstance(versions, list) or not all(re.fullmatch(r"[\w.-]+/[1-9]\d*", str(name)) for name in versions):
        raise ConfigError(f"{TEACHERS}: {versions!r} is no list of versions, such as [digits/8]")
    if not (versions or step.inputs):
        raise ConfigError(f"the dataset has no teacher: name runs with from, or versions with {TEACHERS}")


def make_shards(task: Task) -> Path:
    """The teachers are the runs that the step takes, and the published versions that it names."""
    from training.distillation.workers import make_dataset

    data_dir = task.places.data_dir
    runs = [export_teacher(run, task) for run in task.folders("run")]
    versions = [task.places.models / name / GRAPH_FILE for name in task.step.settings.get(TEACHERS, [])]
    teachers = tuple(map(str, (*runs, *versions)))
    make_dataset(task.out, dataclasses.replace(plan_of(task.step), teachers=teachers, data_dir=data_dir))
    return task.out


def export_teacher(run: Path, task: Task) -> Path:
    from training.export import export

    graph = task.out / TEACHERS_FOLDER / f"{run.name}.onnx"
    if not graph.exists():
        write_atomically(export(run, load_mnist(task.places.data_dir)).graph, graph)
    return graph


# --- average, prefer, compress, publish ---


def check_average(step: Step) -> None:
    *others, last = step.inputs
    for other in others:
        check_weights_fit(other.name, config_of(other), config_of(last))


def make_average(task: Task) -> Path:
    from training.networks.weight_average import average_weights

    if not task.out.exists():
        with all_or_nothing(task.out) as scratch:
            average_weights(task.folders("run"), load_mnist(task.places.data_dir), scratch)
    return task.out


def make_choice(task: Task) -> Path:
    """A copy of the run that is preferred: a run as any other."""
    from training.preference import common_pictures, prefer

    if task.out.exists():
        return task.out
    runs, datasets = task.folders("run"), task.folders("dataset")
    pictures = load_validation(datasets[0]) if datasets else common_pictures(runs)
    preference = prefer(runs, load_mnist(task.places.data_dir), pictures)
    table = "\n".join(preference.table())
    print(table, flush=True)
    with all_or_nothing(task.out) as scratch:
        copy_run(preference.preferred.run, scratch)
        write_atomically(table + "\n", scratch / PREFERENCE_FILE)
    return task.out


def make_compressed(task: Task) -> Path:
    """A copy of the run with its int8 graph. Raises `CompressionError` if that does not pay."""
    from training.compression import compress
    from training.export import export

    if task.out.exists():
        return task.out
    (run,) = task.folders("run")
    config, data = read_config(run), load_mnist(task.places.data_dir)
    graph = export(run, data).graph
    compressed = compress(graph, data, Path(config.bank) if config.bank else None, len(config.labels))
    print(compressed.comparison, flush=True)
    compressed.check()
    with all_or_nothing(task.out) as scratch:
        copy_run(run, scratch)
        write_atomically(compressed.graph, scratch / INT8_FILE)
    return task.out


def make_version(task: Task) -> Path:
    from training.evaluation.testsets import all_test_sets
    from training.publish import publish
    from training.version_manifest import Origin

    data = load_mnist(task.places.data_dir)
    (run,) = task.folders("run")
    return publish(run, task.places.models, data, all_test_sets(data.test), Origin(task.recipe, task.parents))


def copy_run(run: Path, out: Path) -> None:
    """All that a trained run is read from; not its checkpoint and its logs."""
    out.mkdir()
    for name in (CONFIG_FILE, DATA_FILE, HISTORY_FILE, MODEL_FILE, SEEN_FILE, INT8_FILE):
        if (run / name).exists():
            shutil.copy(run / name, out / name)


@contextlib.contextmanager
def all_or_nothing(out: Path) -> Iterator[Path]:
    """A folder to write to, which becomes `out` at the end: if `out` exists, it is complete.

    What an interrupted try has left is removed.
    """
    scratch = out.with_name(f".{out.name}.part")
    shutil.rmtree(scratch, ignore_errors=True)
    out.parent.mkdir(parents=True, exist_ok=True)
    yield scratch
    scratch.rename(out)


def nothing_to_check(_: Step) -> None: ...


NO_SETTINGS: frozenset[str] = frozenset()

KINDS: Mapping[str, Kind] = {
    "train": Kind(
        "run", {"run": (0, 1), "dataset": (0, 1)}, TRAIN_SETTINGS - FROM_INPUTS | {"preset"}, check_train, make_run
    ),
    "dataset": Kind(
        "dataset",
        {"run": (0, MANY)},
        frozenset(field.name for field in dataclasses.fields(Plan) if field.metadata) | {TEACHERS},
        check_dataset,
        make_shards,
    ),
    "average": Kind("run", {"run": (2, MANY)}, NO_SETTINGS, check_average, make_average),
    "prefer": Kind("run", {"run": (2, MANY), "dataset": (0, 1)}, NO_SETTINGS, nothing_to_check, make_choice),
    "compress": Kind("run", {"run": (1, 1)}, NO_SETTINGS, nothing_to_check, make_compressed),
    "publish": Kind("version", {"run": (1, 1)}, NO_SETTINGS, nothing_to_check, make_version),
}
