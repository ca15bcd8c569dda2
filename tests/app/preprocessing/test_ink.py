"""Ink is what was drawn: however faint, but no noise, no speck and no ruled line."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from app.arrays import Ink
from app.errors import BlankPicture
from app.preprocessing.ruled_lines import find_level_lines
from tests.app.conftest import encode
from tests.app.preprocessing.test_normalize import assert_same_digit, enlarged, read


def test_faint_pencil_becomes_full_ink(seven: NDArray[np.uint8]) -> None:
    faint = (220 - (255 - enlarged(seven)) * 0.3).astype(np.uint8)
    seen = read(encode(faint))
    assert seen.max() == 255
    assert_same_digit(seen, seven)


def test_grey_paper_is_no_ink(seven: NDArray[np.uint8]) -> None:
    for paper in (90, 128, 170):
        darker = (enlarged(seven) * (paper / 255)).astype(np.uint8)
        assert_same_digit(read(encode(darker)), seven)
        assert_same_digit(read(encode(255 - darker)), seven)


@pytest.mark.parametrize("value", [0, 128, 255])
def test_blank_picture_is_refused(value: int) -> None:
    with pytest.raises(BlankPicture):
        read(encode(np.full((100, 100), value, np.uint8)))


def test_noise_of_a_blank_page_is_no_ink() -> None:
    noise = np.random.default_rng(0).normal(200, 3, (100, 100)).clip(0, 255).astype(np.uint8)
    with pytest.raises(BlankPicture):
        read(encode(noise))


def test_ruled_paper_without_ink_is_blank() -> None:
    paper = np.full((200, 300), 220, np.uint8)
    paper[20::25] = 90
    with pytest.raises(BlankPicture):
        read(encode(paper))


def test_a_large_picture_of_noise_is_read_as_something() -> None:
    """Of more parts than 16 bits count."""
    dots = np.random.default_rng(0).random((1000, 1000)) < 0.2
    assert read(encode(np.where(dots, np.uint8(255), np.uint8(0)))).shape == (28, 28)


def test_specks_are_dropped(seven: NDArray[np.uint8]) -> None:
    sheet = np.full((400, 400), 255, np.uint8)
    sheet[60:340, 60:340] = enlarged(seven)
    for x, y in ((10, 20), (380, 30), (15, 370)):
        cv2.circle(sheet, (x, y), 3, (0,), -1)
    assert_same_digit(read(encode(sheet)), seven)


def ink_across(slope: float, thickness: int, end: int = 300) -> Ink:
    """A line from the left edge on, through the middle of 200 x 300 pixels."""
    strokes = np.zeros((200, 300), np.uint8)
    rise = round(150 * slope)
    cv2.line(strokes, (0, 100 - rise), (end, 100 + rise), (255,), thickness)
    return strokes


def two_ends() -> Ink:
    """A thin line over six tenths of the width, and from the other edge a piece of another."""
    return np.maximum(ink_across(0, 1, end=180), np.flip(ink_across(0.1, 1, end=30)))


def dense_grain() -> Ink:
    return np.where(np.random.default_rng(0).random((200, 300)) < 0.6, np.uint8(255), np.uint8(0))


@pytest.mark.parametrize("slope", [-0.12, -0.03, 0, 0.07, 0.14])
def test_line_across_the_picture_is_found_and_the_digit_beside_it_is_not(slope: float) -> None:
    line, digit = ink_across(slope, 2), np.zeros((200, 300), np.uint8)
    cv2.circle(digit, (150, 55), 30, (255,), 8)
    found = find_level_lines(np.maximum(line, digit))
    assert found is not None
    assert found[line > 0].all()
    assert not found[digit > 0].any()


@pytest.mark.parametrize(
    "strokes",
    [ink_across(0, 12), ink_across(0.3, 2), ink_across(0, 2, end=280), two_ends(), dense_grain()],
    ids=["a stroke of the pen", "too steep", "not to the edge", "two ends", "dense grain"],
)
def test_what_else_there_is_of_ink_is_no_line(strokes: Ink) -> None:
    assert find_level_lines(strokes) is None
