"""Marks are told from digits by their shape and their place, on strips drawn by hand."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from app.segmentation.decoding.marks import possible_marks
from app.segmentation.decoding.writing import typical_slant
from app.segmentation.oversegmentation import SegmentBudget, Strip, candidate_segments, oversegment

BUDGET = SegmentBudget(max_digits=1000)
BASE, HEIGHT, PEN = 80, 60, 6

Points = list[tuple[int, int]]


def zero(ink: NDArray[np.uint8], x: int) -> None:
    cv2.ellipse(ink, (x, BASE - HEIGHT // 2), (14, HEIGHT // 2 - PEN // 2), 0, 0, 360, 255, PEN, cv2.LINE_AA)


def marks_between_zeros(*strokes: Points) -> dict[str, float]:
    """What the strokes between two zeros on each side may be, with the fit; x from 0, y up from the base."""
    ink = np.zeros((110, 300), np.uint8)
    for x in (25, 70, 230, 275):
        zero(ink, x)
    for stroke in strokes:
        places = np.array([[120 + x, BASE - y] for x, y in stroke], np.int32)
        cv2.polylines(ink, [places], False, 255, PEN, cv2.LINE_AA)
    strip = Strip(ink, HEIGHT, np.full(300, BASE - HEIGHT // 2, np.intp))
    segments = candidate_segments(strip, oversegment(strip, BUDGET), BUDGET)
    marks = possible_marks(strip, segments, typical_slant([strip]))
    left, right = 115, 205
    (own,) = [
        found
        for segment, found in zip(segments, marks, strict=True)
        if left <= segment.box[0] and segment.box[0] + segment.box[2] <= right and is_whole(ink, segment.box)
    ]
    return {mark.text: mark.fit for mark in own}


def is_whole(ink: NDArray[np.uint8], box: tuple[int, int, int, int]) -> bool:
    """Whether all ink between the zeros is in the box."""
    x, y, width, height = box
    outside = ink[:, 100:210].copy()
    outside[y : y + height, x - 100 : x - 100 + width] = 0
    return not (outside > 48).any()


def ring(x: int, y: int) -> Points:
    return [(round(x + 7 * np.cos(a)), round(y + 9 * np.sin(a))) for a in np.linspace(0, 2 * np.pi, 20)]


def bow(side: int) -> Points:
    return [(20 - round(side * 12 * np.cos(a)), 30 + round(38 * np.sin(a))) for a in np.linspace(-1.4, 1.4, 20)]


DRAWN = {
    ".": [[(20, 3), (22, 3)]],
    ",": [[(22, 4), (22, 0), (16, -14)]],
    "-": [[(10, 30), (34, 31)]],
    "+": [[(10, 30), (38, 30)], [(24, 44), (24, 16)]],
    ":": [[(20, 36), (21, 36)], [(20, 4), (21, 4)]],
    "=": [[(10, 38), (36, 38)], [(10, 22), (36, 22)]],
    "/": [[(5, -6), (35, 66)]],
    "(": [bow(1)],
    ")": [bow(-1)],
    "%": [ring(8, 50), [(40, 60), (6, 0)], ring(42, 12)],
}


@pytest.mark.parametrize("mark", DRAWN)
def test_mark_is_named(mark: str) -> None:
    fits = marks_between_zeros(*DRAWN[mark])
    assert max(fits, key=fits.__getitem__) == mark
    assert fits[mark] > 0.6


DIGITS = {
    "1": [[(20, 60), (20, 0)]],
    "slanted 1": [[(28, 58), (14, 0)]],
    "7": [[(5, 58), (35, 58), (16, 0)]],
    "4": [[(20, 60), (4, 22), (38, 22)], [(28, 38), (28, 0)]],
}


@pytest.mark.parametrize("digit", DIGITS)
def test_digit_is_hardly_a_mark(digit: str) -> None:
    assert max(marks_between_zeros(*DIGITS[digit]).values(), default=0) < 0.4


def test_point_stands_on_the_base_line() -> None:
    assert not marks_between_zeros([(20, 40), (22, 40)]).get(".")


def test_speck_is_no_point() -> None:
    ink = np.zeros((110, 120), np.uint8)
    zero(ink, 25)
    zero(ink, 95)
    ink[BASE - 2 : BASE, 60:62] = 255
    strip = Strip(ink, HEIGHT, np.full(120, BASE - HEIGHT // 2, np.intp))
    segments = candidate_segments(strip, oversegment(strip, BUDGET), BUDGET)
    marks = [mark for found in possible_marks(strip, segments, 0.0) for mark in found]
    assert not any(mark.kind == "point" and mark.fit > 0.1 for mark in marks)
