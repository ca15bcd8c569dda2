from __future__ import annotations

import dataclasses
import hashlib
from pathlib import Path

import numpy as np
import pytest

from training.distillation.soft_targets import smooth_labels
from training.distillation.synthetic_dataset import (
    Examples,
    Plan,
    describe,
    load_examples,
    load_validation,
    shard_path,
)
from training.errors import DataError
from training.synthesis.glyphs import NON_DIGIT


def save_shard(folder: Path, kind: str, number: int, *, size: int, label: int) -> None:
    images = np.full((size, 28, 28), label, np.uint8)
    Examples(images, smooth_labels(np.full(size, label))).save(shard_path(folder, kind, number))


def test_a_dataset_is_loaded_by_kinds(tmp_path: Path) -> None:
    save_shard(tmp_path, "pictures", 0, size=3, label=1)
    save_shard(tmp_path, "pictures", 1, size=4, label=2)
    save_shard(tmp_path, "validation", 0, size=5, label=NON_DIGIT)
    assert len(load_examples(tmp_path, "pictures")) == 7
    assert load_validation(tmp_path).labels.tolist() == [NON_DIGIT] * 5


def test_an_empty_dataset_says_how_to_make_it(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="python -m training pictures"):
        load_examples(tmp_path, "digits")


def test_a_description_names_the_teachers_by_digest_and_their_share(graph: Path) -> None:
    plan = Plan((str(graph),), pictures=3)
    contents = describe(dataclasses.replace(plan, judged=0))
    assert contents["teachers"] == [hashlib.sha256(graph.read_bytes()).hexdigest()]
    assert contents["judged_share"] == 0
    assert contents["pictures"] == 15_000
