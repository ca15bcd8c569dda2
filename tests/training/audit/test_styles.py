from __future__ import annotations

import pytest

from training.audit.styles import AUDITED_DIGITS, largest_gap, style_results
from training.evaluation.testsets.styles import writing_styles

EVEN = {f"{digit} {way}": 0.9 for digit in AUDITED_DIGITS for way in ("a", "b", "c")}


def test_largest_gap_is_within_one_digit() -> None:
    """4 is read worse than 1 in every way, which no writer chose; two ways of 7 differ."""
    shares = EVEN | {"1 a": 1.0, "4 a": 0.75, "4 b": 0.75, "4 c": 0.75, "7 a": 0.95, "7 b": 0.7}
    gap = largest_gap(style_results(shares, 100))
    assert (gap.best.style, gap.worst.style) == ("7 a", "7 b")
    assert gap.size == pytest.approx(0.25)
    assert gap.is_certain


def test_small_gap_is_not_certain() -> None:
    assert not largest_gap(style_results(EVEN | {"9 a": 0.92}, 100)).is_certain


def test_other_digits_are_left_out() -> None:
    results = style_results(EVEN | {"8 open": 0.1}, 100)
    assert {result.digit for result in results} == set(AUDITED_DIGITS)


def test_every_audited_digit_has_several_ways_of_writing() -> None:
    ways = style_results(dict.fromkeys(writing_styles().variants, 1.0), 10)
    for digit in AUDITED_DIGITS:
        assert len([way for way in ways if way.digit == digit]) > 1
