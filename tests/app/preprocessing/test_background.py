"""The background is estimated, whatever light falls on it and however much of it the ink covers."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from tests.support.pictures import assert_alike, encode, enlarged, image_of, image_of_file


def written(paper: NDArray[np.float64], seven: NDArray[np.uint8], darkness: float = 0.8) -> NDArray[np.uint8]:
    """A large seven in ink that takes this share of the light from the middle of the paper."""
    height, width = paper.shape
    stroke = np.zeros(paper.shape)
    top, left = (height - 280) // 2, (width - 280) // 2
    stroke[top : top + 280, left : left + 280] = cv2.resize(seven, (280, 280), interpolation=cv2.INTER_CUBIC) / 255
    return np.clip(paper * (1 - darkness * stroke), 0, 255).astype(np.uint8)


def lit_from_the_left() -> NDArray[np.float64]:
    return np.tile(np.linspace(240, 120, 600), (450, 1))


def with_the_shadow_of_a_hand() -> NDArray[np.float64]:
    paper = np.full((450, 600), 220.0)
    paper[:, 330:] *= 0.5
    return np.asarray(cv2.blur(paper, (5, 5)), np.float64)


def ruled() -> NDArray[np.float64]:
    paper = np.full((450, 600), 225.0)
    for row in range(12, 450, 40):
        paper[row : row + 3] = 130
    return paper


def squared_and_turned() -> NDArray[np.float64]:
    paper = ruled()
    for column in range(25, 600, 40):
        paper[:, column : column + 3] = 130
    turn = cv2.getRotationMatrix2D((300, 225), 3, 1.2)
    turned = cv2.warpAffine(paper, turn, (600, 450), borderMode=cv2.BORDER_REFLECT)
    return np.asarray(turned, np.float64)


def grainy() -> NDArray[np.float64]:
    return np.full((450, 600), 200.0) + np.random.default_rng(0).normal(0, 15, (450, 600))


@pytest.mark.parametrize("paper", [lit_from_the_left, with_the_shadow_of_a_hand, ruled, squared_and_turned, grainy])
def test_photo_of_a_digit_is_read_whatever_its_paper(paper: Any, seven: NDArray[np.uint8]) -> None:
    assert_alike(image_of_file(encode(written(paper(), seven), "JPEG")), seven, tolerance=16)


@pytest.mark.parametrize("paper", [lit_from_the_left, ruled])
def test_chalk_on_a_blackboard_is_read(paper: Any, seven: NDArray[np.uint8]) -> None:
    assert_alike(image_of(255 - written(paper(), seven)), seven, tolerance=16)


def test_digit_that_fills_its_picture_to_the_edge_is_read(seven: NDArray[np.uint8]) -> None:
    x, y, width, height = cv2.boundingRect(seven)
    cut_out = seven[y : y + height, x : x + width]
    for picture in (cut_out, 255 - cut_out, 255 - cv2.resize(cut_out, None, fx=8, fy=8, interpolation=cv2.INTER_CUBIC)):
        assert_alike(image_of(np.asarray(picture, np.uint8)), seven, tolerance=12)


@pytest.mark.parametrize(
    ("points", "width"),
    [
        ([(20, 20), (20, 260), (260, 260)], 40),
        ([(-9, -9), (289, 289)], 56),
        ([(140, 140), (289, 289)], 56),
    ],
    ids=["around a corner", "from corner to corner", "through a corner"],
)
def test_thick_drawing_that_fills_its_picture_is_read_as_with_a_margin(
    points: list[tuple[int, int]], width: int
) -> None:
    drawing = np.full((280, 280), 255, np.uint8)
    cv2.polylines(drawing, [np.array(points)], False, (0,), width, cv2.LINE_AA)
    around = np.pad(drawing, 70, constant_values=255)
    for filled, with_margin in ((drawing, around), (255 - drawing, 255 - around)):
        assert_alike(image_of(filled), image_of(with_margin), tolerance=2)


@pytest.mark.parametrize("width", [80, 150], ids=["narrow", "wide"])
@pytest.mark.parametrize("tone", [0, 110])
def test_dark_side_of_a_picture_is_not_ink(width: int, tone: int, seven: NDArray[np.uint8]) -> None:
    sheet = np.full((300, 500), 230, np.uint8)
    sheet[10:290, 210:490] = np.minimum(230, enlarged(seven))
    sheet[:, :width] = tone
    assert_alike(image_of(sheet), seven, tolerance=16)


@pytest.mark.parametrize("width", [140, 330], ids=["narrow", "wide"])
def test_shadow_that_reaches_the_digit_is_not_ink(width: int, seven: NDArray[np.uint8]) -> None:
    paper = np.full((450, 600), 220.0)
    paper[:, :width] *= 0.3
    assert_alike(image_of(written(paper, seven, darkness=0.9)), seven, tolerance=16)


def test_8_by_8_pixels_are_enough(seven: NDArray[np.uint8]) -> None:
    small = cv2.resize(seven[4:24, 4:24], (8, 8), interpolation=cv2.INTER_AREA)
    assert_alike(image_of(np.asarray(small, np.uint8)), seven, tolerance=25)


@pytest.mark.parametrize("side", [64, 200, 400])
@pytest.mark.parametrize("dark", [True, False], ids=["dark on light", "light on dark"])
def test_a_tight_crop_that_was_enlarged_is_read_in_spite_of_its_soft_edges(
    side: int, dark: bool, one_of_each: list[NDArray[np.uint8]]
) -> None:
    for digit in one_of_each:
        left, top, width, height = cv2.boundingRect(digit)
        scale = side / max(width, height)
        crop = digit[top : top + height, left : left + width]
        picture = np.asarray(cv2.resize(crop, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC), np.uint8)
        assert_alike(image_of(255 - picture if dark else picture), digit, tolerance=20)
