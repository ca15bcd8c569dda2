"""Which lines, and which signs on them, are accepted."""

from __future__ import annotations

import pytest

from app.segmentation.decoding.reading import Reading, ReadLine, Sign

THRESHOLD = 0.5  # of a model


def line(*confidences: float, text: str = "12", certainty: float = 0.99) -> ReadLine:
    signs = [
        Sign("digit" if character.isdigit() else "minus", character, confidence, (10 * place, 0, 8, 10))
        for place, (character, confidence) in enumerate(zip(text, confidences, strict=True))
    ]
    return ReadLine(signs, certainty, [Reading(text, certainty)])


@pytest.mark.parametrize(("confidence", "accepted"), [(0.95, True), (0.85, False)])
def test_sign_on_a_line_is_accepted_from_nine_tenths_on(confidence: float, accepted: bool) -> None:
    assert line(0.99, confidence).signs[1].is_accepted(THRESHOLD) == accepted
    assert line(0.99, confidence).is_accepted(THRESHOLD) == accepted


def test_sign_is_not_accepted_below_the_threshold_of_the_model() -> None:
    assert not line(0.99, 0.95).signs[1].is_accepted(threshold=0.97)


def test_line_that_is_uncertain_as_a_whole_is_not_accepted() -> None:
    assert not line(0.99, 0.99, certainty=0.9).is_accepted(THRESHOLD)


def test_marks_without_a_digit_are_not_accepted() -> None:
    assert line(0.99, 0.99, text="-7").is_accepted(THRESHOLD)
    assert not line(0.99, 0.99, text="--").is_accepted(THRESHOLD)
