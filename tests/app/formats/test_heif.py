"""HEIC photos are opened as other pictures are."""

from __future__ import annotations

import contextlib
import struct
import sys

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import ExifTags
from PIL import Image as Pillow

from app.errors import TooManyPixels, UnsupportedPicture
from app.preprocessing.decode import decode, open_picture
from tests.support.document_files import heic_of

MAX_PIXELS = 10**6


@pytest.fixture(scope="module")
def gradient() -> NDArray[np.uint8]:
    """(60, 90), darker to the right."""
    return np.tile(np.linspace(250, 5, 90).astype(np.uint8), (60, 1))


@pytest.fixture(scope="module")
def photo(gradient: NDArray[np.uint8]) -> bytes:
    return heic_of(np.dstack([gradient] * 3))


def test_a_photo_has_its_pixels(photo: bytes, gradient: NDArray[np.uint8]) -> None:
    decoded = decode(open_picture(photo, MAX_PIXELS))
    assert decoded.shape == gradient.shape
    assert np.abs(decoded.astype(int) - gradient).max() < 12


def test_a_photo_is_turned_upright_once(gradient: NDArray[np.uint8]) -> None:
    exif = Pillow.Exif()
    exif[ExifTags.Base.Orientation] = 6
    decoded = decode(open_picture(heic_of(gradient, exif=exif.tobytes()), MAX_PIXELS))
    assert decoded.shape == gradient.T.shape
    assert decoded[0].mean() > 230
    assert decoded[-1].mean() < 30


def test_the_limit_of_pixels_holds(photo: bytes) -> None:
    with pytest.raises(TooManyPixels):
        open_picture(photo, 5000)


def test_a_header_that_lies_about_the_size_is_refused() -> None:
    photo = heic_of(np.full((512, 512), 255, np.uint8))
    lying = photo.replace(struct.pack(">II", 512, 512), struct.pack(">II", 64, 64))
    assert open_picture(lying, 5000).width == 64
    with pytest.raises(UnsupportedPicture):
        decode(open_picture(lying, 5000))


def test_damaged_photos_are_read_or_refused(photo: bytes) -> None:
    random = np.random.default_rng(0)
    for _ in range(300):
        content = bytearray(photo)
        for place in random.integers(12, len(content), random.integers(1, 20)):
            content[place] = random.integers(256)
        with contextlib.suppress(UnsupportedPicture, TooManyPixels):
            decode(open_picture(bytes(content[: random.integers(12, len(content) + 1)]), MAX_PIXELS))


def test_without_the_extra_a_photo_is_refused_by_name(photo: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    with pytest.raises(UnsupportedPicture, match=r"HEIC photo.*\[heif\].*JPEG"):
        open_picture(photo, MAX_PIXELS)
