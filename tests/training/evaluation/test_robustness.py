from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from app.inference.session import Model
from app.repository.manifest import read_version
from training.datasets.mnist import Digits
from training.evaluation.robustness import SHOWN, Outcome, survey, table
from training.evaluation.testsets import files
from training.evaluation.testsets.base import Kind, of_digits, of_no_digit
from training.evaluation.testsets.rendering import file_of

BLANK = np.full((40, 40), 255, np.uint8)


@pytest.fixture(scope="module")
def model(models: Path) -> Model:
    return Model(read_version(models / "digits-mlp/1")[1], device="cpu")


@pytest.fixture(scope="module")
def digits(test_digits: Digits) -> Digits:
    return test_digits[:200]


@pytest.fixture(scope="module")
def kinds(digits: Digits) -> list[Kind]:
    """Digits as they are and upside down, which for most is no digit; letters' worth of noise, and blank paper."""
    turned = Digits(digits.images[:, ::-1, ::-1], digits.labels)
    plain, turned_ones = (of_digits(each, lambda ink, _: file_of(255 - ink)) for each in (digits, turned))
    noise = of_no_digit(lambda rng: file_of(rng.integers(0, 256, (50, 50), np.uint8)))
    return [
        Kind("digits", "some of MNIST", {"upright": plain, "turned": turned_ones}, each=100),
        Kind("others", "noise and nothing", {"noise": noise, "blank": of_no_digit(lambda _: file_of(BLANK))}, each=30),
    ]


@pytest.fixture(scope="module")
def outcomes(model: Model, digits: Digits, kinds: list[Kind]) -> list[Outcome]:
    return survey(model, 0.9, digits, kinds)


def test_digits_are_right_where_they_are_read_rightly(outcomes: list[Outcome]) -> None:
    of_digits = outcomes[0]
    assert of_digits.n == 200
    assert of_digits.variants["upright"] > 0.97
    assert of_digits.variants["turned"] < 0.6
    assert of_digits.right == pytest.approx(np.mean(list(of_digits.variants.values())))
    assert of_digits.interval[0] < of_digits.right < of_digits.interval[1]
    assert of_digits.weakest == "turned"


def test_other_pictures_are_right_where_they_are_not_accepted(outcomes: list[Outcome]) -> None:
    others = outcomes[1]
    assert others.variants["blank"] == 1
    assert others.right == pytest.approx(1 - others.accepted)


def test_blank_pictures_are_counted_and_are_as_unlike_digits_as_can_be(outcomes: list[Outcome]) -> None:
    assert [each.blank for each in outcomes] == [0, 0.5]
    assert outcomes[1].auroc is not None
    assert outcomes[1].auroc > 0.75


def test_calibration_is_of_digits_and_auroc_of_the_others(outcomes: list[Outcome]) -> None:
    assert outcomes[0].auroc is None
    assert outcomes[0].calibration_error is not None
    assert 0.05 < outcomes[0].calibration_error < 0.5  # it is too sure of what is upside down
    assert outcomes[1].calibration_error is None


def test_nothing_is_accepted_at_a_threshold_that_no_confidence_reaches(
    model: Model, digits: Digits, kinds: list[Kind]
) -> None:
    assert [each.accepted for each in survey(model, 1.1, digits, kinds)] == [0, 0]


def test_what_is_kept_to_be_looked_at_is_of_all_variants(outcomes: list[Outcome]) -> None:
    for each in outcomes:
        assert len(each.shown) == SHOWN
        assert {reading.variant for reading in each.shown} == set(each.variants)


def test_the_figures_can_be_written_as_json(outcomes: list[Outcome]) -> None:
    read = json.loads(json.dumps([each.to_dict() for each in outcomes], allow_nan=False))
    assert read[0]["kind"] == "digits"
    assert read[1]["variants"]["blank"] == 1
    assert "shown" not in read[0]


def test_the_table_has_a_line_for_each_kind_below_its_head(outcomes: list[Outcome]) -> None:
    lines = table(outcomes).splitlines()
    assert [line.split("  ")[0] for line in lines] == ["digits", "digits", "", "no digits", "others"]
    assert f"{outcomes[1].auroc:.4f}" in lines[-1]


def test_mnist_as_png_is_read_as_the_graph_reads_mnist(model: Model, digits: Digits) -> None:
    """The pipeline adds nothing and takes nothing away."""
    (outcome,) = survey(model, 0.5, digits, [files.plain_kind(digits)])
    assert outcome.right == (model.run(digits.images).argmax(axis=1) == digits.labels).mean()
