"""The synthetic dataset on disk: some million images with soft targets, made once, that networks learn from.

Making an image takes a millisecond or more, ten times what a network takes to learn from it, so images are stored and
seen in several epochs. The dataset is a folder of shards, each with the arrays `images` and `targets`:

    digits-*.npz      MNIST's training digits, strongly distorted; the teachers' soft targets
    near-*.npz        the same, slightly distorted
    sent-*.npz        the same, slightly distorted, rendered as drawings of any size and preprocessed
    plain-*.npz       the same, unchanged: without them, images as sharp as MNIST's would look like non-digits
    pictures-*.npz    pictures of digits and non-digits; targets from their labels and, for digits, the teachers
    validation-*.npz  the same, made of the validation digits and of other fonts and photos; targets from their labels

A shard is a function of its number and of the plan, which `plan.json` keeps, so an interrupted dataset can be
completed. How many images there are is counted from the shards.
"""

from __future__ import annotations

import hashlib
import json
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.arrays import IMAGE_SIZE, Images
from training.config import COUNT, SHARE, Interval, Settings, setting
from training.datasets.mnist import Digits
from training.distillation.soft_targets import Targets
from training.errors import DataError
from training.files import atomic_path
from training.runs import read_json

PLAN_FILE = "plan.json"  # what `Plan.making` returns
OWN_FILE = "own.json"  # what a user's own pictures in the dataset are
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
        with atomic_path(path) as part, part.open("wb") as file:
            np.savez_compressed(file, images=self.images, targets=self.targets)


SHARDS = Interval(low=0, high=999)  # of one kind: their names have three digits


@dataclass(frozen=True)
class Plan(Settings):
    """What a synthetic dataset is to hold: for each kind the number of its shards. Raises `ConfigError`."""

    teachers: tuple[str, ...]  # paths of ONNX graphs
    digits: int = setting(55, "shards of strongly distorted digits", interval=SHARDS)
    near: int = setting(500, "shards of slightly distorted digits", interval=SHARDS)
    sent: int = setting(40, "shards of slightly distorted digits that are rendered as drawings", interval=SHARDS)
    # 33 shards are three times MNIST's 55,000 training digits.
    plain: int = setting(33, "shards of unchanged digits", interval=SHARDS)
    pictures: int = setting(150, "shards of pictures of digits and of other things", interval=SHARDS)
    validation: int = setting(2, "shards of pictures for validation", interval=SHARDS)
    shard_size: int = setting(5_000, "images in a shard", interval=COUNT)
    seed: int = setting(0, "seed of everything that is random in the dataset", interval=Interval(0, 2**32 - 1))
    temperature: float = setting(2.0, "softens the teachers' predictions", interval=Interval(low=0.1))
    judged: float = setting(
        0.5,
        "share of the teachers in the targets of pictures of digits; the rest is the label",
        interval=SHARE,
    )
    data_dir: Path | None = None  # of MNIST

    def making(self) -> dict[str, Any]:
        """All that the content of a shard depends on besides its kind and number."""
        return {
            "shard_size": self.shard_size,
            "teachers": [hashlib.sha256(Path(graph).read_bytes()).hexdigest() for graph in self.teachers],
            "teacher_temperature": self.temperature,
            "judged_share": self.judged,
            "seed": self.seed,
        }

    def shards(self) -> list[tuple[str, int]]:
        """The kind and number of each shard."""
        return [(kind, number) for kind in KINDS for number in range(getattr(self, kind))]


def describe(folder: Path) -> dict[str, Any]:
    """What the dataset holds and how it was made, for the manifests of the models that learn from it.

    Raises `DataError` if a shard or the plan is damaged or missing.
    """
    names = {
        "digits": "distorted_digits",
        "near": "slightly_distorted_digits",
        "sent": "drawings_of_them",
        "plain": "plain_digits",
        "pictures": "pictures",
        "validation": "validation_pictures",
        "own": "distorted_own_pictures",
    }
    counts = {name: count_examples(folder, kind)[0] for kind, name in names.items() if shard_paths(folder, kind)}
    own = {"own_pictures": read_json(folder / OWN_FILE)} if (folder / OWN_FILE).exists() else {}
    return {**counts, **read_plan(folder), **own}


def read_plan(folder: Path) -> dict[str, Any]:
    """How the shards in the folder are made. Raises `DataError`."""
    try:
        plan = json.loads((folder / PLAN_FILE).read_bytes())
    except (OSError, ValueError) as error:
        raise DataError(
            f"{folder} does not say how it was made ({PLAN_FILE}: {error}): make the dataset anew in another folder"
        ) from error
    if not isinstance(plan, dict):
        raise DataError(f"{folder / PLAN_FILE} does not hold a JSON object")
    return plan


def shard_path(folder: Path, kind: str, number: int) -> Path:
    return folder / f"{kind}-{number:03}.npz"


def shard_paths(folder: Path, kind: str) -> list[Path]:
    return sorted(folder.glob(f"{kind}-[0-9]*.npz"))


def load_examples(folder: Path, kind: str) -> Examples:
    """All shards of one kind. Raises `DataError` if there are none, or if one is damaged."""
    count_examples(folder, kind)
    shards = [load_shard(path) for path in shard_paths(folder, kind)]
    return Examples(
        np.concatenate([shard.images for shard in shards]), np.concatenate([shard.targets for shard in shards])
    )


def load_shard(path: Path) -> Examples:
    try:
        with np.load(path) as arrays:
            return Examples(arrays["images"], arrays["targets"])
    except (OSError, ValueError, zipfile.BadZipFile, zlib.error) as error:
        raise damaged(path, error) from error


def count_examples(folder: Path, kind: str) -> tuple[int, int]:
    """The number of images of one kind, and of classes in their targets; reads the shards' headers only.

    Raises `DataError` if there are none, or if one is damaged.
    """
    paths = shard_paths(folder, kind)
    if not paths:
        raise DataError(
            f"{folder} holds no images of the kind {kind}: make them with python -m training pictures --out {folder}"
        )
    shapes = [read_shapes(path) for path in paths]
    return sum(count for count, _ in shapes), shapes[0][1]


def read_shapes(path: Path) -> tuple[int, int]:
    """The number of images in a shard and of classes in its targets. Raises `DataError`."""
    try:
        with zipfile.ZipFile(path) as archive:
            images, targets = (read_shape(archive, name) for name in ("images.npy", "targets.npy"))
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise damaged(path, error) from error
    if images[1:] != (IMAGE_SIZE, IMAGE_SIZE) or len(targets) != 2 or images[0] != targets[0]:
        raise damaged(path, f"its arrays are {images} and {targets}")
    return images[0], targets[1]


def read_shape(archive: zipfile.ZipFile, name: str) -> tuple[int, ...]:
    with archive.open(name) as file:
        np.lib.format.read_magic(file)
        return np.lib.format.read_array_header_1_0(file)[0]


def damaged(path: Path, reason: object) -> DataError:
    return DataError(f"{path} is damaged ({reason}): delete it and run python -m training pictures --out {path.parent}")


def load_validation(folder: Path) -> Digits:
    """The validation pictures with their labels, 10 for a non-digit. Raises `DataError`."""
    examples = load_examples(folder, "validation")
    return Digits(examples.images, examples.targets.argmax(axis=1).astype(np.uint8))
