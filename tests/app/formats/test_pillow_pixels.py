"""Pillow's pixels are copied piece by piece, upright, in eight bits."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image as Pillow
from PIL import ImageOps

from app.formats import pillow_pixels
from app.formats.pillow_pixels import orientation, pieces, turned, upright_pixels

MODES = ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "YCbCr", "LAB"]


def noise(shape: tuple[int, ...] = (37, 23, 4)) -> NDArray[np.uint8]:
    return np.random.default_rng(3).integers(0, 256, shape, dtype=np.uint8)


def in_mode(mode: str) -> Pillow.Image:
    picture = Pillow.fromarray(noise())
    return picture.convert(mode) if mode in ("LA", "RGBA") else picture.convert("RGB").convert(mode)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("piece", [1, 100, 2**18])
def test_pieces_of_any_size_make_the_same_pixels_as_the_whole_picture(
    mode: str, piece: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pillow_pixels, "PIECE_PIXELS", piece)
    target = "RGBA" if mode in ("LA", "RGBA") else "L" if mode == "L" else "RGB"
    assert np.array_equal(upright_pixels(in_mode(mode)), np.asarray(in_mode(mode).convert(target)))


@pytest.mark.parametrize("turns", range(1, 9))
def test_each_orientation_is_undone_as_pillow_does(turns: int) -> None:
    picture = Pillow.fromarray(noise((37, 23)))
    picture.getexif()[0x0112] = turns
    assert np.array_equal(upright_pixels(picture), np.asarray(ImageOps.exif_transpose(picture)))
    assert np.array_equal(turned(noise((37, 23)), turns), np.asarray(ImageOps.exif_transpose(picture)))


@pytest.mark.parametrize("value", [0, 9, 77, "6", None, (1, 2)])
def test_an_orientation_that_does_not_exist_is_upright(value: object) -> None:
    exif = Pillow.Exif()
    exif[0x0112] = value
    assert orientation(lambda: exif) == 1


def test_a_damaged_exif_block_is_upright() -> None:
    def damaged() -> Pillow.Exif:
        raise SyntaxError

    assert orientation(damaged) == 1


def test_sixteen_bits_are_reduced_to_those_that_are_used() -> None:
    twelve_bits = np.array([[0, 2048, 4095]], np.uint16)
    assert upright_pixels(Pillow.fromarray(twelve_bits)).tolist() == [[0, 128, 255]]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([0.0, 0.5, 1.0], [0, 128, 255]),
        ([-5.0, 5.0, 15.0], [0, 128, 255]),
        ([7.0, 7.0, 7.0], [0, 0, 0]),
        ([np.nan, 0.0, 10.0], [0, 0, 255]),
        ([np.nan, np.nan, np.nan], [0, 0, 0]),
        ([-np.inf, 0.0, np.inf], [0, 128, 255]),
    ],
)
def test_numbers_of_any_range_become_grey(values: list[float], expected: list[int]) -> None:
    assert upright_pixels(Pillow.fromarray(np.array([values], np.float32))).tolist() == [expected]


@pytest.mark.parametrize("size", [(1, 1), (1, 3_000_000), (3_000_000, 1), (700, 900)])
def test_pieces_cover_each_pixel_once(size: tuple[int, int]) -> None:
    width, height = size
    covered = list(pieces(width, height))
    assert sum((right - left) * (bottom - top) for left, top, right, bottom in covered) == width * height
    assert covered[0][:2] == (0, 0)
    assert covered[-1][2:] == (width, height)
