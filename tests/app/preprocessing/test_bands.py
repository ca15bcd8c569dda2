"""A digit on a background in bands is read as on one background; strokes are not taken for bands."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from app.arrays import Grayscale, Image
from app.preprocessing.bands import ink_on_bands
from app.preprocessing.ink import extract_ink
from app.preprocessing.normalize import preprocess
from tests.app.preprocessing.conftest import NOT_BARS
from tests.support.pictures import assert_alike, sheet


def in_bands(paper: Grayscale, *borders: int) -> Grayscale:
    """Every second band is inverted."""
    picture = paper.copy()
    for start in borders:
        picture[:, start:] = ~picture[:, start:]
    return picture


@pytest.mark.parametrize("borders", [(90,), (60, 128)], ids=["two bands", "three bands"])
@pytest.mark.parametrize("turned", [False, True])
def test_a_digit_across_bands_is_read_as_on_paper(
    borders: tuple[int, ...], turned: bool, one_of_each: list[Image]
) -> None:
    for digit in one_of_each:
        paper = sheet(digit, 4)
        picture = in_bands(paper.T, *borders).T if turned else in_bands(paper, *borders)
        np.testing.assert_array_equal(preprocess(np.ascontiguousarray(picture)), preprocess(paper))


def test_the_same_ink_on_light_and_on_grey_is_one_digit(one_of_each: list[Image]) -> None:
    for digit in one_of_each:
        paper = sheet(digit, 4)
        picture = paper.copy()
        picture[:, 55:] = picture[:, 55:] * 0.7
        assert_alike(preprocess(picture), preprocess(paper), tolerance=3)


def test_a_photograph_between_two_black_bars_is_read_as_the_photograph(one_of_each: list[Image]) -> None:
    for digit in NOT_BARS:
        paper = sheet(one_of_each[digit], 4)
        bars = np.zeros((len(paper), 40), np.uint8)
        np.testing.assert_array_equal(preprocess(np.hstack([bars, paper, bars])), preprocess(paper))


@pytest.mark.parametrize("soft", [False, True])
def test_soft_borders_of_bands_are_no_ink(soft: bool, one_of_each: list[Image]) -> None:
    paper = sheet(one_of_each[3], 4)
    picture = in_bands(paper, 30)
    ink = extract_ink(np.asarray(cv2.blur(picture, (3, 1)) if soft else picture, np.uint8))
    assert not ink[:10].any()


def upright_stroke(width: int, *, rough: bool = False) -> Grayscale:
    """A 1 from edge to edge."""
    picture = np.full((100, 100), 255, np.uint8)
    picture[:, 50 - width // 2 : 50 + width // 2] = 0
    if rough:
        picture[10:90:3, 50 + width // 2] = 0
    return picture


def stripes() -> Grayscale:
    picture = upright_stroke(20)
    picture[:, :20] = picture[:, 80:] = 0
    picture[30:70, 48:52] = 255
    return picture


def segments(*boxes: tuple[slice, slice]) -> Grayscale:
    """A digit of thick bars that reaches the upper and the lower edge."""
    picture = np.full((100, 100), 255, np.uint8)
    for box in boxes:
        picture[box] = 0
    return picture


TOP, MIDDLE, BOTTOM = slice(0, 16), slice(42, 58), slice(84, 100)
ACROSS, LEFT, RIGHT = slice(20, 80), slice(20, 36), slice(64, 80)
ALL = slice(0, 100)
ZERO = (TOP, ACROSS), (BOTTOM, ACROSS), (ALL, LEFT), (ALL, RIGHT)
THREE = (TOP, ACROSS), (MIDDLE, ACROSS), (BOTTOM, ACROSS), (ALL, RIGHT)
FOUR = (slice(0, 58), LEFT), (MIDDLE, ACROSS), (ALL, RIGHT)


def light_from_the_left() -> Grayscale:
    picture = np.tile(np.linspace(40, 250, 100).astype(np.uint8), (100, 1))
    picture[20:80, 48:52] = 0
    return picture


def bitmap() -> Grayscale:
    """A zero of eight by eight pixels, as old scanners made them."""
    ring = [0, 0, 1, 1, 1, 1, 0, 0], [0, 1, 1, 0, 0, 1, 1, 0], [0, 1, 0, 0, 0, 0, 1, 0]
    return np.array([ring[0], ring[1], *[ring[2]] * 4, ring[1], ring[0]], np.uint8) * 255


@pytest.mark.parametrize(
    "picture",
    [
        segments(*ZERO),
        segments(*THREE),
        segments(*ZERO, (MIDDLE, ACROSS)),
        segments(*FOUR),
        bitmap(),
        upright_stroke(20),
        upright_stroke(20, rough=True),
        upright_stroke(6),
        stripes(),
        light_from_the_left(),
    ],
    ids=[
        "a thick 0",
        "a 3",
        "an 8",
        "a 4",
        "a bitmap",
        "a wide stroke",
        "a rough one",
        "a narrow one",
        "five bands",
        "uneven light",
    ],
)
def test_other_pictures_have_no_bands(picture: Grayscale) -> None:
    assert ink_on_bands(picture) is None
