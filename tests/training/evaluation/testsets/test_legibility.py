from __future__ import annotations

import numpy as np
import pytest

from training.evaluation.testsets.legibility import is_legible
from training.evaluation.testsets.pen_and_paper import Points

ANGLES = np.radians(np.arange(-80, 260, 45))
RING = np.column_stack([0.3 + 0.3 * np.cos(ANGLES), 0.5 + 0.5 * np.sin(ANGLES)])
BOWL = RING * (1, 0.5)
STEM = np.array([(0.55, 0.3), (0.5, 1.0)])
EIGHT = np.array([(0.5, 0.1), (0.1, 0.05), (0.05, 0.3), (0.5, 0.7), (0.3, 1.0), (0.05, 0.8), (0.3, 0.5), (0.5, 0.15)])


def points(*corners: tuple[float, float]) -> Points:
    return np.array(corners)


@pytest.mark.parametrize(
    ("digit", "clear", "unclear"),
    [
        pytest.param(0, RING, np.vstack([RING, (0.3, 0.5)]), id="a zero is empty inside"),
        pytest.param(
            1,
            points((0, 0.3), (0.2, 0), (0.2, 0.4), (0.2, 0.7), (0.2, 1)),
            points((0, 0.05), (0.3, 0), (0.3, 0.4), (0.3, 0.7), (0.3, 1)),
            id="the flag of a one is steep",
        ),
        pytest.param(
            3,
            points((0, 0.1), (0.4, 0.1), (0.1, 0.5), (0.5, 0.7), (0.4, 0.9), (0, 1)),
            points((0, 0.1), (0.4, 0.1), (0.42, 0.5), (0.5, 0.7), (0.4, 0.9), (0, 1)),
            id="a three has a notch",
        ),
        pytest.param(
            6,
            np.vstack([STEM, BOWL])[::-1] * (1, -1) + (0, 1),
            points((0.3, 0), (0.1, 0.4), (0, 0.9), (0.05, 1), (0.1, 0.95), (0.04, 0.9)),
            id="a six has a bowl",
        ),
        pytest.param(8, EIGHT, EIGHT[:6], id="an eight ends where it starts"),
        pytest.param(8, EIGHT, EIGHT * (0.2, 1), id="an eight has loops"),
        pytest.param(9, np.vstack([BOWL, STEM]), np.vstack([BOWL * 0.2, STEM]), id="a nine has a bowl"),
    ],
)
def test_what_tells_a_digit_from_others_is_required(digit: int, clear: Points, unclear: Points) -> None:
    if digit == 6:
        clear = clear[::-1] if clear[0, 1] > clear[-1, 1] else clear
    assert is_legible([clear], digit)
    assert not is_legible([unclear], digit)


def test_a_one_with_a_foot_may_have_a_flat_flag() -> None:
    stem = points((0, 0.05), (0.3, 0), (0.3, 0.4), (0.3, 0.7), (0.3, 1))
    assert is_legible([stem, points((0.1, 1), (0.5, 1))], 1)


def test_other_digits_are_always_legible() -> None:
    assert all(is_legible([STEM], digit) for digit in (2, 4, 5, 7))
