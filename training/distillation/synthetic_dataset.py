"""The bank: many thousands of pictures made once, with what the network is to say of each, for runs to draw from.

Making a picture takes a millisecond or more, ten times what the network takes to learn from it, so it is kept and seen
several times. A bank is a folder of shards:

- `digits-*.npz`: MNIST's digits distorted, labelled by teachers; `near-*.npz`: the same, but little distorted;
  `sent-*.npz`: these as clean drawings of any size, read by the pipeline
- `plain-*.npz`: as they are; without them, what is as sharp as a picture would more likely be no digit
- `pictures-*.npz`: pictures; of those of digits the target is half the label, half what teachers say that know what is
  no digit (or another share than half)
- `validation-*.npz`: pictures of the validation digits and of fonts and photos kept for them, with their labels

Each shard is a function of its number, so a bank that was interrupted is completed.
"""

from __future__ import annotations

import concurrent.futures
import functools
import hashlib
import json
import multiprocessing
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from tqdm import tqdm

from app.arrays import Image, Images
from app.errors import BlankPicture
from app.inference.session import Model
from app.preprocessing.normalize import preprocess
from training.config import Distortion
from training.datasets import fonts, photos
from training.datasets.mnist import Digits, Split, load_mnist
from training.errors import DataError
from training.synthesis.augment import distort
from training.synthesis.glyphs import NON_DIGIT, Sources, crop_to_ink
from training.synthesis.pictures import random_picture
from training.synthesis.scenes import drawing

Targets = NDArray[np.float16]  # (n, 11): the share of each digit and of no digit; rows sum to 1

CONTENTS = "contents.json"
KINDS = ("validation", "digits", "near", "sent", "plain", "pictures")
SHARD = 5_000
CLASSES = NON_DIGIT + 1
# Weaker than 1 for two reasons: a few pictures are not what they are labelled, and what teachers say of digits is
# softened, so that one temperature serves both.
SMOOTHING = 0.04
NEVER_SURE = 0.004  # the share of no digit in what teachers, who know digits alone, are taken to say
DISTORTION = Distortion(rotation=15, shift=2, thickness=0.6, erased=0.25)
SLIGHT = Distortion(rotation=10, scale=0.1, shear=0.1, shift=0.5, elastic_alpha=(10, 28), thickness=0.3)
VALIDATION_FONTS = 8  # every eighth family


@dataclass(frozen=True)
class Bank:
    images: Images
    targets: Targets

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, chosen: NDArray[np.intp]) -> Bank:
        return Bank(self.images[chosen], self.targets[chosen])


@dataclass(frozen=True)
class Plan:
    """What a bank holds: numbers of shards, and the graphs that label the distorted digits."""

    teachers: tuple[str, ...]
    digits: int = 55
    near: int = 500
    sent: int = 40
    plain: int = 33  # each eleven are MNIST's training digits once
    pictures: int = 150
    validation: int = 2
    temperature: float = 2.0  # softens what the teachers say
    judged: float = 0.5  # the teachers' share in the targets of pictures of digits; the rest is the label
    data_dir: Path | None = None


def make(folder: Path, plan: Plan) -> None:
    """Writes the shards that are not there yet, on all cores. Raises `DataError` if a teacher is not there."""
    for graph in plan.teachers:
        if not Path(graph).exists():
            raise DataError(
                f"the teacher {graph} is not there: name another with --teachers, or make one first "
                "(python -m training train --preset digits-teacher, then python -m training export runs/digits-teacher)"
            )
    folder.mkdir(parents=True, exist_ok=True)
    (folder / CONTENTS).write_text(json.dumps(contents(plan), indent=2) + "\n")
    counts = {kind: getattr(plan, kind) for kind in KINDS}
    wanted = [(kind, number) for kind, count in counts.items() for number in range(count)]
    missing = [each for each in wanted if not shard(folder, *each).exists()]
    # Forked processes would inherit what onnxruntime's threads held.
    context = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(os.cpu_count(), context, prepare_worker, (plan,)) as pool:
        jobs = [pool.submit(write_shard, shard(folder, *each), *each) for each in missing]
        for job in tqdm(concurrent.futures.as_completed(jobs), "making pictures", len(jobs), unit="shard"):
            job.result()


