from __future__ import annotations

import json
from pathlib import Path

import pytest

from training.datasets.mnist import Split
from training.distillation import workers
from training.distillation.synthetic_dataset import Plan, load_examples
from training.errors import DataError
from training.files import write_atomically


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


def test_shards_of_another_plan_are_neither_kept_nor_replaced(tmp_path: Path, graph: Path) -> None:
    write_atomically(json.dumps(Plan((str(graph),), judged=0).making()), tmp_path / "plan.json")
    (tmp_path / "near-000.npz").write_bytes(b"a shard")
    with pytest.raises(DataError, match=r"judged_share is 0, not 0\.5"):
        workers.make_dataset(tmp_path, Plan((str(graph),)))
    assert (tmp_path / "near-000.npz").read_bytes() == b"a shard"


def test_a_dataset_that_is_complete_is_left_as_it_is(tmp_path: Path, graph: Path) -> None:
    plan = Plan((str(graph),), digits=0, near=1, sent=0, plain=0, pictures=0, validation=0)
    write_atomically(json.dumps(plan.making()), tmp_path / "plan.json")
    (tmp_path / "near-000.npz").write_bytes(b"a shard")
    workers.make_dataset(tmp_path, plan)
    assert (tmp_path / "near-000.npz").read_bytes() == b"a shard"
