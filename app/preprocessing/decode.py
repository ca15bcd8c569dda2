"""A picture file becomes brightness: decode(open_picture(content)).

Here is what formats there are, how large a picture may be, which way up it is, and what its colours mean.
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

FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF")

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
# Bit depth, colour type (grey, RGB, RGBA), compression, filter, interlace: as they stand in the header.
PNG_PLAIN = {b"\x08\x00\0\0\0", b"\x08\x02\0\0\0", b"\x08\x06\0\0\0"}
PNG_HARMLESS = {
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
DAMAGED, MOST_CHUNKS = b"damaged", 1000  # Chromium writes a large canvas in chunks of 8 kB
CHUNK, CHECKSUM, WIDTH_HEIGHT = struct.Struct(">I4s"), struct.Struct(">I"), struct.Struct(">II")


def chunk(kind: bytes, data: bytes = b"") -> bytes:
    """Format: PNG (Third Edition), section 5.3."""
    return CHUNK.pack(len(data), kind) + data + CHECKSUM.pack(zlib.crc32(kind + data))


# All that is before and behind the one IDAT of a picture of 28 x 28 in grey.
MNIST_HEAD = PNG_SIGNATURE + chunk(b"IHDR", struct.pack(">IIBBBBB", 28, 28, 8, 0, 0, 0, 0))
MNIST_END = chunk(b"IEND")
AROUND_MNIST = len(MNIST_HEAD + chunk(b"IDAT") + MNIST_END)

LONGEST_SIDE = 1024  # larger pictures are reduced to it first: a digit of a twentieth of it still has 50 pixels
COLOURFUL = 1.5  # how much more a colour must vary than the brightness does to be read instead of it
MIN_CONTRAST = 24  # of 255, between paper and ink: less is a blank page and its noise


class PlainPng(NamedTuple):
    """A PNG of 8 bits in grey, RGB or RGBA and nothing more: libspng decodes it several times faster."""

    content: bytes
    width: int
    height: int


Picture = PlainPng | Pillow.Image  # opened: the size is known, nothing is decoded


def open_picture(content: bytes, max_pixels: int) -> Picture:
    """Reads the header alone. Raises `InvalidRequest`, `UnsupportedPicture` or `TooManyPixels`."""
    if not content:
        raise InvalidRequest("The picture is empty: send the bytes of a PNG, JPEG, WebP, BMP, GIF or TIFF file.")
    picture = plain_png(content) or open_with_pillow(content)
    width, height = picture.width, picture.height
    if width * height > max_pixels:
        raise TooManyPixels(
            f"The picture has {width} x {height} pixels, more than the {max_pixels:,} we take: send a smaller one."
        )
    return picture


def pixels_of_mnist_size(content: bytes) -> Grayscale | None:
    """The pixels of a plain PNG of MNIST's 28 x 28 in grey, the picture that is sent most, by its shortest way.

    None for every other picture.
    """
    length = len(content) - AROUND_MNIST
    if (
        length < 0
        or not content.startswith(MNIST_HEAD)
        or not content.endswith(MNIST_END)
        or content[33:41] != CHUNK.pack(length, b"IDAT")
        or content[-16:-12] != CHECKSUM.pack(zlib.crc32(content[37:-16]))
    ):
        return None
    try:
        return np.asarray(pyspng.load(content), np.uint8)
    except RuntimeError:  # to be told on the long way
        return None


def plain_png(content: bytes) -> PlainPng | None:
    """The file as `PlainPng` if its header and its chunks say so. Format: PNG (Third Edition), sections 5 and 11."""
    if (
        content[:8] != PNG_SIGNATURE
        or content[24:29] not in PNG_PLAIN
        or not PNG_HARMLESS.issuperset(chunks_of(content))
    ):
        return None
    return PlainPng(content, *WIDTH_HEIGHT.unpack_from(content, 16))


def chunks_of(png: bytes) -> list[bytes]:
    """The types of a PNG's chunks; with `DAMAGED` at the end where one is, where there are too many, or no IEND.

    libspng does not look at their checksums.
    """
    chunks: list[bytes] = []
    position = 8
    while chunks[-1:] != [b"IEND"]:
        try:
            length, kind = CHUNK.unpack_from(png, position)
            end = position + 8 + length
            (checksum,) = CHECKSUM.unpack_from(png, end)
        except struct.error:  # it ends too early
            return [*chunks, DAMAGED]
        if zlib.crc32(png[position + 4 : end]) != checksum or len(chunks) == MOST_CHUNKS:
            return [*chunks, DAMAGED]
        chunks.append(kind)
        position = end + 4
    return chunks


def open_with_pillow(content: bytes) -> Pillow.Image:
    try:
        return Pillow.open(io.BytesIO(content), formats=FORMATS)
    except Exception as error:  # Pillow's readers raise whatever the damage leads to
        raise UnsupportedPicture(
            "The bytes are no picture of a format we read: send PNG, JPEG, WebP, BMP, GIF or TIFF."
        ) from error


def decode(picture: Picture, longest_side: int = LONGEST_SIDE) -> Grayscale:
    """The first frame, upright as its EXIF says, transparency on paper, no side longer than `longest_side`.

    Raises `UnsupportedPicture` if damaged.
    """
    if isinstance(picture, PlainPng):
        try:
            return grey_of_pixels(reduced(pyspng.load(picture.content), longest_side))
        except RuntimeError:  # damaged: Pillow decides whether enough of it is left
            picture = open_with_pillow(picture.content)
    return decode_with_pillow(picture, longest_side)


def decode_with_pillow(picture: Pillow.Image, longest_side: int) -> Grayscale:
    try:
        side = longest_side // 2 + longest_side // 6
        picture.draft(None, (side, side))  # a JPEG is decoded at 1/2 to 1/8 where enough
        picture.load()
        turn_upright(picture)
        return grey(picture, longest_side)
    except Exception as error:  # Pillow's readers raise whatever the damage leads to
        raise UnsupportedPicture("The picture is damaged or incomplete: send it again, or save it anew.") from error


def turn_upright(picture: Pillow.Image) -> None:
    """As its EXIF says. A damaged EXIF block is no reason to refuse good pixels."""
    with contextlib.suppress(Exception):
        ImageOps.exif_transpose(picture, in_place=True)


def grey(picture: Pillow.Image, longest_side: int) -> Grayscale:
    """Any mode of Pillow's -> brightness."""
    if picture.mode.startswith("I;16"):
        return reduced(highest_bits(np.asarray(picture)), longest_side)
    if picture.mode in ("I", "F"):
        return reduced(stretched(np.asarray(picture, np.float64)), longest_side)
    if picture.has_transparency_data:
        picture = picture.convert("RGBA")
    elif picture.mode not in ("L", "RGB"):
        picture = picture.convert("RGB")
    return grey_of_pixels(reduced(np.asarray(picture), longest_side))


