"""Picture files of a few pixels that take seconds or gigabytes to read, each by another part of its format."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable

import numpy as np
from PIL import Image as Pillow

from app.formats.png import SIGNATURE, chunk

MANY = 100_000
TiffTag = tuple[int, int, int, int]  # tag, type, count, value


def blank_file(kind: str) -> bytes:
    file = io.BytesIO()
    Pillow.new("L", (100, 100), 255).save(file, kind)
    return file.getvalue()


def png_with(*chunks: bytes) -> bytes:
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 100, 100, 8, 0, 0, 0, 0))
    pixels = chunk(b"IDAT", zlib.compress(bytes(100 * 101)))
    return SIGNATURE + header + b"".join(chunks) + pixels + chunk(b"IEND")


def png_of_many_chunks() -> bytes:
    return png_with(chunk(b"tEXt", b"a\0b") * MANY)


def png_of_many_pieces() -> bytes:
    return png_with(chunk(b"IDAT") * MANY)


def jpeg_with(segment: bytes) -> bytes:
    content = blank_file("JPEG")
    return content[:2] + segment + content[2:]


def jpeg_of_many_segments() -> bytes:
    return jpeg_with(b"\xff\xe0\0\2" * MANY)


def jpeg_with_padding() -> bytes:
    return jpeg_with(b"\xff" * 2**20)


def jpeg_of_many_scans() -> bytes:
    """The last scan of a progressive picture, again and again."""
    file = io.BytesIO()
    Pillow.new("L", (100, 100), 255).save(file, "JPEG", progressive=True)
    content = file.getvalue()
    scan = content.rindex(b"\xff\xda")
    return content[:-2] + content[scan:-2] * 1000 + content[-2:]


def gif_of_many_blocks() -> bytes:
    content = blank_file("GIF")
    palette = 13 + (3 << (content[10] & 7) + 1)
    return content[:palette] + b"\x21\xff\1A\0" * MANY + content[palette:]


def tiff(tags: list[TiffTag], data: bytes) -> bytes:
    entries = b"".join(struct.pack("<HHII", *tag) for tag in sorted(tags))
    return b"II*\0" + struct.pack("<IH", 8, len(tags)) + entries + bytes(4) + data


def tiff_of_many_strips() -> bytes:
    offset = 8 + 2 + 12 * 9 + 4
    tags = [(256, 4, 1, 1), (257, 4, 1, MANY), (258, 3, 1, 8), (259, 3, 1, 1), (262, 3, 1, 1), (277, 3, 1, 1)]
    tags += [(273, 4, MANY, offset), (278, 4, 1, 1), (279, 4, MANY, offset + 4 * MANY)]
    return tiff(tags, struct.pack("<I", 8) * MANY + struct.pack("<I", 1) * MANY)


def tiff_of_many_tags() -> bytes:
    return tiff([(30_000 + index, 3, 1, 0) for index in range(20_000)], b"")


def tiff_of_a_huge_tile() -> bytes:
    """A tile of 1,600 megapixels around a picture of 100 x 100."""
    side = 40_000
    packed = zlib.compress(bytes(1000))
    tags = [(256, 4, 1, 100), (257, 4, 1, 100), (258, 3, 1, 8), (259, 3, 1, 8), (262, 3, 1, 1), (277, 3, 1, 1)]
    tags += [(322, 4, 1, side), (323, 4, 1, side), (324, 4, 1, 8 + 2 + 12 * 10 + 4), (325, 4, 1, len(packed))]
    return tiff(tags, packed)


def run_length_bmp(width: int, height: int, data: bytes) -> bytes:
    """With run-length encoding (RLE8) and 256 levels of grey."""
    palette = np.repeat(np.arange(256, dtype=np.uint8), 4).tobytes()
    head = struct.pack("<IIiiHHIIiiII", 54 + len(palette), 40, width, height, 1, 8, 1, len(data), 0, 0, 256, 0)
    return b"BM" + struct.pack("<IHH", 54 + len(palette) + len(data), 0, 0) + head + palette + data


MALFORMED: list[Callable[[], bytes]] = [
    png_of_many_chunks,
    png_of_many_pieces,
    jpeg_of_many_segments,
    jpeg_with_padding,
    jpeg_of_many_scans,
    gif_of_many_blocks,
    tiff_of_many_strips,
    tiff_of_many_tags,
    tiff_of_a_huge_tile,
]
