"""Which PNG files are plain, and which go to Pillow."""

from __future__ import annotations

import zlib

import numpy as np

from app.formats.png import MAX_COMPRESSED, PlainPng, chunk, parse_plain_png
from app.preprocessing.decode import open_picture
from tests.support.malformed_pictures import png_with
from tests.support.pictures import encode


def test_a_png_of_one_frame_and_ordinary_colours_is_plain() -> None:
    for shape, channels in (((30, 20), 1), ((30, 20, 3), 3), ((30, 20, 4), 4)):
        picture = parse_plain_png(encode(np.zeros(shape, np.uint8)))
        assert picture
        assert (picture.width, picture.height, picture.channels) == (20, 30, channels)


def test_a_file_of_another_kind_is_not() -> None:
    assert parse_plain_png(b"GIF89a") is None
    assert parse_plain_png(encode(np.zeros((30, 20), np.uint16))) is None


def test_a_damaged_chunk_is_left_to_pillow() -> None:
    content = bytearray(encode(np.zeros((30, 20), np.uint8)))
    content[30] ^= 1  # the header's checksum
    assert parse_plain_png(bytes(content)) is None


def test_compressed_text_that_may_become_a_gigabyte_is_left_to_pillow_which_bounds_it() -> None:
    short, long = (zlib.compress(np.random.default_rng(0).bytes(size)) for size in (1000, MAX_COMPRESSED))
    assert isinstance(open_picture(png_with(chunk(b"zTXt", b"a\0\0" + short)), 10_000), PlainPng)
    assert not isinstance(open_picture(png_with(chunk(b"zTXt", b"a\0\0" + long)), 10_000), PlainPng)


def test_a_large_picture_in_chunks_of_8_kib_is_plain() -> None:
    """As libpng writes it: of noise, 24 MiB."""
    data = chunk(b"IDAT", bytes(8192))
    assert parse_plain_png(png_with(data * 3000))
