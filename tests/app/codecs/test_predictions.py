"""What is written straight from arrays fits the documented schemas."""

from __future__ import annotations

import json
from typing import NamedTuple

import numpy as np
import pytest

from app.arrays import Probabilities
from app.codecs.predictions import (
    ExplainedPrediction,
    FailedPrediction,
    Prediction,
    Predictions,
    ReadPage,
    encode_each,
    encode_explained,
    encode_page,
    encode_predictions,
    line_texts,
)
from app.errors import BlankPicture, InvalidRequest
from app.inference.explanation import Explanation
from app.segmentation import page_reader
from app.segmentation.decoding.reading import ReadLine, Sign


class Model(NamedTuple):
    name: str = "digits"
    version: int = 7
    labels: tuple[str, ...] = tuple("0123456789")
    threshold: float = 0.5


def probabilities(*confidences: float) -> Probabilities:
    """Rows in which 7 has this probability and 1 has 0.2."""
    rows = np.zeros((len(confidences), 10), np.float32)
    rows[:, 7], rows[:, 1] = confidences, 0.2
    return rows


def good_predictions(content: bytes) -> list[Prediction]:
    found = Predictions.model_validate_json(content).predictions
    return [prediction for prediction in found if isinstance(prediction, Prediction)]


def test_predictions_fit_their_schema_and_are_accepted_from_the_threshold_on() -> None:
    predictions = good_predictions(encode_predictions(Model(), probabilities(0.5, 0.49), None))
    assert [(prediction.digit, prediction.accepted) for prediction in predictions] == [(7, True), (7, False)]
    assert predictions[1].confidence == pytest.approx(0.49)
    assert predictions[0].image is None


def test_images_are_shown_on_request() -> None:
    (prediction,) = good_predictions(encode_predictions(Model(), probabilities(0.8), np.zeros((1, 28, 28), np.uint8)))
    assert prediction.image


def test_problems_stand_where_their_pictures_were() -> None:
    errors = {0: BlankPicture("blank", picture=0), 2: InvalidRequest("no base64", picture=2)}
    document = Predictions.model_validate_json(encode_each(Model(), probabilities(0.8, 0.9), None, errors))
    kinds = [type(prediction) for prediction in document.predictions]
    assert kinds == [FailedPrediction, Prediction, FailedPrediction, Prediction]
    failed = document.predictions[2]
    assert isinstance(failed, FailedPrediction)
    assert (failed.error.detail, failed.error.status, failed.error.picture) == ("no base64", 400, 2)


def test_explained_prediction_fits_its_schema() -> None:
    explanation = Explanation(7, 3.0, -1.0, np.ones((28, 28), np.float32))
    document = ExplainedPrediction.model_validate_json(encode_explained(Model(), probabilities(0.8), None, explanation))
    assert document.explanation.attributions[27][27] == 1


def page_of(lines: list[ReadLine]) -> page_reader.ReadPage:
    return page_reader.ReadPage(lines, 0, None)


def line_of(text: str, confidences: tuple[float, ...]) -> ReadLine:
    """Digits beside each other."""
    signs = [
        Sign("digit", digit, confidence, (10 * place, 0, 8, 10))
        for place, (digit, confidence) in enumerate(zip(text, confidences, strict=True))
    ]
    return ReadLine(signs, min(confidences), [])


def test_page_fits_its_schema_and_its_digits_are_in_reading_order() -> None:
    lines = [line_of("71", (0.95, 0.8)), line_of("2", (0.9,))]
    document = ReadPage.model_validate_json(encode_page(Model(), page_of(lines)))
    assert (document.text, document.lines) == ("71\n2", ["71", "2"])
    assert [(digit.digit, digit.accepted) for digit in document.digits] == [(7, True), (1, False), (2, True)]
    assert document.digits[1].box == (10, 0, 8, 10)


def test_page_without_digits_has_no_lines() -> None:
    assert json.loads(encode_page(Model(), page_of([])))["lines"] == line_texts([]) == []
