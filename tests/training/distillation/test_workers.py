from __future__ import annotations

from pathlib import Path

import pytest

from training.datasets.mnist import Split
from training.distillation import workers
from training.distillation.synthetic_dataset import Plan, load_examples
from training.errors import DataError


def test_a_missing_shard_alone_is_made(
    tmp_path: Path, graph: Path, data: Split, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workers, "shard_maker", None)
    monkeypatch.setattr(workers, "load_mnist", lambda _: data)
    workers.start_worker(Plan((str(graph),), shard_size=100))
    workers.write_shard(tmp_path, "digits", 7)
    assert [path.name for path in tmp_path.iterdir()] == ["digits-007.npz"]
    assert len(load_examples(tmp_path, "digits")) == 100


def test_a_missing_teacher_is_named_with_three_ways_to_get_one(tmp_path: Path) -> None:
    with pytest.raises(DataError) as error:
        workers.make_dataset(tmp_path, Plan(("models/digits/5/model.onnx",)))
    for way in ("git show <revision>:models/digits/5/model.onnx", "--teachers", "--preset digits-teacher"):
        assert way in str(error.value)
    assert not list(tmp_path.iterdir())
