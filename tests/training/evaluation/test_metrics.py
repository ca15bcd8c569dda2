from __future__ import annotations

import json
import math

import numpy as np
import pytest

from training.evaluation.metrics import (
    Bin,
    Evaluation,
    auroc,
    clustered_interval,
    mcnemar,
    roc,
    true_positives_at,
    wilson_interval,
)


def probabilities(*rows: tuple[int, float]) -> np.ndarray:
    """A row for each predicted digit and its confidence; the remainder is spread over the other nine digits."""
    result = np.empty((len(rows), 10), np.float32)
    for row, (digit, confidence) in zip(result, rows, strict=True):
        row[:] = (1 - confidence) / 9
        row[digit] = confidence
    return result


# The true and the predicted digits: 0 as 0, 0 as 1, 1 as 1, 2 as 1.
FOUR = Evaluation.from_predictions(
    probabilities((0, 0.9), (1, 0.5), (1, 0.9), (1, 0.9)), np.array([0, 0, 1, 2], np.uint8)
)


def test_accuracy_is_the_share_read_correctly() -> None:
    assert FOUR.n == 4
    assert FOUR.accuracy == 0.5


def test_the_confusion_matrix_has_a_row_for_the_true_and_a_column_for_the_predicted_digit() -> None:
    expected = np.zeros((10, 10), int)
    expected[0, 0] = expected[0, 1] = expected[1, 1] = expected[2, 1] = 1
    assert np.array_equal(FOUR.confusion, expected)


def test_precision_is_relative_to_the_predicted_and_recall_to_the_true_digits() -> None:
    assert FOUR.precision[:2] == pytest.approx([1, 1 / 3])
    assert FOUR.recall[:3] == pytest.approx([1 / 2, 1, 0])


def test_a_digit_never_predicted_has_no_precision_and_one_that_does_not_occur_no_recall() -> None:
    assert math.isnan(FOUR.precision[2])
    assert math.isnan(FOUR.recall[3])


def test_the_confidence_interval_is_wilsons() -> None:
    """By hand: 8 of 10 with z = 1.959964."""
    assert wilson_interval(8, 10) == pytest.approx((0.49016, 0.94332), abs=1e-5)
    low, high = wilson_interval(10, 10)
    assert low == pytest.approx(0.72247, abs=1e-5)
    assert high == pytest.approx(1)


def test_the_calibration_error_weights_the_gap_of_each_bin_by_its_digits() -> None:
    """Bin of 0.5: one digit, wrong, gap 0.5. Bin of 0.9: three digits, two correct, gap 0.9 - 2/3."""
    assert FOUR.calibration_error == pytest.approx((1 * 0.5 + 3 * (0.9 - 2 / 3)) / 4)


def test_a_classifier_that_is_certain_and_correct_has_no_calibration_error() -> None:
    labels = np.arange(10, dtype=np.uint8)
    assert Evaluation.from_predictions(np.eye(10, dtype=np.float32), labels).calibration_error == 0


def test_there_are_fifteen_bins_and_certainty_falls_into_the_last() -> None:
    bins = Evaluation.from_predictions(np.eye(10, dtype=np.float32), np.arange(10, dtype=np.uint8)).reliability
    assert len(bins) == 15
    assert bins[-1] == Bin(lower=bins[-2].upper, upper=1.0, count=10, confidence=1.0, accuracy=1.0)
    assert sum(group.count for group in bins) == 10


def test_an_evaluation_can_be_written_as_json_even_where_a_figure_is_undefined() -> None:
    values = json.loads(json.dumps(FOUR.to_dict(), allow_nan=False))
    assert values["accuracy"] == 0.5
    assert values["precision"][2] is None
    assert len(values["reliability"]) == 15


def test_there_must_be_one_prediction_for_each_label() -> None:
    with pytest.raises(ValueError, match="labels"):
        Evaluation.from_predictions(np.eye(10, dtype=np.float32), np.zeros(9, np.uint8))
    with pytest.raises(ValueError, match="labels"):
        Evaluation.from_predictions(np.zeros((0, 10), np.float32), np.zeros(0, np.uint8))


def test_auroc_is_the_share_of_pairs_in_the_right_order() -> None:
    """0.9 is above all three negatives, 0.6 above one and equal to another: four and a half of six pairs."""
    assert auroc(np.array([0.9, 0.6]), np.array([0.1, 0.6, 0.8])) == pytest.approx(4.5 / 6)
    assert auroc(np.array([0.9]), np.array([0.1])) == 1
    assert auroc(np.array([0.5]), np.array([0.5])) == 0.5


def test_two_pictures_that_are_always_alike_count_as_one() -> None:
    correct = np.arange(100) >= 10
    twice, clusters = np.repeat(correct, 2), np.repeat(np.arange(100), 2)
    assert clustered_interval(twice, clusters) == pytest.approx(wilson_interval(90, 100))
    assert clustered_interval(correct, np.arange(100)) == pytest.approx(wilson_interval(90, 100))
    assert clustered_interval(np.ones(200, np.bool_), clusters) == pytest.approx(wilson_interval(100, 100))


def test_pictures_of_one_digit_that_tell_nothing_about_each_other_count_as_two() -> None:
    rng = np.random.default_rng(0)
    correct = rng.random(20_000) < 0.9
    low, high = clustered_interval(correct, np.repeat(np.arange(10_000), 2))
    expected_low, expected_high = wilson_interval(float(correct.sum()), 20_000)
    assert high - low == pytest.approx(expected_high - expected_low, rel=0.05)


def test_only_what_two_models_read_differently_decides_between_them() -> None:
    first, second = np.ones(1000, np.bool_), np.ones(1000, np.bool_)
    second[:6], first[6] = False, False
    test = mcnemar(first, second)
    assert (test.only_first, test.only_second) == (6, 1)
    assert test.p == pytest.approx(0.125)  # 2 * (1 + 7) / 2**7
    assert not test.significant
    assert mcnemar(first, first).p == 1
    assert mcnemar(np.ones(6, np.bool_), np.zeros(6, np.bool_)).significant


def test_equal_scores_are_guessed_among() -> None:
    false, true = roc(np.zeros(10), np.zeros(20))
    assert (false.tolist(), true.tolist()) == ([0, 1], [0, 1])
    assert true_positives_at(false, true, 0.25) == 0.25


def test_the_rate_at_few_false_positives_counts_the_positives_above_the_strictest_threshold() -> None:
    curve = roc(np.array([9.0, 8, 6, 5]), np.array([7.0, 4, 3, 2]))
    assert true_positives_at(*curve) == pytest.approx(0.5)
    assert true_positives_at(*curve, 0.25) == pytest.approx(1.0)