def contents(plan: Plan) -> dict[str, Any]:
    """What the bank holds, for the manifests of what learns from it."""
    return {
        "distorted_digits": plan.digits * SHARD,
        "slightly_distorted_digits": plan.near * SHARD,
        "drawings_of_them": plan.sent * SHARD,
        "plain_digits": plan.plain * SHARD,
        "pictures": plan.pictures * SHARD,
        "validation_pictures": plan.validation * SHARD,
        "teachers": [hashlib.sha256(Path(graph).read_bytes()).hexdigest() for graph in plan.teachers],
        "teacher_temperature": plan.temperature,
        "judged_share": plan.judged,
    }


def shard(folder: Path, kind: str, number: int) -> Path:
    return folder / f"{kind}-{number:03}.npz"


@dataclass(frozen=True)
class Worker:
    """What a process holds while it makes shards."""

    plan: Plan
    data: Split
    teachers: list[Model]

    @functools.cached_property
    def training(self) -> Sources:
        return Sources(self.data.train, families(validation=False), photos.load_photos(photos.TRAINING))

    @functools.cached_property
    def validation(self) -> Sources:
        return Sources(self.data.validation, families(validation=True), photos.load_photos(photos.VALIDATION))


def families(*, validation: bool) -> tuple[fonts.Font, ...]:
    """The training fonts, every eighth of which is kept for validation."""
    loaded = [
        font
        for group in (fonts.TRAINING_PRINTED, fonts.TRAINING_HANDWRITING)
        for font in fonts.load_fonts(group).values()
    ]
    return tuple(font for i, font in enumerate(loaded) if (i % VALIDATION_FONTS == 0) == validation)


worker: Worker | None = None  # of this process


def prepare_worker(plan: Plan) -> None:
    global worker  # noqa: PLW0603  # how an executor's initializer hands on what every task needs
    cv2.setNumThreads(1)  # there is a process for each core
    worker = Worker(
        plan, load_mnist(plan.data_dir), [Model(Path(graph).read_bytes(), "cpu") for graph in plan.teachers]
    )


def write_shard(path: Path, kind: str, number: int) -> None:
    assert worker is not None
    makers: dict[str, Callable[[Worker, int], Bank]] = {
        "digits": lambda worker, number: shown(worker, number, DISTORTION),
        "near": lambda worker, number: shown(worker, number, SLIGHT),
        "sent": lambda worker, number: shown(worker, number, SLIGHT, sent=True),
        "plain": lambda worker, number: shown(worker, number, None),
        "pictures": lambda worker, number: taught_too(
            pictured(worker.training, np.random.default_rng((1, number))), worker
        ),
        "validation": lambda worker, number: pictured(worker.validation, np.random.default_rng((2, number))),
    }
    made = makers[kind](worker, number)
    part = path.with_suffix(".part")
    with part.open("wb") as file:
        np.savez_compressed(file, images=made.images, targets=made.targets)
    part.rename(path)


def pictured(sources: Sources, rng: Generator) -> Bank:
    pairs = [random_picture(sources, rng) for _ in range(SHARD)]
    return Bank(np.stack([image for image, _ in pairs]), smoothed(np.array([label for _, label in pairs])))


def taught_too(pictures: Bank, worker: Worker) -> Bank:
    """Those of digits partly as they are labelled, partly as the teachers say that know what is no digit."""
    share = worker.plan.judged
    judges = [teacher for teacher in worker.teachers if knows_no_digit(teacher)]
    if not (judges and share):
        return pictures
    digits = np.flatnonzero(pictures.targets.argmax(axis=1) != NON_DIGIT)  # what fools a teacher is not to be learnt
    targets = pictures.targets.copy()
    said = judged(pictures.images[digits], judges, worker.plan.temperature)
    targets[digits] = (1 - share) * targets[digits] + share * said
    return Bank(pictures.images, targets)


