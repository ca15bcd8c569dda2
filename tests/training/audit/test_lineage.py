from __future__ import annotations

from pathlib import Path

import pytest

from app.repository.manifest import Parent, read_version
from tests.support.constant_model import write_version
from tests.training.test_sign import write_keys
from training.audit.lineage import describe_lineage, signature_state
from training.errors import DataError
from training.sign import sign


@pytest.fixture
def version(tmp_path: Path) -> Path:
    return write_version(tmp_path / "models/m", 1)


def test_signature_is_verified_with_a_key_and_only_then(version: Path, tmp_path: Path) -> None:
    key = write_keys(tmp_path)
    assert signature_state(version, None) == "unsigned"
    assert signature_state(version, tmp_path / "key.pub") == "unsigned"
    sign(version, key)
    assert signature_state(version, None).startswith("signed, but not verified")
    assert signature_state(version, tmp_path / "key.pub") == "verified with key.pub"


def test_signature_of_another_key_or_for_other_bytes_is_refused(version: Path, tmp_path: Path) -> None:
    sign(version, write_keys(tmp_path))
    write_keys(tmp_path)  # another pair
    with pytest.raises(DataError, match="not made with the required key"):
        signature_state(version, tmp_path / "key.pub")
    with pytest.raises(DataError, match="is not a public key"):
        signature_state(version, version / "manifest.json")


def test_data_and_parents_are_named_by_their_digests(models: Path) -> None:
    manifest, _ = read_version(models / "digits/8")
    parent = Parent(
        name="teacher", kind="train", sha256="ab" * 32, inputs=[], settings={}, commit=None, machine="", seconds=1,
        peak_bytes=None,
    )  # fmt: skip
    lines = dict(describe_lineage(manifest.model_copy(update={"parents": [parent]})))
    assert lines["made from teacher (train)"] == f"sha256 {'ab' * 32}"
    assert lines["graph"] == f"sha256 {manifest.sha256}"
    assert "train-images-idx3-ubyte" in lines["training data, sha256"]
    assert lines["training data"].startswith("MNIST, licence")


def test_what_an_old_manifest_lacks_is_said(models: Path) -> None:
    lines = dict(describe_lineage(read_version(models / "digits-mlp/1")[0]))
    assert lines["commit"] == "not recorded"
    assert lines["recipe"].startswith("none")
