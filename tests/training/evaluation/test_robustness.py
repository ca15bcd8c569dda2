from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from app.inference.session import Model
from app.repository.manifest import read_version
from training.datasets.mnist import Digits
from training.evaluation.robustness import SAMPLES_SHOWN, RobustnessResult, evaluate_robustness, format_table
from training.evaluation.testsets import files
from training.evaluation.testsets.base import TestSet, digit_variant, non_digit_variant
from training.evaluation.testsets.rendering import encode, invert

BLANK = np.full((40, 40), 255, np.uint8)


@pytest.fixture(scope="module")
def model(models: Path) -> Model:
    return Model(read_version(models / "digits-mlp/1")[1].float32, device="cpu")


@pytest.fixture(scope="module")
def digits(test_digits: Digits) -> Digits:
    return test_digits[:200]


@pytest.fixture(scope="module")
def test_sets(digits: Digits) -> list[TestSet]:
    """Digits upright and upside down, which most are not digits any more; and non-digits: noise and blank paper."""
    turned = Digits(digits.images[:, ::-1, ::-1], digits.labels)
    upright_variant, turned_variant = (digit_variant(d, lambda ink, _: encode(invert(ink))) for d in (digits, turned))
    noise = non_digit_variant(lambda rng: encode(rng.integers(0, 256, (50, 50), np.uint8)))
    blank = non_digit_variant(lambda _: encode(BLANK))
    return [
        TestSet("digits", "some of MNIST", {"upright": upright_variant, "turned": turned_variant}, 100),
        TestSet("others", "noise and nothing", {"noise": noise, "blank": blank}, 30),
    ]


@pytest.fixture(scope="module")
def results(model: Model, digits: Digits, test_sets: list[TestSet]) -> list[RobustnessResult]:
    return evaluate_robustness(model, 0.9, digits, test_sets)


def test_digits_are_correct_where_they_are_read_correctly(results: list[RobustnessResult]) -> None:
    of_digits = results[0]
    assert of_digits.n == 200
    assert of_digits.variants["upright"] > 0.97
    assert of_digits.variants["turned"] < 0.6
    assert of_digits.correct == pytest.approx(np.mean(list(of_digits.variants.values())))
    assert of_digits.interval[0] < of_digits.correct < of_digits.interval[1]
    assert of_digits.weakest == "turned"


def test_non_digits_are_correct_where_they_are_not_accepted(results: list[RobustnessResult]) -> None:
    of_non_digits = results[1]
    assert of_non_digits.variants["blank"] == 1
    assert of_non_digits.correct == pytest.approx(1 - of_non_digits.accepted)


def test_blank_pictures_are_counted_and_have_no_confidence(results: list[RobustnessResult]) -> None:
    assert [result.blank for result in results] == [0, 0.5]
    assert results[1].auroc is not None
    assert results[1].auroc > 0.75


def test_calibration_is_of_digits_and_auroc_of_non_digits(results: list[RobustnessResult]) -> None:
    assert results[0].auroc is None
    assert results[0].calibration_error is not None
    assert 0.05 < results[0].calibration_error < 0.5  # overconfident on digits that are upside down
    assert results[1].calibration_error is None


def test_nothing_is_accepted_at_a_threshold_that_no_confidence_reaches(
    model: Model, digits: Digits, test_sets: list[TestSet]
) -> None:
    assert [result.accepted for result in evaluate_robustness(model, 1.1, digits, test_sets)] == [0, 0]


def test_all_that_is_wrong_is_accepted_at_a_threshold_of_zero(
    model: Model, digits: Digits, test_sets: list[TestSet], results: list[RobustnessResult]
) -> None:
    of_digits, of_non_digits = evaluate_robustness(model, 0.0, digits, test_sets)
    assert of_digits.wrong_accepted == pytest.approx(1 - of_digits.correct)
    assert of_non_digits.wrong_accepted == of_non_digits.accepted
    assert 0 < results[0].wrong_accepted < of_digits.wrong_accepted


def test_the_pictures_kept_for_the_contact_sheet_are_of_all_variants(results: list[RobustnessResult]) -> None:
    for result in results:
        assert len(result.shown) == SAMPLES_SHOWN
        assert {picture.variant for picture in result.shown} == set(result.variants)


def test_the_figures_can_be_written_as_json(results: list[RobustnessResult]) -> None:
    digits, non_digits = json.loads(json.dumps([result.to_dict() for result in results], allow_nan=False))
    assert (digits["kind"], digits["about"], digits["right"]) == ("digits", "some of MNIST", results[0].correct)
    assert non_digits["variants"]["blank"] == 1
    assert "shown" not in digits


def test_the_table_has_a_line_for_each_test_set_below_its_header(results: list[RobustnessResult]) -> None:
    lines = format_table(results).splitlines()
    assert [line.split("  ")[0] for line in lines[:2]] == ["digits", "digits"]
    assert lines[2] == f"wrong though accepted: {results[0].wrong_accepted:.2%} of 200 pictures"
    assert [line.split("  ")[0] for line in lines[3:]] == ["", "non-digits", "others"]
    assert f"{results[1].auroc:.4f}" in lines[-1]


def test_mnist_as_png_is_read_as_the_graph_reads_mnist(model: Model, digits: Digits) -> None:
    """Preprocessing leaves an image in MNIST's geometry as it is."""
    (result,) = evaluate_robustness(model, 0.5, digits, [files.mnist_as_png(digits)])
    assert result.correct == (model.run(digits.images).argmax(axis=1) == digits.labels).mean()


def test_the_same_digits_in_both_polarities_have_the_interval_of_one(model: Model, digits: Digits) -> None:
    plain, inverted = (
        digit_variant(digits, render) for render in (lambda i, _: encode(i), lambda i, _: encode(invert(i)))
    )
    (once,) = evaluate_robustness(model, 0.5, digits, [TestSet("one", "", {"plain": plain}, len(digits))])
    both = TestSet("both", "", {"plain": plain, "inverted": inverted}, len(digits))
    (twice,) = evaluate_robustness(model, 0.5, digits, [both])
    assert twice.n == 2 * once.n
    assert twice.correct == once.correct < 1
    assert twice.interval == pytest.approx(once.interval)
