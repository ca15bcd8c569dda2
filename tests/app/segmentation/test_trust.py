"""A reading that is certain of its ink is doubted where the ink may not be the digits'."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from app.segmentation.decoding.reading import Reading, ReadLine, Sign
from app.segmentation.layout import find_lines
from app.segmentation.trust import less_certain, trust_beside_others, trust_in_heights, trust_in_places, trust_in_text


def line_of(text: str, height: int = 40) -> ReadLine:
    signs = [Sign("digit", sign, 1.0, (30 * place, 0, 20, height)) for place, sign in enumerate(text)]
    return ReadLine(signs, 1.0, [Reading(text, 1.0)])


@pytest.mark.parametrize(
    ("text", "is_doubtful"), [("4803 /", True), ("/ 12", True), ("24/12/2026", False), ("3/4", False), ("4803", False)]
)
def test_a_slash_beside_a_number_is_rather_a_tick(text: str, *, is_doubtful: bool) -> None:
    assert (trust_in_text(text, {}, lacks_feet=False) < 0.95) == is_doubtful


@pytest.mark.parametrize(
    ("heights", "is_doubtful"),
    [
        ([1.0, 0.9, 1.0, 0.62], True),
        ([1.0, 0.9, 1.0, 1.7], True),
        ([1.0, 0.8, 1.1], False),
        ([0.6], False),
        ([], False),
    ],
    ids=["the s of seconds, or a power", "the edge of paper", "as hands write", "one digit", "no digit"],
)
def test_a_digit_much_lower_or_higher_than_its_neighbours_is_doubtful(
    heights: list[float], *, is_doubtful: bool
) -> None:
    assert (trust_in_heights(heights) < 0.95) == is_doubtful


@pytest.mark.parametrize(
    ("height", "margin", "is_doubtful"),
    [(20, 0, True), (20, 1, False), (150, 1, True), (150, 6, False)],
    ids=["cut", "as MNIST has them", "a soft edge that is cut", "whole"],
)
def test_a_digit_that_the_edge_of_the_page_may_cut_is_doubtful(height: int, margin: int, *, is_doubtful: bool) -> None:
    ink = np.zeros((400, 400), np.uint8)
    cv2.rectangle(ink, (100, margin), (100 + height // 2, margin + height - 1), (255,), 3)
    ink[:margin] = 0  # what a wide line adds
    lines, labels = find_lines(ink)
    (trust,) = trust_in_places(lines, ink, labels, is_cut_out=False)
    assert (trust < 0.95) == is_doubtful


def test_a_one_alone_that_is_much_longer_than_the_page_s_digits_is_doubtful() -> None:
    page = [line_of("472"), line_of("1", height=300), line_of("90")]
    assert [trust < 0.95 for trust in trust_beside_others(page)] == [False, True, False]
    assert trust_beside_others([line_of("1", height=300)]) == [1.0]
    assert trust_beside_others([line_of("472"), line_of("1")]) == [1.0, 1.0]


def test_a_doubtful_line_keeps_its_text_and_is_not_accepted() -> None:
    certain, doubtful = line_of("472"), less_certain(line_of("472"), 0.5)
    assert (certain.is_accepted(0.5), doubtful.is_accepted(0.5)) == (True, False)
    assert doubtful.alternatives == [Reading("472", 0.5)]
    assert doubtful.signs == certain.signs
