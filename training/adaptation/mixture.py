"""What an adapted network learns from, in the format of the synthetic dataset.

own-000.npz                      the user's pictures, distorted anew many times; targets from their labels
own1-000.npz to own5-000.npz     the same without a fifth of the pictures, for cross-validation
near, plain, pictures            what others write and send, so that nothing is forgotten: from a synthetic
                                 dataset, or made here with the soft targets of the version that is adapted
validation                       the same kind of pictures, of other fonts, photos and digits, to compare on
own.json                         what the user's pictures are; written last
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from app.repository.manifest import GRAPH_FILE, MANIFEST_FILE, Manifest
from training.datasets.own_pictures import OwnPictures, load_own_pictures, read_contents
from training.distillation.shards import SLIGHT
from training.distillation.soft_targets import smooth_labels
from training.distillation.synthetic_dataset import (
    OWN_FILE,
    PLAN_FILE,
    Examples,
    Plan,
    count_examples,
    shard_path,
    shard_paths,
)
from training.distillation.workers import make_dataset
from training.presets import FOLDS
from training.runs import write_json
from training.synthesis.augment import distort

OWN_IMAGES = 6_000  # of each kind `own`
COPIED_SHARDS = {"near": 3, "plain": 1, "pictures": 3, "validation": 1}  # of a synthetic dataset


def make_mixture(folder: Path, own: Path, start: Path, bank: Path | None, data_dir: Path | None = None) -> None:
    """Completes the folder. `start`: the version that is adapted. `bank`: a synthetic dataset to take from.

    Raises `DataError` if something is missing, `PackageError` if fonts or photos cannot be downloaded.
    """
    if bank:
        copy_shards(bank, folder)
    else:
        make_dataset(folder, plan_of(start, data_dir))
    pictures = load_own_pictures(own)
    for kind, kept in kinds_of_own(pictures):
        distorted(pictures[kept]).save(shard_path(folder, kind, 0))
    write_json(folder / OWN_FILE, read_contents(own))


def plan_of(start: Path, data_dir: Path | None) -> Plan:
    """A small synthetic dataset whose only teacher is the version itself.

    With its own temperature the soft targets are what its network computes now: learning them changes nothing.
    """
    temperature = Manifest.model_validate_json((start / MANIFEST_FILE).read_bytes()).temperature
    return Plan(
        (str(start / GRAPH_FILE),),
        digits=0,
        near=15,
        sent=0,
        plain=5,
        pictures=15,
        validation=3,
        shard_size=1000,
        temperature=1 / temperature,
        judged=1.0,
        data_dir=data_dir,
    )


def copy_shards(bank: Path, folder: Path) -> None:
    """Raises `DataError` if a kind is missing in `bank`, or damaged."""
    folder.mkdir(parents=True, exist_ok=True)
    for kind, count in COPIED_SHARDS.items():
        count_examples(bank, kind)
        for number, shard in enumerate(shard_paths(bank, kind)[:count]):
            shutil.copyfile(shard, shard_path(folder, kind, number))
    shutil.copyfile(bank / PLAN_FILE, folder / PLAN_FILE)


def kinds_of_own(own: OwnPictures) -> Iterator[tuple[str, NDArray[np.bool_]]]:
    """The kinds with the images in each: all of them, and all but those of one fold."""
    yield "own", np.ones(len(own), np.bool_)
    folds = folds_of(own)
    yield from ((f"own{fold + 1}", folds != fold) for fold in range(FOLDS))


def folds_of(own: OwnPictures) -> NDArray[np.intp]:
    """(n,): the fold of each image, 0 to 4. Images of one picture share a fold; each fold has some of each label."""
    numbers, first = np.unique(own.pictures, return_index=True)
    order = np.lexsort((np.random.default_rng(0).permutation(len(numbers)), own.labels[first]))
    fold_of_number = dict(zip(numbers[order].tolist(), (np.arange(len(numbers)) % FOLDS).tolist(), strict=True))
    return np.array([fold_of_number[number] for number in own.pictures.tolist()], np.intp)


def distorted(own: OwnPictures) -> Examples:
    """The images as they are, and distorted at least once: until there are about `OWN_IMAGES`, if they are fewer."""
    copies = np.tile(own.images, (max(1, OWN_IMAGES // len(own) - 1), 1, 1))
    images = np.concatenate([own.images, distort(copies, SLIGHT, np.random.default_rng(0))])
    labels = np.tile(own.labels, len(images) // len(own))
    return Examples(images, smooth_labels(labels))