def grey_of_pixels(pixels: NDArray[np.uint8]) -> Grayscale:
    """(H, W), (H, W, 3) in RGB or (H, W, 4) in RGBA -> brightness."""
    if pixels.ndim == 2:
        return pixels
    if pixels.shape[2] == 3:
        return grey_of_colours(pixels)
    return on_paper(grey_of_colours(pixels[:, :, :3]), pixels[:, :, 3])


def grey_of_colours(pixels: NDArray[np.uint8]) -> Grayscale:
    """(H, W, 3) in RGB -> brightness, or one colour's where the ink shows far better in it: yellow on white in blue."""
    brightness = np.asarray(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY), np.uint8)
    _, by_colour = cv2.meanStdDev(pixels)
    best = int(by_colour.argmax())
    if by_colour[best, 0] <= COLOURFUL * cv2.meanStdDev(brightness)[1][0, 0]:
        return brightness
    return np.ascontiguousarray(pixels[:, :, best])


def on_paper(brightness: Grayscale, alpha: NDArray[np.uint8]) -> Grayscale:
    """Transparent parts become white paper, or black where white would swallow a light ink."""
    if alpha.min() == 255:
        return brightness
    on_black = np.asarray(cv2.multiply(brightness, alpha, scale=1 / 255), np.uint8)
    on_white = np.asarray(cv2.add(on_black, cv2.bitwise_not(alpha)), np.uint8)
    return on_black if on_white.min() > 255 - MIN_CONTRAST else on_white


def highest_bits(values: NDArray[np.uint16]) -> Grayscale:
    """The eight highest of the bits that are used: scanners and cameras write 10, 12 or 14 of them as 16."""
    return (values >> max(0, int(values.max()).bit_length() - 8)).astype(np.uint8)


def stretched(values: NDArray[np.float64]) -> Grayscale:
    """Numbers of an unknown range (32-bit TIFF) -> 0 to 255."""
    values = np.nan_to_num(values)
    low, high = values.min(), values.max()
    scaled: NDArray[np.float64] = np.rint((values - low) * (255 / (high - low or 1)))
    return scaled.astype(np.uint8)


def reduced(pixels: NDArray[np.uint8], longest_side: int) -> NDArray[np.uint8]:
    """No side longer than `longest_side`."""
    height, width = pixels.shape[:2]
    factor = longest_side / max(height, width)
    if factor >= 1:
        return pixels
    size = (max(1, round(width * factor)), max(1, round(height * factor)))
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.uint8)
