"""The processes that make the synthetic dataset, one for each core."""

from __future__ import annotations

import functools
import json
from pathlib import Path

import cv2

from app.errors import ModelRefused
from app.inference.session import Model
from training.datasets import photos
from training.datasets.mnist import load_mnist
from training.distillation.shards import ShardMaker, load_families
from training.distillation.synthetic_dataset import PLAN_FILE, Plan, read_plan, shard_path
from training.errors import DataError
from training.files import locked, write_atomically
from training.processes import run_in_processes

shard_maker: ShardMaker | None = None  # of this process


def make_dataset(folder: Path, plan: Plan) -> None:
    """Writes the shards that are missing in `folder`, on all cores. Ends all its processes, however it ends.

    Raises `DataError` if a teacher or MNIST is missing or if the folder's shards were made by another plan, `RunError`
    if another process writes to the folder, `PackageError` if fonts or photos cannot be downloaded.
    """
    check_teachers(plan)
    check_plan(folder, plan)
    with locked(folder):  # first: the downloads of the sources take minutes
        missing = [shard for shard in plan.shards() if not shard_path(folder, *shard).exists()]
        if missing:
            check_sources(plan, {kind for kind, _ in missing})
        write_atomically(json.dumps(plan.making(), indent=2) + "\n", folder / PLAN_FILE)
        run_in_processes(
            write_shard,
            [(folder, *shard) for shard in missing],
            title="making pictures",
            unit="shard",
            setup=functools.partial(start_worker, plan),
        )


def check_teachers(plan: Plan) -> None:
    for graph in plan.teachers:
        if not Path(graph).exists():
            raise DataError(
                f"the teacher {graph} does not exist: get it from an earlier revision (git log -- {graph}, then "
                f"git show <revision>:{graph} > teacher.onnx), name others with --teachers, or train a first one "
                "(python -m training train --preset digits-teacher, then python -m training export runs/digits-teacher)"
            )
        try:
            Model(Path(graph).read_bytes(), "cpu")
        except ModelRefused as error:
            raise DataError(f"the teacher {graph} cannot be used: {error}") from error


def check_plan(folder: Path, plan: Plan) -> None:
    """Raises `DataError` if the folder holds shards that this plan would not make."""
    if not any(folder.glob("*.npz")):
        return
    differences = [
        f"{name} is {value}, not {plan.making().get(name)}"
        for name, value in {"seed": 0, **read_plan(folder)}.items()  # there were datasets before there were seeds
        if plan.making().get(name) != value
    ]
    if differences:
        raise DataError(f"{folder} was made otherwise ({'; '.join(differences)}): name a new folder with --out")


def check_sources(plan: Plan, kinds: set[str]) -> None:
    """Downloads what is needed, before processes are started that would each fail."""
    load_mnist(plan.data_dir)
    for kind, validation, files in (("pictures", False, photos.TRAINING), ("validation", True, photos.VALIDATION)):
        if kind in kinds:
            load_families(validation=validation)
            photos.load_photos(files)


def start_worker(plan: Plan) -> None:
    """Loads what every shard needs, once in each process."""
    global shard_maker  # noqa: PLW0603  # the only way from the setup of a process to its jobs
    cv2.setNumThreads(1)  # there is already one process for each core
    teachers = [Model(Path(graph).read_bytes(), "cpu") for graph in plan.teachers]
    shard_maker = ShardMaker(plan, load_mnist(plan.data_dir), teachers)


def write_shard(folder: Path, kind: str, number: int) -> None:
    assert shard_maker is not None
    shard_maker.make(kind, number).save(shard_path(folder, kind, number))
