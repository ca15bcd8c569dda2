"""Whatever was drawn becomes ink, however faint; noise and specks do not."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from app.errors import BlankPicture
from tests.support.pictures import assert_alike, enlarged, image_of


def test_faint_pencil_becomes_full_ink(seven: NDArray[np.uint8]) -> None:
    faint = (220 - (255 - enlarged(seven)) * 0.3).astype(np.uint8)
    seen = image_of(faint)
    assert seen.max() == 255
    assert_alike(seen, seven, tolerance=12)


def test_grey_paper_is_not_ink(seven: NDArray[np.uint8]) -> None:
    for paper in (90, 128, 170):
        darker = (enlarged(seven) * (paper / 255)).astype(np.uint8)
        assert_alike(image_of(darker), seven, tolerance=12)
        assert_alike(image_of(255 - darker), seven, tolerance=12)


@pytest.mark.parametrize("value", [0, 128, 255])
def test_blank_picture_is_refused(value: int) -> None:
    with pytest.raises(BlankPicture):
        image_of(np.full((100, 100), value, np.uint8))


def test_noise_of_a_blank_page_is_not_ink() -> None:
    noise = np.random.default_rng(0).normal(200, 3, (100, 100)).clip(0, 255).astype(np.uint8)
    with pytest.raises(BlankPicture, match="no ink"):
        image_of(noise)


def test_a_digit_too_small_for_its_sheet_is_told_from_a_blank_one(seven: NDArray[np.uint8]) -> None:
    """In uneven light, where it is the darkest of much paper."""
    light = np.linspace(200, 240, 1000) + np.random.default_rng(0).normal(0, 3, (1400, 1000))
    light[600:640, 400:440] -= 0.6 * (255.0 - cv2.resize(seven, (40, 40)))
    sheet = light.clip(0, 255).astype(np.uint8)
    with pytest.raises(BlankPicture, match="hardly any ink on it: crop it"):
        image_of(sheet)


def test_a_large_picture_of_noise_is_read_as_something() -> None:
    """It has more connected components than fit 16 bits."""
    dots = np.random.default_rng(0).random((1000, 1000)) < 0.2
    assert image_of(np.where(dots, np.uint8(255), np.uint8(0))).shape == (28, 28)


def test_specks_are_dropped(seven: NDArray[np.uint8]) -> None:
    sheet = np.full((400, 400), 255, np.uint8)
    sheet[60:340, 60:340] = enlarged(seven)
    for x, y in ((10, 20), (380, 30), (15, 370)):
        cv2.circle(sheet, (x, y), 3, (0,), -1)
    assert_alike(image_of(sheet), seven, tolerance=12)


def test_a_drawing_is_never_erased_whole() -> None:
    """A hairline beside a bar that the edge cuts: without both, nothing would be left."""
    picture = np.full((80, 80), 255, np.uint8)
    picture[:, :3] = 0
    picture[8:72, 4] = 0
    assert image_of(picture).max() > 250
