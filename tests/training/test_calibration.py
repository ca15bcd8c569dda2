from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from training.calibration import (
    Calibration,
    Predictions,
    calibrate,
    confidence_reached,
    confidence_with_few_wrong,
    fit_temperature,
    negative_log_likelihood,
    softmax,
    validation_pictures,
)
from training.config import TrainConfig
from training.distillation.soft_targets import smooth_labels
from training.distillation.synthetic_dataset import Examples, shard_path

NON_DIGIT = 10


def predictions(labels: np.ndarray, predicted: np.ndarray, margins: np.ndarray) -> Predictions:
    """Of a network with eleven logits: that of the predicted class is larger than all others by a margin."""
    logits = np.zeros((len(labels), 11), np.float32)
    logits[np.arange(len(labels)), predicted] = margins
    return Predictions(logits, labels.astype(np.uint8))


@pytest.fixture
def digits() -> Predictions:
    """A thousand clean digits of all degrees of certainty; five are misread."""
    labels = np.arange(1000) % 10
    predicted = np.where(np.arange(1000) < 5, (labels + 1) % 10, labels)
    return predictions(labels, predicted, np.linspace(4, 9, 1000))


def pictures(wrong_up_to: float) -> Predictions:
    """A thousand pictures, half of them non-digits that the network takes for digits up to this margin."""
    labels = np.where(np.arange(1000) % 2, NON_DIGIT, np.arange(1000) % 10)
    margins = np.linspace(2, 9, 1000)
    predicted = np.where((labels == NON_DIGIT) & (margins < wrong_up_to), 3, labels)
    return predictions(labels, predicted, margins)


def test_the_temperature_found_is_the_factor_by_which_the_logits_are_too_large() -> None:
    """The labels are drawn from softmax(logits)."""
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 2, (20_000, 10)).astype(np.float32)
    cumulative = softmax(logits).cumsum(axis=1)
    labels = (rng.random((20_000, 1)) > cumulative).sum(axis=1).clip(0, 9).astype(np.uint8)
    assert fit_temperature(2.5 * logits, labels) == pytest.approx(2.5, rel=0.03)


def test_no_other_temperature_has_a_greater_likelihood(digits: Predictions) -> None:
    best = fit_temperature(digits.logits, digits.labels)
    least = negative_log_likelihood(digits.logits, digits.labels, best)
    for factor in (0.5, 0.99, 1.01, 2):
        assert least <= negative_log_likelihood(digits.logits, digits.labels, best * factor)


def test_without_pictures_all_but_half_a_percent_of_the_digits_reach_the_threshold(digits: Predictions) -> None:
    calibration = calibrate(digits, None, 10)
    confidences = softmax(digits.logits / calibration.temperature)[:, :10].max(axis=1)
    assert 0.995 <= (confidences >= calibration.threshold).mean() <= 0.997
    assert calibration.data == "1,000 validation digits"
    assert confidence_reached(np.ones(10), 0.995) == 1.0


def test_pictures_of_digits_that_are_misread_make_the_network_less_sure(digits: Predictions) -> None:
    labels = np.arange(1000) % 10
    misread = predictions(labels, np.where(np.arange(1000) % 5, labels, (labels + 1) % 10), np.full(1000, 6.0))
    assert calibrate(digits, misread, 10).temperature > 1.5 * calibrate(digits, None, 10).temperature


def test_clean_digits_and_pictures_have_the_same_say_in_the_temperature(digits: Predictions) -> None:
    """However many pictures there are: a hundred times as many of the same change nothing."""
    labels = np.arange(1000) % 10
    misread = predictions(labels, np.where(np.arange(1000) % 5, labels, (labels + 1) % 10), np.full(1000, 6.0))
    many = Predictions(np.tile(misread.logits, (100, 1)), np.tile(misread.labels, 100))
    assert calibrate(digits, many, 10).temperature == calibrate(digits, misread, 10).temperature


def test_non_digits_have_no_say_in_the_temperature(digits: Predictions) -> None:
    of_digits = pictures(0).of_digits(10)
    assert calibrate(digits, pictures(9), 10).temperature == calibrate(digits, of_digits, 10).temperature


def accepted_and_wrong(of: Predictions, calibration: Calibration) -> tuple[np.ndarray, np.ndarray]:
    probabilities = softmax(of.logits / calibration.temperature)[:, :10]
    return probabilities.max(axis=1) >= calibration.threshold, probabilities.argmax(axis=1) != of.labels


def test_few_of_the_accepted_pictures_are_wrong(digits: Predictions) -> None:
    """Some two hundred non-digits are taken for digits; digits that are as certain as those are not accepted."""
    sent = pictures(wrong_up_to=4.05)
    accepted, wrong = accepted_and_wrong(sent, calibrate(digits, sent, 10))
    assert wrong[accepted].mean() <= 0.03
    assert accepted.mean() > 0.3
    assert calibrate(digits, sent, 10).threshold > calibrate(digits, None, 10).threshold


def test_pictures_that_deceive_the_network_do_not_make_it_refuse_clean_digits(digits: Predictions) -> None:
    calibration = calibrate(digits, pictures(wrong_up_to=9.5), 10)
    accepted, _ = accepted_and_wrong(digits, calibration)
    assert 0.985 <= accepted.mean() < 0.99


def test_where_the_surest_predictions_are_wrong_none_is_sure_enough() -> None:
    probabilities = np.eye(10, dtype=np.float32)
    assert confidence_with_few_wrong(probabilities, np.roll(np.arange(10, dtype=np.uint8), 1)) == 1.0


def test_validation_pictures_are_those_of_the_dataset_that_the_run_learnt_from(tmp_path: Path) -> None:
    config = TrainConfig(bank=str(tmp_path), bank_parts=("near:1",))
    assert validation_pictures(config) is None
    Examples(np.zeros((3, 28, 28), np.uint8), smooth_labels(np.array([4, 10, 1]))).save(
        shard_path(tmp_path, "validation", 0)
    )
    found = validation_pictures(config)
    assert found is not None
    assert found.labels.tolist() == [4, 10, 1]
    assert validation_pictures(TrainConfig()) is None
