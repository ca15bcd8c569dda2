"""The synthetic dataset on disk: some million images with soft targets, made once, that networks learn from.

Making an image takes a millisecond or more, ten times what a network takes to learn from it, so images are stored and
seen in several epochs. The dataset is a folder of shards, each with the arrays `images` and `targets`:

    digits-*.npz      MNIST's training digits, strongly distorted; the teachers' soft targets
    near-*.npz        the same, slightly distorted
    sent-*.npz        the same, slightly distorted, rendered as drawings of any size and preprocessed
    plain-*.npz       the same, unchanged: without them, images as sharp as MNIST's would look like non-digits
    pictures-*.npz    pictures of digits and non-digits; targets from their labels and, for digits, the teachers
    validation-*.npz  the same, made of the validation digits and of other fonts and photos; targets from their labels

A shard is a function of its number, so an interrupted dataset can be completed.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.arrays import Images
from training.datasets.mnist import Digits
from training.distillation.soft_targets import Targets
from training.errors import DataError

CONTENTS_FILE = "contents.json"  # what `describe` returns
KINDS = ("validation", "digits", "near", "sent", "plain", "pictures")  # in the order they are made


@dataclass(frozen=True)
class Examples:
    """Images with their soft targets."""

    images: Images
    targets: Targets

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, indices: NDArray[np.intp]) -> Examples:
        return Examples(self.images[indices], self.targets[indices])

    def save(self, path: Path) -> None:
        """Writes one shard, complete or not at all."""
        part = path.with_suffix(".part")
        with part.open("wb") as file:
            np.savez_compressed(file, images=self.images, targets=self.targets)
        part.rename(path)


@dataclass(frozen=True)
class Plan:
    """What a synthetic dataset is to hold: for each kind the number of its shards."""

    teachers: tuple[str, ...]  # paths of ONNX graphs
    digits: int = 55
    near: int = 500
    sent: int = 40
    plain: int = 33  # three times MNIST's 55,000 training digits
    pictures: int = 150
    validation: int = 2
    shard_size: int = 5_000  # images
    temperature: float = 2.0  # softens the teachers' predictions
    judged: float = 0.5  # the teachers' share in the targets of pictures of digits; the rest is the label
    data_dir: Path | None = None  # of MNIST

    def shards(self) -> list[tuple[str, int]]:
        """The kind and number of each shard."""
        return [(kind, number) for kind in KINDS for number in range(getattr(self, kind))]


def describe(plan: Plan) -> dict[str, Any]:
    """The contents as plain values, for the manifests of the models that learn from them."""
    return {
        "distorted_digits": plan.digits * plan.shard_size,
        "slightly_distorted_digits": plan.near * plan.shard_size,
        "drawings_of_them": plan.sent * plan.shard_size,
        "plain_digits": plan.plain * plan.shard_size,
        "pictures": plan.pictures * plan.shard_size,
        "validation_pictures": plan.validation * plan.shard_size,
        "teachers": [hashlib.sha256(Path(graph).read_bytes()).hexdigest() for graph in plan.teachers],
        "teacher_temperature": plan.temperature,
        "judged_share": plan.judged,
    }


def shard_path(folder: Path, kind: str, number: int) -> Path:
    return folder / f"{kind}-{number:03}.npz"


def load_examples(folder: Path, kind: str) -> Examples:
    """All shards of one kind. Raises `DataError` if there are none."""
    shards = [np.load(path) for path in sorted(folder.glob(f"{kind}-*.npz"))]
    if not shards:
        raise DataError(
            f"{folder} holds no images of the kind {kind}: make them with python -m training pictures --out {folder}"
        )
    return Examples(
        np.concatenate([shard["images"] for shard in shards]), np.concatenate([shard["targets"] for shard in shards])
    )


def load_validation(folder: Path) -> Digits:
    """The validation pictures with their labels, 10 for a non-digit. Raises `DataError`."""
    examples = load_examples(folder, "validation")
    return Digits(examples.images, examples.targets.argmax(axis=1).astype(np.uint8))
