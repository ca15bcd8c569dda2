from __future__ import annotations

from pathlib import Path

import pytest

from app.inference.session import Model
from training.datasets.mnist import Split
from training.distillation.shards import ShardMaker
from training.distillation.synthetic_dataset import Plan

MODELS = Path(__file__).parents[3] / "models"


@pytest.fixture
def graph() -> Path:
    """A teacher that knows digits only."""
    return MODELS / "digits-mlp/1/model.onnx"


@pytest.fixture
def teacher(graph: Path) -> Model:
    return Model(graph.read_bytes(), "cpu")


@pytest.fixture
def teacher_of_non_digits() -> Model:
    return Model((MODELS / "digits/6/model.onnx").read_bytes(), "cpu")


@pytest.fixture
def shard_maker(graph: Path, teacher: Model, data: Split) -> ShardMaker:
    return ShardMaker(Plan((str(graph),), shard_size=200), data, [teacher])
