"""The files that OpenCV decodes in place of Pillow, with the same pixels.

Pillow needs 18 to 24 bytes a pixel for a WebP, as if it were an animation, and OpenCV 6 to 8. A BMP with run-length
encoding is decoded by Pillow in Python, in seconds, holding the interpreter's lock.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

RLE8, RLE4 = 1, 2  # compression of BMP
FIRST_CHUNK = 12  # byte of a WebP file
EXTENDED_FLAGS = 20
ALPHA, ANIMATION = 0x10, 0x02
EXIF = b"EXIF"
MAX_CHUNKS = 100  # that are searched for EXIF


class OpenCvFile(NamedTuple):
    content: bytes
    width: int
    height: int
    bytes_per_pixel: int  # at the peak of decoding

    @property
    def exif(self) -> bytes:
        """The EXIF block of a WebP file; empty if there is none. Format: RFC 9649, section 2.7.1.5."""
        position = FIRST_CHUNK
        for _ in range(MAX_CHUNKS if self.content.startswith(b"RIFF") else 0):
            head = self.content[position : position + 8]
            if len(head) < 8:
                break
            size = int.from_bytes(head[4:], "little")
            if head[:4] == EXIF:
                return self.content[position + 8 : position + 8 + size]
            position += 8 + size + size % 2
        return b""


def parse_opencv_file(content: bytes) -> OpenCvFile | None:
    """None if the file is another one, an animation or damaged: Pillow opens it, or says what is wrong."""
    try:
        if content.startswith(b"RIFF") and content[8:12] == b"WEBP":
            return parse_webp(content)
        if content.startswith(b"BM") and content[30:34] in (b"\x01\0\0\0", b"\x02\0\0\0"):
            return parse_bmp(content)
    except (struct.error, IndexError):  # the file is truncated
        pass
    return None


def parse_webp(content: bytes) -> OpenCvFile | None:
    """Format: RFC 9649, sections 2.4 to 2.7; the key frame's header of VP8 is in RFC 6386, section 9.1."""
    kind, start = content[12:16], FIRST_CHUNK + 8
    if kind == b"VP8 " and content[start + 3 : start + 6] == b"\x9d\x01\x2a":
        width, height = struct.unpack_from("<HH", content, start + 6)
        return OpenCvFile(content, width & 0x3FFF, height & 0x3FFF, bytes_per_pixel=7)
    if kind == b"VP8L":
        (bits,) = struct.unpack_from("<I", content, start + 1)
        return OpenCvFile(content, 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF), bytes_per_pixel=9)
    if kind == b"VP8X" and not content[start] & ANIMATION:
        width, height = (1 + int.from_bytes(content[at : at + 3], "little") for at in (start + 4, start + 7))
        return OpenCvFile(content, width, height, bytes_per_pixel=9)
    return None


def parse_bmp(content: bytes) -> OpenCvFile:
    """A BMP with run-length encoding."""
    width, height = struct.unpack_from("<ii", content, 18)
    return OpenCvFile(content, abs(width), abs(height), bytes_per_pixel=7)
