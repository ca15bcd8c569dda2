"""The audit of a small published model, from its folder to the report that the service shows."""

from __future__ import annotations

import dataclasses
import json
import re
import shutil
from pathlib import Path

import pytest

from app.repository.audit import Audit, read_audit
from app.repository.manifest import read_version
from tests.support.constant_model import write_version
from tests.training.test_sign import openssf_verifies, write_keys
from training.__main__ import main
from training.audit import audit as audits
from training.audit.audit import FULL, Sizes, audit
from training.audit.lineage import check_unsigned
from training.audit.subject import Subject
from training.config import Privacy
from training.datasets.mnist import Split
from training.errors import DataError
from training.sign import sign

TINY = Sizes(8, 2, 1, 1, 2, 200, 200, 2, 64, downloads=False)


@pytest.fixture(scope="module")
def version(models: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models") / "digits-mlp/2"
    shutil.copytree(models / "digits-mlp/2", folder, ignore=shutil.ignore_patterns("audit*"))
    return folder


@pytest.fixture(scope="module")
def audited(version: Path, data: Split) -> Audit:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(audits, "QUICK", TINY)
        return audit(Subject.read(version, data), version, quick=True)


def test_every_check_runs_and_finds_nothing_wrong_with_the_graph(audited: Audit) -> None:
    assert audited.not_run == {}
    assert [finding for finding in audited.findings if "explanations agree" not in finding] == []
    values = {figure.name: figure.value for figure in audited.figures}
    assert values["largest relative error of the gradients"] < 1e-6
    assert values["mean AUROC of non-digits"] > 0.8
    assert 0.4 < values["AUC of membership inference"] < 0.7
    assert 0 <= values["expected calibration error"] < 0.05


def test_report_has_a_section_and_a_line_of_the_summary_for_each_check(audited: Audit, version: Path) -> None:
    report = (version / "audit.md").read_text()
    titles = re.findall(r"^## (.*)$", report, re.MULTILINE)
    assert len(titles) == 10
    for title in titles:
        assert f"| [{title}](#{title.lower().replace(' ', '-')}) |" in report
    assert f"Findings: {'; '.join(audited.findings) or 'none'}." in report
    assert "Measured on few pictures" in report


def test_diagrams_are_there_and_small(audited: Audit, version: Path) -> None:
    named = re.findall(r"\]\((audit-.*?\.png)\)", (version / "audit.md").read_text())
    assert len(named) == 5
    assert audited.figures
    for name in named:
        assert 2_000 < (version / name).stat().st_size < 60_000


def test_service_shows_what_was_written(audited: Audit, version: Path) -> None:
    assert read_audit(version, read_version(version)[0], None) == audited


def test_audit_is_signed_with_the_version_and_a_signed_one_gets_none(
    audited: Audit, version: Path, data: Split, tmp_path: Path
) -> None:
    signed = tmp_path / "digits-mlp/2"
    shutil.copytree(version, signed)
    sign(signed, write_keys(tmp_path))
    assert openssf_verifies(signed, tmp_path / "key.pub")
    with pytest.raises(DataError, match=r"is signed.*--out"):
        check_unsigned(signed)
    (signed / "audit.md").write_text(f"{audited.sha256} is safe")
    assert not openssf_verifies(signed, tmp_path / "key.pub")
    write_keys(tmp_path)  # another pair
    with pytest.raises(DataError, match="not made with the required key"):
        audit(Subject.read(signed, data), tmp_path, quick=True, public_key=tmp_path / "key.pub")


def test_check_that_cannot_run_says_why(tmp_path: Path, data: Split, monkeypatch: pytest.MonkeyPatch) -> None:
    """A graph of another architecture than its manifest says, and shap is not installed."""
    monkeypatch.setattr(audits, "QUICK", TINY)
    monkeypatch.setitem(__import__("sys").modules, "shap", None)
    subject = Subject.read(write_version(tmp_path / "m", 3), data)
    summary = audit(subject, tmp_path / "out", quick=True)
    assert set(summary.not_run) == {"Gradients", "Adversarial examples", "Membership inference", "Explanations"}
    assert "older architecture" in summary.not_run["Gradients"]
    assert "no output logits" in summary.not_run["Membership inference"]
    report = (tmp_path / "out/audit.md").read_text()
    assert f"Not run: {summary.not_run['Gradients']}." in report


def test_a_private_versions_training_digits_are_not_looked_at(
    version: Path, data: Split, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not even by an audit, whose figures are published."""
    private = Path(shutil.copytree(version, tmp_path / "digits-mlp/2"))
    manifest = json.loads((private / "manifest.json").read_text())
    manifest["config"]["privacy"] = dataclasses.asdict(Privacy())
    (private / "manifest.json").write_text(json.dumps(manifest))
    monkeypatch.setattr(audits, "QUICK", TINY)
    subject = Subject.read(private, dataclasses.replace(data, train=data.train[:0]))
    summary = audit(subject, tmp_path / "out", quick=True)
    assert set(summary.not_run) == {"Membership inference"}
    assert "is private" in summary.not_run["Membership inference"]
    assert not any("membership" in figure.name or "members" in figure.name for figure in summary.figures)


def test_a_quick_audit_takes_no_place_of_a_full_one(version: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for options in ([], ["--out", str(version / "../2")]):
        assert main(["audit", str(version), "--quick", *options]) == 1
        assert "--quick: its figures say nothing about the version" in capsys.readouterr().err


def test_broken_versions_end_the_command_with_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    damaged = write_version(tmp_path / "m", 1)
    (damaged / "model.onnx").write_bytes(b"damaged")
    empty = tmp_path / "m/2"
    empty.mkdir()
    signed = write_version(tmp_path / "m", 3)
    (signed / "model.sig").write_text("{}")
    reasons = {damaged: "model.onnx has 7 bytes", empty: "there is no manifest.json", signed: "--out"}
    for folder, reason in {**reasons, tmp_path / "nowhere": "manifest.json"}.items():
        assert main(["audit", str(folder)]) == 1
        (line,) = capsys.readouterr().err.splitlines()
        assert line.startswith("error: ")
        assert reason in line


@pytest.mark.slow
@pytest.mark.parametrize("version_name", ["digits/8", "digits-mlp/2"])
def test_published_versions_stand_the_full_audit(version_name: str, models: Path, data: Split, tmp_path: Path) -> None:
    assert FULL.attacked == 1000
    summary = audit(Subject.read(models / version_name, data), tmp_path)
    assert (summary.findings, summary.not_run) == ([], {})