def knows_no_digit(teacher: Model) -> bool:
    return any(each.name == "logits" and each.shape[-1] == CLASSES for each in teacher.session.get_outputs())


def smoothed(labels: NDArray[np.integer]) -> Targets:
    targets: Targets = (np.eye(CLASSES)[labels] * (1 - SMOOTHING) + SMOOTHING / CLASSES).astype(np.float16)
    return targets


def shown(worker: Worker, number: int, distortion: Distortion | None, *, sent: bool = False) -> Bank:
    """A shard's share of the training digits, each distorted in its own way, and what the teachers say of that."""
    digits = worker.data.train
    rng = np.random.default_rng((4 if sent else 3 if distortion is SLIGHT else 0, number))
    chosen = np.random.default_rng(number * SHARD // len(digits)).permutation(len(digits))
    chosen = np.take(chosen, range(number * SHARD, (number + 1) * SHARD), mode="wrap")
    images, targets = [], []
    for start in range(0, SHARD, 100):  # each hundred has its own elastic field's smoothness
        batch = digits.images[chosen[start : start + 100]]
        if distortion:
            batch = distort(batch, distortion, rng)
        if sent:
            batch = np.stack([drawing_of(image, rng) for image in batch])
        images.append(batch)
        targets.append(taught(batch, worker.teachers, worker.plan.temperature))
    return Bank(np.concatenate(images), np.concatenate(targets))


def drawing_of(image: Image, rng: Generator) -> Image:
    """What the pipeline makes of the digit enlarged or reduced on a clean sheet."""
    try:
        return preprocess(drawing(crop_to_ink(image), rng))
    except BlankPicture:  # too faint
        return image


def taught(images: Images, teachers: list[Model], temperature: float) -> Targets:
    """What they say of what is a digit for certain."""
    said = in_turn(images, teachers)
    digits = softened(said / said.sum(axis=1, keepdims=True), temperature) * (1 - NEVER_SURE)
    return np.pad(digits, ((0, 0), (0, 1)), constant_values=NEVER_SURE).astype(np.float16)


def judged(images: Images, teachers: list[Model], temperature: float) -> Targets:
    """What those say that know what is no digit: what their ten probabilities lack to 1 is its share."""
    said = in_turn(images, teachers)
    no_digit = np.clip(1 - said.sum(axis=1, keepdims=True), 0, 1)
    return softened(np.hstack([said, no_digit]), temperature).astype(np.float16)


def in_turn(images: Images, teachers: list[Model]) -> NDArray[np.float32]:
    """The mean of their probabilities."""
    parts = [images[start : start + 100] for start in range(0, len(images), 100)]
    return np.concatenate([np.mean([teacher.run(part) for teacher in teachers], axis=0) for part in parts])


def softened(shares: NDArray[np.float32], temperature: float) -> NDArray[np.float32]:
    powers = np.power(shares, 1 / temperature)
    softer: NDArray[np.float32] = powers / powers.sum(axis=1, keepdims=True)
    return softer


def read(folder: Path, kind: str) -> Bank:
    """All of the shards of this kind. Raises `DataError` if there are none."""
    shards = [np.load(path) for path in sorted(folder.glob(f"{kind}-*.npz"))]
    if not shards:
        raise DataError(f"{folder} holds no pictures: make them with python -m training pictures --out {folder}")
    return Bank(
        np.concatenate([each["images"] for each in shards]), np.concatenate([each["targets"] for each in shards])
    )


def validation(folder: Path) -> Digits:
    """The validation pictures with their labels, 10 for no digit."""
    bank = read(folder, "validation")
    return Digits(bank.images, bank.targets.argmax(axis=1).astype(np.uint8))
