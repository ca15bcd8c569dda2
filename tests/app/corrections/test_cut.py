"""The region of a picture that is kept."""

from __future__ import annotations

import io

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from app.corrections.cut import Region, cut_out
from app.errors import InvalidRequest
from app.preprocessing.decode import open_picture

WIDTH, HEIGHT = 60, 40
RAMP = np.tile(np.arange(WIDTH, dtype=np.uint8) * 4, (HEIGHT, 1))  # each column has a tone of its own


def cut(pixels: NDArray[np.uint8], region: Region | None, **options: object) -> NDArray[np.uint8]:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG", **options)
    kept = cut_out(open_picture(file.getvalue(), 10**8), region)
    return np.asarray(Image.open(io.BytesIO(kept)), np.uint8)


def test_the_whole_picture_is_kept_pixel_by_pixel() -> None:
    assert np.array_equal(cut(RAMP, None), RAMP)


def test_a_region_is_cut_out_by_left_top_width_and_height() -> None:
    assert np.array_equal(cut(RAMP, Region(10, 5, 20, 30)), RAMP[5:35, 10:30])


def test_a_region_that_reaches_beyond_the_picture_ends_with_it() -> None:
    assert np.array_equal(cut(RAMP, Region(-5, -5, 20, 100)), RAMP[:, :15])


@pytest.mark.parametrize("region", [Region(60, 0, 5, 5), Region(0, 40, 5, 5), Region(-9, 0, 9, 9)])
def test_a_region_beside_the_picture_is_refused_with_the_pictures_size(region: Region) -> None:
    with pytest.raises(InvalidRequest, match="60 x 40"):
        cut(RAMP, region)


def test_a_region_of_a_large_picture_is_in_the_pixels_that_were_sent() -> None:
    large = np.asarray(cv2.resize(RAMP, (6000, 4000), interpolation=cv2.INTER_NEAREST), np.uint8)
    part = cut(large, Region(3000, 0, 1000, 1000))
    assert part.shape[0] < 1000
    assert abs(int(part[:, 1].mean()) - int(RAMP[0, 30])) <= 4
    assert abs(int(part[:, -2].mean()) - int(RAMP[0, 39])) <= 4


def test_a_turned_picture_is_kept_upright_and_without_its_metadata() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by 90 degrees
    exif[0x010E] = "a secret"
    file = io.BytesIO()
    Image.fromarray(RAMP).save(file, "PNG", exif=exif)
    kept = cut_out(open_picture(file.getvalue(), 10**8), Region(0, 0, HEIGHT, 10))
    picture = Image.open(io.BytesIO(kept))
    assert picture.size == (HEIGHT, 10)
    assert not picture.getexif()
    assert b"secret" not in kept
    assert np.array_equal(np.asarray(picture), np.rot90(RAMP, -1)[:10])
