"""The processes that make the synthetic dataset, one for each core."""

from __future__ import annotations

import concurrent.futures
import json
import multiprocessing
import os
from pathlib import Path

import cv2
from tqdm import tqdm

from app.inference.session import Model
from training.datasets.mnist import load_mnist
from training.distillation.shards import ShardMaker
from training.distillation.synthetic_dataset import CONTENTS_FILE, Plan, describe, shard_path
from training.errors import DataError

shard_maker: ShardMaker | None = None  # of this process


def make_dataset(folder: Path, plan: Plan) -> None:
    """Writes the shards that are missing in `folder`, on all cores.

    Raises `DataError` if a teacher or MNIST is missing, `PackageError` if fonts or photos cannot be downloaded.
    """
    check_teachers(plan)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / CONTENTS_FILE).write_text(json.dumps(describe(plan), indent=2) + "\n")
    missing = [shard for shard in plan.shards() if not shard_path(folder, *shard).exists()]
    # Spawned and not forked: a forked process would inherit locks that onnxruntime's threads hold.
    context = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(os.cpu_count(), context, start_worker, (plan,)) as pool:
        jobs = [pool.submit(write_shard, folder, kind, number) for kind, number in missing]
        for job in tqdm(concurrent.futures.as_completed(jobs), "making pictures", len(jobs), unit="shard"):
            job.result()


def check_teachers(plan: Plan) -> None:
    for graph in plan.teachers:
        if not Path(graph).exists():
            raise DataError(
                f"the teacher {graph} does not exist: get it from an earlier revision (git log -- {graph}, then "
                f"git show <revision>:{graph} > teacher.onnx), name others with --teachers, or train a first one "
                "(python -m training train --preset digits-teacher, then python -m training export runs/digits-teacher)"
            )


def start_worker(plan: Plan) -> None:
    """The executor's initializer: loads what every shard needs, once in each process."""
    global shard_maker  # noqa: PLW0603  # the only way from an executor's initializer to its tasks
    cv2.setNumThreads(1)  # there is already one process for each core
    teachers = [Model(Path(graph).read_bytes(), "cpu") for graph in plan.teachers]
    shard_maker = ShardMaker(plan, load_mnist(plan.data_dir), teachers)


def write_shard(folder: Path, kind: str, number: int) -> None:
    assert shard_maker is not None
    shard_maker.make(kind, number).save(shard_path(folder, kind, number))
