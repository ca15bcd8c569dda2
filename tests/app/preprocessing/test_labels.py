"""A digit on a label that is no rectangle is read without the label; a thick zero is no label."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from app.arrays import Grayscale, Image
from app.preprocessing.components import binarize
from app.preprocessing.frames import find_card
from app.preprocessing.ink import extract_ink
from tests.support.pictures import assert_alike, image_of, sheet

SIDE = 300  # pixels, of a picture
MIDDLE = (SIDE // 2, SIDE // 2)


def disc(radius: int, on: Grayscale | None = None, tone: int = 255, ground: int = 90) -> Grayscale:
    picture = np.full((SIDE, SIDE), ground, np.uint8) if on is None else on
    return np.asarray(cv2.circle(picture, MIDDLE, radius, (tone,), cv2.FILLED, cv2.LINE_AA), np.uint8)


def polygon(sides: int) -> Grayscale:
    turns = np.arange(sides) * 2 * np.pi / sides + 0.3
    corners = SIDE / 2 + 140 * np.stack([np.cos(turns), np.sin(turns)], axis=1)
    picture = np.full((SIDE, SIDE), 90, np.uint8)
    return np.asarray(cv2.fillConvexPoly(picture, corners.astype(np.int32), (255,), cv2.LINE_AA), np.uint8)


def write(digit: Image, on: Grayscale, height: int = 120, tone: int = 0) -> Grayscale:
    """The digit in the middle of a picture."""
    ink = cv2.resize(digit[4:24, 4:24], (height, height), interpolation=cv2.INTER_CUBIC) / 255
    top = (SIDE - height) // 2
    picture = on.astype(np.float64)
    part = picture[top : top + height, top : top + height]
    part[:] = part * (1 - ink) + tone * ink
    return np.asarray(picture, np.uint8)


@pytest.mark.parametrize("label", [disc(130), polygon(5), polygon(6), polygon(8)], ids=["disc", "5", "6", "8"])
def test_a_digit_on_a_label_is_read_as_on_paper(label: Grayscale, one_of_each: list[Image]) -> None:
    for digit in one_of_each:
        assert_alike(image_of(write(digit, label)), image_of(sheet(digit)), tolerance=8)


def test_a_light_digit_on_a_dark_badge_is_read_as_on_paper(one_of_each: list[Image]) -> None:
    badge = disc(130, tone=60, ground=255)
    for digit in one_of_each:
        assert_alike(image_of(write(digit, badge, tone=255)), image_of(sheet(digit)), tolerance=8)


@pytest.mark.parametrize("tone", [20, 150])
def test_a_digit_on_the_white_disc_of_a_ball_is_read_as_on_paper(tone: int, one_of_each: list[Image]) -> None:
    ball = disc(72, on=disc(140, tone=tone))
    for digit in one_of_each:
        assert_alike(image_of(write(digit, ball, height=72)), image_of(sheet(digit)), tolerance=16)


def test_a_ball_that_is_darker_at_its_edge_leaves_no_ink_there(one_of_each: list[Image]) -> None:
    rows, columns = np.mgrid[:SIDE, :SIDE] - SIDE / 2
    distance = np.hypot(rows, columns)
    ball = np.where(distance < 130, 250 - 80 * (distance / 130) ** 2, 40).astype(np.uint8)
    for digit in one_of_each:
        ink = binarize(extract_ink(write(digit, ball)))
        assert not ink[distance > 100].any()


@pytest.mark.parametrize("pen", [24, 60, 100])
@pytest.mark.parametrize("width", [160, 260])
def test_a_thick_zero_is_no_label_though_only_a_slit_is_left(pen: int, width: int) -> None:
    picture = np.full((SIDE, SIDE), 255, np.uint8)
    axes = ((width - pen) // 2, (260 - pen) // 2)
    cv2.ellipse(picture, MIDDLE, axes, 0, 0, 360, (0,), min(pen, width // 2 - 6), cv2.LINE_AA)
    assert find_card(picture, binarize(~picture)) is None


@pytest.mark.parametrize("radius", [12, 24])
def test_a_thick_zero_with_a_dot_is_no_label(radius: int) -> None:
    zero = disc(radius, on=disc(70, on=disc(130, tone=0, ground=255)), tone=0)
    assert find_card(zero, binarize(~zero)) is None


def test_a_thick_zero_with_a_slash_is_no_label() -> None:
    zero = disc(70, on=disc(130, tone=0, ground=255))
    cv2.line(zero, (105, 200), (195, 100), (0,), 40)
    assert find_card(zero, binarize(~zero)) is None


def test_a_solid_dot_is_no_label() -> None:
    dot = disc(100, tone=0, ground=255)
    soft = np.asarray(cv2.GaussianBlur(dot, (0, 0), 6), np.uint8)
    assert find_card(dot, binarize(~dot)) is None
    assert find_card(soft, binarize(~soft)) is None
