"""Marks are told from digits by their size, shape and place, on strips drawn by hand."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from app.segmentation.decoding.kinds import MARK, MARKS, OTHER, network, segment_features
from app.segmentation.decoding.writing import Writing, typical_slant
from app.segmentation.oversegmentation import SegmentBudget, Strip, candidate_segments, oversegment

BUDGET = SegmentBudget(max_digits=1000)
BASE, HEIGHT, PEN = 80, 60, 6

Points = list[tuple[int, int]]


def zero(ink: NDArray[np.uint8], x: int) -> None:
    cv2.ellipse(ink, (x, BASE - HEIGHT // 2), (14, HEIGHT // 2 - PEN // 2), 0, 0, 360, 255, PEN, cv2.LINE_AA)


def kinds_between_zeros(*strokes: Points) -> dict[str, float]:
    """What the strokes between two zeros on each side are, with its probability; x from 0, y up from the base."""
    ink = np.zeros((110, 300), np.uint8)
    for x in (25, 70, 230, 275):
        zero(ink, x)
    for stroke in strokes:
        places = np.array([[120 + x, BASE - y] for x, y in stroke], np.int32)
        cv2.polylines(ink, [places], False, 255, PEN, cv2.LINE_AA)
    strip = Strip(ink, HEIGHT, np.full(300, BASE - HEIGHT // 2, np.intp))
    cuts = oversegment(strip, BUDGET)
    segments = candidate_segments(strip, cuts, BUDGET)
    features = segment_features(segments, cuts, Writing.of(strip, typical_slant([strip])), typical_gap=0.3)
    left, right = 115, 205
    (own,) = [
        row
        for segment, row in zip(segments, network().run(features).tolist(), strict=True)
        if left <= segment.box[0] and segment.box[0] + segment.box[2] <= right and is_whole(ink, segment.box)
    ]
    return {"digit": sum(own[:MARK]), **dict(zip(MARKS, own[MARK:OTHER], strict=True)), "none": own[OTHER]}


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
    assert kinds_between_zeros(*DRAWN[mark])[mark] > 0.6


DIGITS = {
    "1": [[(20, 60), (20, 0)]],
    "slanted 1": [[(23, 58), (17, 0)]],
    "7": [[(5, 58), (35, 58), (16, 0)]],
    "4": [[(20, 60), (4, 22), (38, 22)], [(28, 38), (28, 0)]],
}


@pytest.mark.parametrize("digit", DIGITS)
def test_digit_is_a_digit(digit: str) -> None:
    assert kinds_between_zeros(*DIGITS[digit])["digit"] > 0.6


def test_point_stands_on_the_base_line() -> None:
    assert kinds_between_zeros([(20, 40), (22, 40)])["."] < 0.01


NEITHER = {
    "upper half of a 3": [[(8, 58), (30, 56), (14, 36), (24, 32)]],
    "two digits": [[(8, 60), (8, 0)], [(40, 60), (40, 0)], [(8, 30), (40, 30)]],
}


@pytest.mark.parametrize("ink", NEITHER)
def test_what_is_neither_a_digit_nor_a_mark_is_none(ink: str) -> None:
    assert kinds_between_zeros(*NEITHER[ink])["none"] > 0.5
