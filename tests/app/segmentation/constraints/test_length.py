"""The number of digits."""

from __future__ import annotations

from app.segmentation.constraints.automaton import accepts_text
from app.segmentation.constraints.length import DigitCount


def test_so_many_digits_are_accepted() -> None:
    assert [accepts_text(DigitCount(2), "1" * length) for length in range(4)] == [False, False, True, False]
