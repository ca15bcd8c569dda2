"""Files that would keep Pillow busy for seconds are refused by their structure."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from PIL import Image as Pillow
from PIL import TiffImagePlugin

from app.errors import UnsupportedPicture
from app.formats.structure import check_structure, jpeg_scans
from app.formats.tiff import TiffFile
from app.preprocessing.decode import open_picture
from tests.support.malformed_pictures import MALFORMED, tiff


@pytest.mark.parametrize("make", MALFORMED)
def test_a_file_that_would_take_seconds_is_refused(make: Callable[[], bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    def opened(*_: Any, **__: Any) -> None:
        pytest.fail("Pillow was asked to read it")

    monkeypatch.setattr(Pillow, "open", opened)
    with pytest.raises(UnsupportedPicture, match="save it anew"):
        open_picture(make(), 50_000_000)


@pytest.mark.parametrize("progressive", [False, True])
def test_an_ordinary_jpeg_with_exif_and_icc_is_not(progressive: bool) -> None:
    exif = Pillow.Exif()
    exif[0x010E] = "a description " * 1000
    file = io.BytesIO()
    picture = Pillow.new("RGB", (300, 200), (250, 250, 250))
    picture.save(file, "JPEG", exif=exif, icc_profile=bytes(200_000), comment=bytes(60_000), progressive=progressive)
    check_structure(file.getvalue())
    assert jpeg_scans(file.getvalue()) == (10 if progressive else 1)


def test_an_animated_gif_with_metadata_is_not() -> None:
    frames = [Pillow.new("L", (50, 50), level) for level in range(0, 250, 5)]
    file = io.BytesIO()
    frames[0].save(file, "GIF", save_all=True, append_images=frames[1:], comment=bytes(60_000))
    check_structure(file.getvalue())


@pytest.mark.parametrize("compression", [None, "tiff_lzw", "tiff_adobe_deflate"])
@pytest.mark.parametrize("big", [False, True])
def test_an_ordinary_tiff_is_not(compression: str | None, big: bool) -> None:
    file = io.BytesIO()
    tags = TiffImagePlugin.ImageFileDirectory_v2()
    tags[278] = 1  # rows of a strip
    picture = Pillow.fromarray(np.zeros((4000, 60, 3), np.uint8))
    picture.save(file, "TIFF", compression=compression, tiffinfo=tags, big_tiff=big)
    check_structure(file.getvalue())
    found = TiffFile(file.getvalue()).first_directory.tags
    assert (found[256], found[257]) == ((1, 60), (1, 4000))


def test_of_a_tag_that_is_there_twice_the_greatest_value_counts() -> None:
    assert TiffFile(tiff([(322, 4, 1, 16), (322, 4, 1, 90_000)], b"")).first_directory.tags[322] == (1, 90_000)


@pytest.mark.parametrize("head", [b"II*\0", b"MM\0*", b"II+\0\x08\0\0\0", b"MM\0+\0\x08\0\0"])
@pytest.mark.parametrize("rest", [b"", b"\xff" * 8, b"\xff" * 100])
def test_a_damaged_tiff_is_left_to_pillow(head: bytes, rest: bytes) -> None:
    check_structure(head + rest)
