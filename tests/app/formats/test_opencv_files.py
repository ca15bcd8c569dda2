"""WebP files and run-length encoded BMP files become the same pixels as Pillow's."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image as Pillow

from app.errors import UnsupportedPicture
from app.formats.opencv_files import OpenCvFile, parse_opencv_file
from app.preprocessing.decode import decode, open_picture, open_with_pillow
from tests.support.malformed_pictures import run_length_bmp


def webp(mode: str, *, lossless: bool, exif: Pillow.Exif | None = None) -> bytes:
    rng = np.random.default_rng(7)
    picture = Pillow.fromarray(rng.integers(0, 256, (60, 90, len(mode)), dtype=np.uint8))
    file = io.BytesIO()
    picture.save(file, "WEBP", lossless=lossless, exif=exif or Pillow.Exif())
    return file.getvalue()


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
@pytest.mark.parametrize("lossless", [False, True])
def test_webp_has_the_size_and_the_pixels_that_pillow_finds(mode: str, lossless: bool) -> None:
    content = webp(mode, lossless=lossless)
    picture = open_picture(content, 10_000)
    assert isinstance(picture, OpenCvFile)
    assert (picture.width, picture.height) == (90, 60)
    assert np.array_equal(decode(picture), decode(open_with_pillow(content)))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_webp_is_turned_as_its_exif_says(orientation: int) -> None:
    exif = Pillow.Exif()
    exif[0x0112] = orientation
    content = webp("RGB", lossless=True, exif=exif)
    assert np.array_equal(decode(open_picture(content, 10_000)), decode(open_with_pillow(content)))


def test_an_animated_webp_is_left_to_pillow() -> None:
    frames = [Pillow.new("RGB", (30, 20), (level,) * 3) for level in (0, 255)]
    file = io.BytesIO()
    frames[0].save(file, "WEBP", save_all=True, append_images=frames[1:])
    assert parse_opencv_file(file.getvalue()) is None
    assert decode(open_picture(file.getvalue(), 10_000)).max() < 10


def test_a_webp_that_claims_a_smaller_canvas_than_its_picture_is_refused() -> None:
    """Else its real size would pass every limit."""
    content = bytearray(webp("RGBA", lossless=False))
    assert content[12:16] == b"VP8X"
    content[24:30] = bytes(6)  # 1 x 1
    picture = open_picture(bytes(content), 10)
    assert (picture.width, picture.height) == (1, 1)
    with pytest.raises(UnsupportedPicture):
        decode(picture)


def test_a_run_length_encoded_bmp_is_decoded() -> None:
    rows = b"".join(b"\x05" + bytes([level]) + b"\0\3\1\2\3\0" + b"\0\0" for level in (10, 250)) + b"\0\1"
    picture = open_picture(run_length_bmp(8, 2, rows), 100)
    assert isinstance(picture, OpenCvFile)
    assert decode(picture).tolist() == [[250] * 5 + [1, 2, 3], [10] * 5 + [1, 2, 3]]


@pytest.mark.parametrize("length", range(0, 60, 7))
def test_a_truncated_file_is_refused(length: int) -> None:
    for content in (webp("RGB", lossless=False), run_length_bmp(8, 2, b"\x08\1\0\0" * 2)):
        with pytest.raises(Exception, match="picture"):
            decode(open_picture(content[:length], 10_000))
