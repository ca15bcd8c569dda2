from __future__ import annotations

import json
import math

import numpy as np
import pytest

from training.evaluation.metrics import Bin, Evaluation, auroc, wilson_interval


def probabilities(*rows: tuple[int, float]) -> np.ndarray:
    """A row for each (digit read, its confidence); the rest is spread over the other nine."""
    result = np.empty((len(rows), 10))
    for row, (digit, confidence) in zip(result, rows, strict=True):
        row[:] = (1 - confidence) / 9
        row[digit] = confidence
    return result


# Four digits: 0 read 0, 0 read 1, 1 read 1, 2 read 1.
FOUR = Evaluation.of(probabilities((0, 0.9), (1, 0.5), (1, 0.9), (1, 0.9)), np.array([0, 0, 1, 2], np.uint8))


def test_accuracy_is_the_share_read_rightly() -> None:
    assert FOUR.n == 4
    assert FOUR.accuracy == 0.5


def test_the_confusion_matrix_has_a_row_for_what_it_is_and_a_column_for_what_was_read() -> None:
    expected = np.zeros((10, 10), int)
    expected[0, 0] = expected[0, 1] = expected[1, 1] = expected[2, 1] = 1
    assert np.array_equal(FOUR.confusion, expected)


def test_precision_is_of_what_was_read_and_recall_of_what_there_is() -> None:
    assert FOUR.precision[:2] == pytest.approx([1, 1 / 3])
    assert FOUR.recall[:3] == pytest.approx([1 / 2, 1, 0])


def test_a_digit_never_read_has_no_precision_rather_than_a_wrong_one() -> None:
    assert math.isnan(FOUR.precision[2])
    assert math.isnan(FOUR.recall[3])


def test_the_interval_is_wilsons() -> None:
    """By hand: 8 of 10 with z = 1.959964."""
    assert wilson_interval(8, 10) == pytest.approx((0.49016, 0.94332), abs=1e-5)
    low, high = wilson_interval(10, 10)
    assert low == pytest.approx(0.72247, abs=1e-5)
    assert high == pytest.approx(1)


def test_the_calibration_error_weighs_each_bins_gap_by_its_digits() -> None:
    """Bin of 0.5: one digit, wrong, gap 0.5. Bin of 0.9: three digits, two right, gap 0.9 - 2/3."""
    assert FOUR.calibration_error == pytest.approx((1 * 0.5 + 3 * (0.9 - 2 / 3)) / 4)


def test_a_sure_and_right_classifier_has_no_calibration_error() -> None:
    labels = np.arange(10, dtype=np.uint8)
    assert Evaluation.of(np.eye(10), labels).calibration_error == 0


def test_there_are_fifteen_bins_and_certainty_falls_into_the_last() -> None:
    bins = Evaluation.of(np.eye(10), np.arange(10, dtype=np.uint8)).reliability
    assert len(bins) == 15
    assert bins[-1] == Bin(lower=bins[-2].upper, upper=1.0, count=10, confidence=1.0, accuracy=1.0)
    assert sum(each.count for each in bins) == 10


def test_it_can_be_written_as_json_even_where_a_figure_is_undefined() -> None:
    read = json.loads(json.dumps(FOUR.to_dict(), allow_nan=False))
    assert read["accuracy"] == 0.5
    assert read["precision"][2] is None
    assert len(read["reliability"]) == 15


def test_probabilities_and_labels_must_belong_together() -> None:
    with pytest.raises(ValueError, match="labels"):
        Evaluation.of(np.eye(10), np.zeros(9, np.uint8))
    with pytest.raises(ValueError, match="labels"):
        Evaluation.of(np.zeros((0, 10)), np.zeros(0, np.uint8))


def test_auroc_is_the_share_of_pairs_in_the_right_order() -> None:
    """0.9 is above all three, 0.6 above one and level with another: of six pairs four and a half."""
    assert auroc(np.array([0.9, 0.6]), np.array([0.1, 0.6, 0.8])) == pytest.approx(4.5 / 6)
    assert auroc(np.array([0.9]), np.array([0.1])) == 1
    assert auroc(np.array([0.5]), np.array([0.5])) == 0.5
