"""The chunks of a PNG file. Source: PNG (Third Edition), https://www.w3.org/TR/png-3/, sections 5 and 11."""

from __future__ import annotations

import struct
import zlib
from typing import NamedTuple

from app.errors import UnsupportedPicture

SIGNATURE = b"\x89PNG\r\n\x1a\n"
PLAIN_HEADERS = {  # bit depth, colour type, compression, filter and interlace method, as the header holds them
    b"\x08\x00\0\0\0",  # grey
    b"\x08\x02\0\0\0",  # RGB
    b"\x08\x06\0\0\0",  # RGBA
}
PLAIN_CHUNKS = {  # those that do not change the pixels
    b"IHDR",
    b"IDAT",
    b"IEND",
    b"sRGB",
    b"gAMA",
    b"cHRM",
    b"iCCP",
    b"pHYs",
    b"tEXt",
    b"zTXt",
    b"iTXt",
    b"tIME",
}
PIXEL_CHUNKS = {b"IDAT", b"fdAT", b"fcTL"}  # of which a large picture or an animation has many
COMPRESSED_CHUNKS = {b"iCCP", b"zTXt", b"iTXt"}
DAMAGED = b"damaged"  # among the types of chunks
LARGE = b"large"  # the same: a compressed chunk that may become a thousand times as large
MAX_CHUNKS = 1000  # of one file, and one more for each KiB of it; libpng writes large pictures in chunks of 8 kB
MAX_OTHER_CHUNKS = 100  # that hold no pixels
MAX_COMPRESSED = 16 * 2**10  # bytes of one compressed chunk
HEAD = struct.Struct(">I4s")  # length, type
CHECKSUM = struct.Struct(">I")
WIDTH_AND_HEIGHT = struct.Struct(">II")


class PlainPng(NamedTuple):
    """A PNG of 8 bits in grey, RGB or RGBA and nothing more: a fast decoder suffices."""

    content: bytes
    width: int
    height: int

    @property
    def channels(self) -> int:
        return {0: 1, 2: 3, 6: 4}[self.content[25]]


def chunk(kind: bytes, data: bytes = b"") -> bytes:
    return HEAD.pack(len(data), kind) + data + CHECKSUM.pack(zlib.crc32(kind + data))


def parse_plain_png(content: bytes) -> PlainPng | None:
    """The file as `PlainPng` if its header and all its chunks are plain.

    Raises `UnsupportedPicture` where a PNG has so many chunks that Pillow would take seconds to pass over them.
    """
    if not content.startswith(SIGNATURE):
        return None
    types = chunk_types(content)
    if content[24:29] not in PLAIN_HEADERS or not PLAIN_CHUNKS.issuperset(types):
        return None
    return PlainPng(content, *WIDTH_AND_HEIGHT.unpack_from(content, 16))


def chunk_types(png: bytes) -> set[bytes]:
    """The types of a PNG's chunks up to IEND, with `DAMAGED` where a chunk is and `LARGE` where one may become large.

    Raises `UnsupportedPicture` where there are too many chunks.
    """
    types: set[bytes] = set()
    position = 8
    pixel_chunks, other_chunks = MAX_CHUNKS + len(png) // 1024, MAX_OTHER_CHUNKS
    while b"IEND" not in types:
        try:
            length, kind = HEAD.unpack_from(png, position)
            end = position + 8 + length
            (checksum,) = CHECKSUM.unpack_from(png, end)
        except struct.error:  # the file is truncated
            return types | {DAMAGED}
        types.add(kind if zlib.crc32(png[position + 4 : end]) == checksum else DAMAGED)
        if kind in PIXEL_CHUNKS:
            pixel_chunks -= 1
        else:
            other_chunks -= 1
        if pixel_chunks < 0 or other_chunks < 0:
            raise UnsupportedPicture("The PNG file has too many chunks: save it anew.")
        if kind in COMPRESSED_CHUNKS and length > MAX_COMPRESSED:
            types.add(LARGE)
        position = end + 4
    return types
