"""A published version is found where models are, and told from others by its digest."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from training.errors import DataError
from training.making.kinds import KINDS
from training.making.records import digest
from training.making.steps import Places, Step, Task


def task(models: Path) -> Task:
    step = Step("before", "published", "version", {"version": "digits/8"}, ())
    return Task(step, (), models / "unused", Places(models, None), recipe="", parents=())


def test_a_published_version_is_known_by_the_digest_of_its_graphs(tmp_path: Path) -> None:
    (tmp_path / "digits/8").mkdir(parents=True)
    (tmp_path / "digits/8/model.onnx").write_bytes(b"weights")
    folder = KINDS["published"].make(task(tmp_path))
    assert folder == tmp_path / "digits/8"
    assert digest(folder, "version") == hashlib.sha256(b"weights").hexdigest()


def test_a_version_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"digits/8/model\.onnx is missing"):
        KINDS["published"].make(task(tmp_path))
