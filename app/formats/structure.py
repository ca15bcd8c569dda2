"""Files whose structure costs far more than their pixels are refused before Pillow reads them.

Pillow walks over a file's segments, blocks and strips in Python, at microseconds for each, and holds the interpreter's
lock meanwhile: 15 MiB of padding in a JPEG keep it busy for half a minute. The limits are far above what files have.
"""

from __future__ import annotations

import contextlib
import itertools
import re
from collections.abc import Iterator

from app.errors import UnsupportedPicture
from app.formats.tiff import TIFF_SIGNATURES, TRUNCATED, TiffFile

# JPEG: ITU-T T.81, annex B
JPEG_MARKER = re.compile(rb"\xff([\x01-\xfe])")
JPEG_WITHOUT_LENGTH = {0x01, *range(0xD0, 0xDA)}
JPEG_START_OF_SCAN = 0xDA
MAX_JPEG_PADDING = 64  # bytes before a marker
MAX_JPEG_SEGMENTS = 1000  # before the first scan: an ICC profile or a second picture has some dozen
MAX_JPEG_SCANS = 40  # of a progressive picture: encoders make about ten, and each takes the whole picture's time

# GIF89a, https://www.w3.org/Graphics/GIF/spec-gif89a.txt
GIF_EXTENSION, GIF_FRAME, GIF_END = b"!,;"
MAX_GIF_BLOCKS = 10_000  # before the first frame; metadata comes in blocks of up to 255 bytes

# TIFF 6.0
TIFF_WIDTH, TIFF_HEIGHT, TIFF_TILE_WIDTH, TIFF_TILE_HEIGHT = 256, 257, 322, 323
TIFF_COMPRESSION, TIFF_STRIPS, TIFF_TILES = 259, 273, 324
UNCOMPRESSED = 1
MAX_TIFF_PIECES = 20_000  # strips or tiles, of which there may be one for each row
MAX_RAW_PIECES = 1000  # those that are not compressed and that Pillow copies itself, and one more for each 64 bytes
MIN_TIFF_TILE = 2**20  # pixels: a tile this large must not be far larger than its picture


def check_structure(content: bytes) -> None:
    """Raises `UnsupportedPicture`. Files that are damaged otherwise are for Pillow to refuse."""
    if content.startswith(b"\xff\xd8"):
        check_jpeg(content)
    elif content.startswith(b"GIF8"):
        check_gif(content)
    elif content.startswith(TIFF_SIGNATURES):
        check_tiff(content)


def check_jpeg(content: bytes) -> None:
    if jpeg_scans(content) > MAX_JPEG_SCANS:
        raise UnsupportedPicture("The JPEG file has too many scans: save it anew, not progressive.")


def jpeg_scans(content: bytes) -> int:
    """How often the file goes over the picture; the decoder keeps all coefficients where it is more than once.

    Raises `UnsupportedPicture` if there is too much before the first scan.
    """
    position = 2
    for _ in range(MAX_JPEG_SEGMENTS):
        found = JPEG_MARKER.search(content, position, position + MAX_JPEG_PADDING)
        if not found:
            raise UnsupportedPicture("The JPEG file is damaged or padded before its picture: save it anew.")
        marker, position = found[1][0], found.end()
        if marker == JPEG_START_OF_SCAN:
            end = content.find(b"\xff\xd9", position)
            return 1 + content.count(b"\xff\xda", position, end if end >= 0 else len(content))
        if marker not in JPEG_WITHOUT_LENGTH:
            position += int.from_bytes(content[position : position + 2])
    raise UnsupportedPicture("The JPEG file has too many segments: save it anew.")


def check_gif(content: bytes) -> None:
    with contextlib.suppress(IndexError):  # the file is truncated
        if next(itertools.islice(gif_blocks(content), MAX_GIF_BLOCKS, None), None):
            raise UnsupportedPicture("The GIF file has too many blocks before its picture: save it anew.")


def gif_blocks(content: bytes) -> Iterator[bool]:
    """One for each block before the first frame."""
    flags = content[10]
    position = 13 + (3 << (flags & 7) + 1 if flags & 0x80 else 0)  # after the palette
    while content[position] not in (GIF_FRAME, GIF_END):
        yield True
        if content[position] == GIF_EXTENSION:
            position += 2
            while size := content[position]:
                position += 1 + size
                yield True
        position += 1


def check_tiff(content: bytes) -> None:
    try:
        tags = TiffFile(content).first_directory.tags
    except TRUNCATED:
        return
    first, count = {tag: number for tag, (_, number) in tags.items()}, {tag: n for tag, (n, _) in tags.items()}
    is_raw = first.get(TIFF_COMPRESSION, UNCOMPRESSED) == UNCOMPRESSED
    most = MAX_RAW_PIECES + len(content) // 64 if is_raw else MAX_TIFF_PIECES
    if max(count.get(TIFF_STRIPS, 0), count.get(TIFF_TILES, 0)) > most:
        raise UnsupportedPicture("The TIFF file has too many strips or tiles: save it anew.")
    tile = first.get(TIFF_TILE_WIDTH, 0) * first.get(TIFF_TILE_HEIGHT, 0)
    if tile > max(MIN_TIFF_TILE, 2 * first.get(TIFF_WIDTH, 0) * first.get(TIFF_HEIGHT, 0)):
        raise UnsupportedPicture("The TIFF file has tiles that are far larger than its picture: save it anew.")
