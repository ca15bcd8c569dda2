"""The audit of a version is shown where it is about the served graph and, if signatures are required, signed."""

from __future__ import annotations

import asyncio
import json
import re
import shutil
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from app.repository.audit import AUDIT_FILE, Audit, read_audit
from app.repository.manifest import Manifest, Metric, read_version
from app.repository.signature import Signer
from tests.support.constant_model import write_version
from tests.support.repositories import repository
from training.sign import sign


def audit_of(manifest: Manifest) -> Audit:
    figure = Metric(name="accuracy under PGD, 0.1", value=0.5, data="1,000 digits", interval=(0.47, 0.53))
    return Audit(
        sha256=manifest.sha256,
        date="2026-11-30T00:00:00+00:00",
        commit=None,
        tools={"numpy": "2.4"},
        quick=False,
        figures=[figure],
        findings=[],
        not_run={},
    )


@pytest.fixture
def version(tmp_path: Path) -> Path:
    """A version with an audit."""
    folder = write_version(tmp_path / "m", 1)
    write_audit(folder)
    return folder


def write_audit(folder: Path, **changes: object) -> None:
    content = json.loads(audit_of(read_version(folder)[0]).model_dump_json()) | changes
    (folder / AUDIT_FILE).write_text(json.dumps(content))


def shown(folder: Path, signer: Signer | None = None) -> Audit | None:
    return read_audit(folder, read_version(folder)[0], signer)


def test_audit_of_the_graph_is_shown(version: Path) -> None:
    assert shown(version) == audit_of(read_version(version)[0])


def test_version_without_one_has_none_and_nothing_is_logged(version: Path, caplog: pytest.LogCaptureFixture) -> None:
    (version / AUDIT_FILE).unlink()
    assert shown(version) is None
    assert not caplog.records


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff", b'{"figures": []}', b"null", b" " * 2**21])
def test_damaged_one_is_not_shown_but_logged(version: Path, content: bytes, caplog: pytest.LogCaptureFixture) -> None:
    (version / AUDIT_FILE).write_bytes(content)
    assert shown(version) is None
    (record,) = caplog.records
    assert record.getMessage().startswith("not shown: audit.json of m/1 ")


FIGURE = {"name": "accuracy", "value": 0.5, "data": "1,000 digits", "interval": [0.4, 0.6]}


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"figures": [FIGURE | {"value": float("nan")}]}, r"wrong at \('figures', 0, 'value'\)"),
        ({"figures": [FIGURE, FIGURE | {"interval": [0.4, float("inf")]}]}, r"\('figures', 1, 'interval', 1\)"),
        ({"figures": [FIGURE | {"interval": [0.6, 0.4]}]}, "the interval ends before it begins"),
        ({"date": "yesterday"}, r"wrong at \('date',\)"),
        ({"date": "2026-02-30T00:00:00+00:00"}, r"wrong at \('date',\)"),
        ({"date": "2026-11-30T00:00:00"}, "offset from UTC"),
    ],
)
def test_one_whose_figures_or_date_are_none_is_not_shown_but_named(
    version: Path, changes: dict[str, object], problem: str, caplog: pytest.LogCaptureFixture
) -> None:
    write_audit(version, **changes)
    assert shown(version) is None
    assert re.search(f"audit.json of m/1 is .*{problem}", caplog.text)


def test_folder_in_its_place_is_not_shown(version: Path) -> None:
    (version / AUDIT_FILE).unlink()
    (version / AUDIT_FILE).mkdir()
    assert shown(version) is None


def test_audit_of_another_graph_is_not_shown(version: Path, caplog: pytest.LogCaptureFixture) -> None:
    write_audit(version, sha256="0" * 64)
    assert shown(version) is None
    assert "another graph" in caplog.text


def test_where_signatures_are_required_the_audit_must_be_signed_too(
    version: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    (tmp_path / "key.pem").write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    (tmp_path / "key.pub").write_bytes(key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    signer = Signer.read(tmp_path / "key.pub")
    assert shown(version, signer) is None  # not signed at all
    sign(version, tmp_path / "key.pem")
    assert shown(version, signer) is not None
    write_audit(version, date="2027-01-01T00:00:00+00:00")
    assert shown(version, signer) is None
    assert "was made for another audit.json" in caplog.text
    read_version(version, signer)  # the version is served all the same


def test_audit_that_appears_is_shown_without_loading_the_graph_again(version: Path) -> None:
    async def scenario() -> None:
        shutil.move(version / AUDIT_FILE, version.parents[1] / "kept.json")
        async with repository(version.parents[1], default="m") as models:
            before = models.get()
            assert before.audit is None
            shutil.move(version.parents[1] / "kept.json", version / AUDIT_FILE)
            await models.load("m")
            assert models.get() is before
            assert before.audit is not None

    asyncio.run(scenario())
