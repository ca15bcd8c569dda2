from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest

from training.distillation.soft_targets import smooth_labels
from training.distillation.synthetic_dataset import (
    Examples,
    Plan,
    count_examples,
    describe,
    load_examples,
    load_validation,
    shard_path,
)
from training.errors import DataError
from training.runs import write_json
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


def test_a_description_counts_the_images_that_are_there_and_names_the_teachers_by_digest(
    graph: Path, tmp_path: Path
) -> None:
    write_json(tmp_path / "plan.json", Plan((str(graph),), pictures=150, judged=0).making())
    for number in range(2):
        save_shard(tmp_path, "pictures", number, size=30, label=1)
    contents = describe(tmp_path)
    assert contents["pictures"] == 60
    assert "slightly_distorted_digits" not in contents
    assert contents["teachers"] == [hashlib.sha256(graph.read_bytes()).hexdigest()]
    assert contents["judged_share"] == 0


def test_shards_are_not_described_without_the_plan_that_made_them(tmp_path: Path) -> None:
    save_shard(tmp_path, "pictures", 0, size=3, label=1)
    with pytest.raises(DataError, match="how it was made"):
        describe(tmp_path)


@pytest.mark.parametrize("content", [b"", b"PK", b"not a shard"])
def test_a_damaged_shard_is_named(tmp_path: Path, content: bytes) -> None:
    save_shard(tmp_path, "near", 0, size=3, label=1)
    shard_path(tmp_path, "near", 1).write_bytes(content)
    with pytest.raises(DataError, match=r"near-001.npz is damaged"):
        load_examples(tmp_path, "near")


def test_a_shard_that_lost_its_end_is_named(tmp_path: Path) -> None:
    save_shard(tmp_path, "near", 0, size=300, label=1)
    path = shard_path(tmp_path, "near", 0)
    path.write_bytes(path.read_bytes()[:-50])
    with pytest.raises(DataError, match=r"near-000.npz is damaged"):
        count_examples(tmp_path, "near")
