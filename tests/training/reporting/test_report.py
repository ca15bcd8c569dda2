from __future__ import annotations

import dataclasses
import struct
from pathlib import Path

import numpy as np
import pytest

from app.inference.session import Model
from training.config import Distortion
from training.datasets.mnist import Split
from training.evaluation.metrics import Evaluation
from training.evaluation.robustness import survey
from training.evaluation.testsets import files, ood
from training.export import export
from training.publish import examine
from training.reporting.model_card import card
from training.reporting.plots import curves
from training.reporting.report import report
from training.reporting.results import Findings

PICTURES = {"curves.png", "confusion.png", "misread.png", "reliability.png"}


@pytest.fixture(scope="module")
def findings(run: Path, data: Split) -> Findings:
    return examine("tiny, version 1", run, export(run, data), "MNIST test", data.test)


@pytest.fixture(scope="module")
def folder(findings: Findings, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("report")
    report(findings, out)
    return out


def test_it_writes_four_pictures_and_a_card(folder: Path) -> None:
    assert {path.name for path in folder.iterdir()} == {*PICTURES, "card.md"}


@pytest.mark.parametrize("name", sorted(PICTURES))
def test_pictures_are_small_files_of_a_readable_size(folder: Path, name: str) -> None:
    content = (folder / name).read_bytes()
    width, height = struct.unpack(">II", content[16:24])
    assert 500 <= width <= 1200
    assert 200 <= height <= 1200
    assert len(content) < 150_000


def test_the_card_links_every_picture_it_has(folder: Path) -> None:
    text = (folder / "card.md").read_text(encoding="utf-8")
    assert all(f"]({name})" in text for name in PICTURES)


def test_the_card_gives_the_figures_that_were_measured(findings: Findings) -> None:
    text = card(findings)
    assert text.startswith("# tiny, version 1\n")
    assert f"**{findings.evaluation.accuracy:.2%}**".replace("%", " %") in text
    assert "On 1,000 MNIST test digits" in text
    assert f"{len(findings.exported.graph):,} bytes" in text
    assert "111,146" in text
    assert "110,912" in text
    assert "CC BY-SA 3.0" in text


def test_the_card_says_why_training_lies_below_validation_only_where_it_does(findings: Findings) -> None:
    assert "measured on distorted digits" in card(findings)
    plain = dataclasses.replace(findings, config=dataclasses.replace(findings.config, distortion=None))
    assert "distorted digits" not in card(plain)
    assert "| distortion | none |" in card(plain)


def test_the_card_names_the_distortion_of_the_config(findings: Findings) -> None:
    other = dataclasses.replace(findings.config, distortion=Distortion(rotation=31))
    assert "rotation ±31°" in card(dataclasses.replace(findings, config=other))


def test_the_epoch_marked_is_the_one_the_run_keeps(findings: Findings) -> None:
    """Two epochs: the second reads more digits rightly, the first has the smaller loss, and that is what counts."""
    losses, accuracies = ("0.3", "0.4"), ("0.90", "0.95")
    history = [
        row | {"val_loss": loss, "val_accuracy": accuracy}
        for row, loss, accuracy in zip(findings.history, losses, accuracies, strict=True)
    ]
    axes = curves(dataclasses.replace(findings, history=history)).axes[1]
    assert "epoch kept: 1" in [line.get_label() for line in axes.get_lines()]


def test_a_model_without_a_misreading_and_with_one_epoch_is_drawn_too(findings: Findings, tmp_path: Path) -> None:
    probabilities = np.eye(10, dtype=np.float32)[findings.digits.labels]
    perfect = dataclasses.replace(
        findings,
        history=findings.history[:1],
        probabilities=probabilities,
        evaluation=Evaluation.of(probabilities, findings.digits.labels),
    )
    report(perfect, tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {*PICTURES, "card.md"}


def test_a_model_tried_on_kinds_of_pictures_has_them_in_its_card(findings: Findings, tmp_path: Path) -> None:
    digits = findings.digits
    kinds = [dataclasses.replace(each, each=2) for each in (files.kind(digits), ood.noise_kind())]
    outcomes = survey(Model(findings.exported.graph, "cpu"), 0.5, digits, kinds)
    report(dataclasses.replace(findings, outcomes=outcomes), tmp_path)
    text = (tmp_path / "card.md").read_text(encoding="utf-8")
    assert "## What it reads, kind by kind, and where it fails" in text
    assert f"| files | 58 | {100 * outcomes[0].right:.2f} % (" in text
    assert f"{outcomes[0].weakest}: " in text
    assert f"| {outcomes[1].auroc:.4f} |" in text
    assert "](kinds.png)" in text
    assert (tmp_path / "kinds.png").stat().st_size < 400_000


def test_a_model_that_was_not_has_none(findings: Findings) -> None:
    assert "kind by kind" not in card(findings)
