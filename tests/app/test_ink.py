"""Ink is what was drawn: however faint, but no noise, no speck and no ruled line."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from app.errors import BlankPicture
from tests.app.conftest import encode
from tests.app.test_image import assert_same_digit, enlarged, read


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
