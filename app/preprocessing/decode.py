"""A picture file becomes a grayscale picture: decode(open_picture(content)).

This module knows the formats, the limit of pixels, EXIF orientation, transparency, and what colours become.
"""

from __future__ import annotations

import contextlib
import io
import struct
import zlib
from typing import NamedTuple

import cv2
import numpy as np
import pyspng
from numpy.typing import NDArray
from PIL import Image as Pillow
from PIL import ImageOps

from app.arrays import Grayscale
from app.errors import InvalidRequest, TooManyPixels, UnsupportedPicture
from app.preprocessing.constants import integer, number
from app.preprocessing.scaling import shrink

FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF")

# Of PNG (Third Edition), https://www.w3.org/TR/png-3/
PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
PLAIN_PNG_HEADERS = {  # bit depth, colour type, compression, filter and interlace method, as the header holds them
    b"\x08\x00\0\0\0",  # grey
    b"\x08\x02\0\0\0",  # RGB
    b"\x08\x06\0\0\0",  # RGBA
}
PLAIN_PNG_CHUNKS = {  # those that do not change the pixels
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
DAMAGED = b"damaged"  # in place of a chunk type
MAX_CHUNKS = 1000  # of one file; Chromium writes a large canvas in chunks of 8 kB
CHUNK_HEAD = struct.Struct(">I4s")  # length, type
CHECKSUM = struct.Struct(">I")
WIDTH_AND_HEIGHT = struct.Struct(">II")

LONGEST_SIDE = integer("LONGEST_SIDE")
COLOUR_RATIO = number("COLOUR_RATIO")
MIN_CONTRAST = integer("MIN_CONTRAST")


def png_chunk(kind: bytes, data: bytes = b"") -> bytes:
    """Format: PNG, section 5.3."""
    return CHUNK_HEAD.pack(len(data), kind) + data + CHECKSUM.pack(zlib.crc32(kind + data))


# A grey PNG of 28 x 28 pixels: what is before and after its only IDAT chunk.
MNIST_PNG_HEAD = PNG_SIGNATURE + png_chunk(b"IHDR", struct.pack(">IIBBBBB", 28, 28, 8, 0, 0, 0, 0))
MNIST_PNG_END = png_chunk(b"IEND")
MNIST_PNG_OVERHEAD = len(MNIST_PNG_HEAD + png_chunk(b"IDAT") + MNIST_PNG_END)  # bytes


class PlainPng(NamedTuple):
    """A PNG of 8 bits in grey, RGB or RGBA and nothing more: libspng decodes it several times faster."""

    content: bytes
    width: int
    height: int


Picture = PlainPng | Pillow.Image  # opened: the size is known, no pixel is decoded


def open_picture(content: bytes, max_pixels: int) -> Picture:
    """Reads the file's header alone.

    Raises `InvalidRequest`, `UnsupportedPicture` or `TooManyPixels`.
    """
    if not content:
        raise InvalidRequest("The picture is empty: send the bytes of a PNG, JPEG, WebP, BMP, GIF or TIFF file.")
    picture = parse_plain_png(content) or open_with_pillow(content)
    width, height = picture.width, picture.height
    if width * height > max_pixels:
        raise TooManyPixels(
            f"The picture has {width} x {height} pixels, but at most {max_pixels:,} are accepted: send a smaller one."
        )
    return picture


def parse_plain_png(content: bytes) -> PlainPng | None:
    """The file as `PlainPng` if its header and all its chunks are plain. Format: PNG, sections 5 and 11."""
    if (
        content[:8] != PNG_SIGNATURE
        or content[24:29] not in PLAIN_PNG_HEADERS
        or not PLAIN_PNG_CHUNKS.issuperset(chunk_types(content))
    ):
        return None
    return PlainPng(content, *WIDTH_AND_HEIGHT.unpack_from(content, 16))


def chunk_types(png: bytes) -> list[bytes]:
    """The types of a PNG's chunks up to IEND. The last is `DAMAGED` where a chunk is, or where there are too many.

    libspng does not verify the checksums.
    """
    types: list[bytes] = []
    position = 8
    while types[-1:] != [b"IEND"]:
        try:
            length, kind = CHUNK_HEAD.unpack_from(png, position)
            end = position + 8 + length
            (checksum,) = CHECKSUM.unpack_from(png, end)
        except struct.error:  # the file is truncated
            return [*types, DAMAGED]
        if zlib.crc32(png[position + 4 : end]) != checksum or len(types) == MAX_CHUNKS:
            return [*types, DAMAGED]
        types.append(kind)
        position = end + 4
    return types


def open_with_pillow(content: bytes) -> Pillow.Image:
    """Raises `UnsupportedPicture`."""
    try:
        return Pillow.open(io.BytesIO(content), formats=FORMATS)
    except Exception as error:  # a damaged file makes Pillow raise errors of any class
        raise UnsupportedPicture(
            "The bytes are not a picture in a supported format: send PNG, JPEG, WebP, BMP, GIF or TIFF."
        ) from error


def decode_mnist_sized_png(content: bytes) -> Grayscale | None:
    """The pixels of a plain grey PNG of 28 x 28, which most requests hold, in the shortest way; None for all others."""
    length = len(content) - MNIST_PNG_OVERHEAD
    if (
        length < 0
        or not content.startswith(MNIST_PNG_HEAD)
        or not content.endswith(MNIST_PNG_END)
        or content[33:41] != CHUNK_HEAD.pack(length, b"IDAT")
        or content[-16:-12] != CHECKSUM.pack(zlib.crc32(content[37:-16]))
    ):
        return None
    try:
        return np.asarray(pyspng.load(content), np.uint8)
    except RuntimeError:  # `decode` finds out what is wrong with it
        return None


def decode(picture: Picture, longest_side: int = LONGEST_SIDE) -> Grayscale:
    """The first frame, upright as its EXIF says, on white where it is transparent, no side longer than `longest_side`.

    Raises `UnsupportedPicture` if the picture is damaged.
    """
    if isinstance(picture, PlainPng):
        try:
            return pixels_to_grayscale(shrink(pyspng.load(picture.content), longest_side))
        except RuntimeError:  # damaged: Pillow decides whether enough of it is left
            picture = open_with_pillow(picture.content)
    return decode_with_pillow(picture, longest_side)


def decode_with_pillow(picture: Pillow.Image, longest_side: int) -> Grayscale:
    """Raises `UnsupportedPicture`."""
    try:
        side = longest_side // 2 + longest_side // 6
        picture.draft(None, (side, side))  # a JPEG is decoded at 1/2 to 1/8 of its size where that is enough
        picture.load()
        turn_upright(picture)
        return to_grayscale(picture, longest_side)
    except Exception as error:  # a damaged file makes Pillow raise errors of any class
        raise UnsupportedPicture("The picture is damaged or incomplete: send it again, or save it anew.") from error


def turn_upright(picture: Pillow.Image) -> None:
    """As its EXIF says. A damaged EXIF block is no reason to refuse good pixels."""
    with contextlib.suppress(Exception):
        ImageOps.exif_transpose(picture, in_place=True)


def to_grayscale(picture: Pillow.Image, longest_side: int) -> Grayscale:
    """From any of Pillow's modes."""
    if picture.mode.startswith("I;16"):
        return shrink(highest_bits(np.asarray(picture)), longest_side)
    if picture.mode in ("I", "F"):
        return shrink(stretch_range(np.asarray(picture, np.float64)), longest_side)
    if picture.has_transparency_data:
        picture = picture.convert("RGBA")
    elif picture.mode not in ("L", "RGB"):
        picture = picture.convert("RGB")
    return pixels_to_grayscale(shrink(np.asarray(picture), longest_side))


def pixels_to_grayscale(pixels: NDArray[np.uint8]) -> Grayscale:
    """From grey (H, W), RGB (H, W, 3) or RGBA (H, W, 4)."""
    if pixels.ndim == 2:
        return pixels
    if pixels.shape[2] == 3:
        return rgb_to_grayscale(pixels)
    return flatten(rgb_to_grayscale(pixels[:, :, :3]), pixels[:, :, 3])


def rgb_to_grayscale(pixels: NDArray[np.uint8]) -> Grayscale:
    """The brightness of (H, W, 3), or the colour in which the ink shows far better: blue for yellow on white."""
    brightness = np.asarray(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY), np.uint8)
    _, deviations = cv2.meanStdDev(pixels)
    best = int(deviations.argmax())
    if deviations[best, 0] <= COLOUR_RATIO * cv2.meanStdDev(brightness)[1][0, 0]:
        return brightness
    return np.ascontiguousarray(pixels[:, :, best])


def flatten(brightness: Grayscale, alpha: NDArray[np.uint8]) -> Grayscale:
    """On a white background, or on black where light ink would vanish on white."""
    if alpha.min() == 255:
        return brightness
    on_black = np.asarray(cv2.multiply(brightness, alpha, scale=1 / 255), np.uint8)
    on_white = np.asarray(cv2.add(on_black, cv2.bitwise_not(alpha)), np.uint8)
    return on_black if on_white.min() > 255 - MIN_CONTRAST else on_white


def highest_bits(values: NDArray[np.uint16]) -> Grayscale:
    """The highest eight of the bits that are used: scanners and cameras store 10, 12 or 14 bits as 16."""
    return (values >> max(0, int(values.max()).bit_length() - 8)).astype(np.uint8)


def stretch_range(values: NDArray[np.float64]) -> Grayscale:
    """Numbers of an unknown range, as 32-bit TIFF files hold them, become 0 to 255."""
    values = np.nan_to_num(values)
    low, high = values.min(), values.max()
    scaled: NDArray[np.float64] = np.rint((values - low) * (255 / (high - low or 1)))
    return scaled.astype(np.uint8)
