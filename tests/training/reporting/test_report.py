from __future__ import annotations

import dataclasses
import struct
from pathlib import Path

import numpy as np
import pytest

from app.inference.session import Model
from training.evaluation.metrics import Evaluation
from training.evaluation.robustness import evaluate_robustness
from training.evaluation.testsets import files, ood
from training.reporting.report import write_report
from training.reporting.results import RunResults

PICTURES = {"curves.png", "confusion.png", "misread.png", "reliability.png", "seen.png"}


@pytest.fixture(scope="module")
def folder(results: RunResults, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("report")
    write_report(results, out)
    return out


def test_a_report_is_five_diagrams_and_a_card(folder: Path) -> None:
    assert {path.name for path in folder.iterdir()} == {*PICTURES, "card.md"}


@pytest.mark.parametrize("name", sorted(PICTURES))
def test_diagrams_are_small_files_of_a_readable_size(folder: Path, name: str) -> None:
    content = (folder / name).read_bytes()
    width, height = struct.unpack(">II", content[16:24])
    assert 500 <= width <= 1200
    assert 200 <= height <= 1200
    assert len(content) < 150_000


def test_the_card_links_every_diagram(folder: Path) -> None:
    text = (folder / "card.md").read_text(encoding="utf-8")
    assert all(f"]({name})" in text for name in PICTURES)


def test_a_model_without_a_misread_digit_and_with_one_epoch_is_drawn_too(results: RunResults, tmp_path: Path) -> None:
    probabilities = np.eye(10, dtype=np.float32)[results.digits.labels]
    perfect = dataclasses.replace(
        results,
        history=results.history[:1],
        probabilities=probabilities,
        evaluation=Evaluation.from_predictions(probabilities, results.digits.labels),
    )
    write_report(perfect, tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {*PICTURES, "card.md"}


def test_a_model_evaluated_on_test_sets_has_them_in_its_card(results: RunResults, tmp_path: Path) -> None:
    test_sets = [
        dataclasses.replace(test_set, pictures_per_variant=2)
        for test_set in (files.file_formats(results.digits), ood.noise())
    ]
    robustness = evaluate_robustness(Model(results.exported.graph, "cpu"), 0.5, results.digits, test_sets)
    write_report(dataclasses.replace(results, robustness=robustness), tmp_path)
    text = (tmp_path / "card.md").read_text(encoding="utf-8")
    assert "## Robustness: what it reads, and where it fails" in text
    assert f"| files | 58 | {100 * robustness[0].correct:.2f} % (" in text
    assert f"{robustness[0].weakest}: " in text
    assert f"| {robustness[1].auroc:.4f} |" in text
    assert "](kinds.png)" in text
    assert (tmp_path / "kinds.png").stat().st_size < 400_000
