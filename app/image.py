"""A picture becomes an MNIST image: centre(fit(crop(ink(decode(picture))))).

MNIST's digits were made by a fixed geometry: the ink's longer side is 20 pixels, and the image of 28 x 28 is placed so
that its centre of mass is at pixel 14.0. A network trained on them reads nothing else well: only resized, the same
digits are read right one time in five.
"""

from __future__ import annotations

import contextlib
import io
import struct
import warnings
import zlib
from typing import NamedTuple

import cv2
import numpy as np
import pyspng
from numpy.typing import NDArray
from PIL import Image as Pillow
from PIL import ImageOps

from app.errors import BlankPicture, InvalidRequest, TooManyPixels, UnsupportedPicture

Grey = NDArray[np.uint8]  # (H, W), as it looks: 0 black, 255 white
Ink = NDArray[np.uint8]  # (H, W), 0 = paper, 255 = full ink, whatever the picture's colours
Image = NDArray[np.uint8]  # (28, 28), 0 = paper, 255 = ink, of MNIST's geometry

FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF")

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
# Bit depth, colour type (grey, RGB, RGBA), compression, filter, interlace: as they stand in the header.
PNG_PLAIN = {b"\x08\x00\0\0\0", b"\x08\x02\0\0\0", b"\x08\x06\0\0\0"}
PNG_OF_MNIST = PNG_SIGNATURE + struct.pack(">I4sIIBBBBB", 13, b"IHDR", 28, 28, 8, 0, 0, 0, 0)
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

SIZE = 28
LONGER_SIDE = 20  # of the ink's box
CENTRE_OF_MASS = 14.0  # MNIST's, in pixel indices; 13.5 costs a point

# (784, 3), in float32, in which these sums of bytes are exact
ONES_ROWS_COLUMNS = (
    np.stack([np.ones((SIZE, SIZE)), *np.mgrid[:SIZE, :SIZE]], axis=-1).reshape(-1, 3).astype(np.float32)
)

LONGEST_SIDE = 2048  # larger pictures are reduced to it first: a digit of a twentieth of it still has 100 pixels
FULL_INK = 254  # MNIST's own digits end at 254 or 255
MIN_CONTRAST = 24  # of 255, between paper and ink: less is a blank page and its noise
BOX_LEVEL = 48  # of 255: fainter ink (soft edges, JPEG's ringing) is kept, but does not widen the box

Pillow.MAX_IMAGE_PIXELS = None  # `open_picture` has its own limit, checked before anything is decoded
warnings.filterwarnings("ignore", module=r"PIL\.")  # what is odd about a caller's file is not for our log


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


def read_mnist_png(content: bytes) -> Image | None:
    """An MNIST image that was saved as a plain PNG, as it is; None for every other picture.

    The picture that is sent most, by its shortest way: the same as `to_mnist(open_picture(content))`.
    """
    if content[:29] != PNG_OF_MNIST or chunks_of(content) != [b"IHDR", b"IDAT", b"IEND"]:
        return None
    try:
        pixels: Grey = pyspng.load(content)
    except RuntimeError:  # to be told on the long way
        return None
    return pixels if is_mnist(pixels) else None


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


def to_mnist(picture: Picture) -> Image:
    """The whole way from an opened picture. Raises `UnsupportedPicture` or `BlankPicture`."""
    brightness = decode(picture)
    if is_mnist(brightness):
        return brightness
    strokes = ink(brightness)
    if is_mnist(strokes):
        return strokes
    return centre(fit(crop(strokes)))


def decode(picture: Picture) -> Grey:
    """The first frame, upright as its EXIF says, transparency on paper. Raises `UnsupportedPicture` if damaged."""
    if isinstance(picture, PlainPng):
        try:
            return reduced(grey_of_pixels(pyspng.load(picture.content)))
        except RuntimeError:  # damaged: Pillow decides whether enough of it is left
            picture = open_with_pillow(picture.content)
    return decode_with_pillow(picture)


def grey_of_pixels(pixels: NDArray[np.uint8]) -> Grey:
    """(H, W), (H, W, 3) in RGB or (H, W, 4) in RGBA -> brightness."""
    if pixels.ndim == 2:
        return pixels
    if pixels.shape[2] == 3:
        return np.asarray(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY), np.uint8)
    return on_paper(np.asarray(cv2.cvtColor(pixels, cv2.COLOR_RGBA2GRAY), np.uint8), pixels[:, :, 3])


def decode_with_pillow(picture: Pillow.Image) -> Grey:
    try:
        picture.draft("L", (LONGEST_SIDE // 2, LONGEST_SIDE // 2))  # a JPEG is decoded at 1/2 to 1/8 where enough
        picture.load()
        turn_upright(picture)
        return reduced(grey(picture))
    except Exception as error:  # Pillow's readers raise whatever the damage leads to
        raise UnsupportedPicture("The picture is damaged or incomplete: send it again, or save it anew.") from error


def turn_upright(picture: Pillow.Image) -> None:
    """As its EXIF says. A damaged EXIF block is no reason to refuse good pixels."""
    with contextlib.suppress(Exception):
        ImageOps.exif_transpose(picture, in_place=True)


def grey(picture: Pillow.Image) -> Grey:
    """Any mode of Pillow's -> brightness."""
    if picture.mode.startswith("I;16"):
        return (np.asarray(picture) >> 8).astype(np.uint8)
    if picture.mode in ("I", "F"):
        return stretched(np.asarray(picture, np.float64))
    if picture.has_transparency_data:
        picture = picture.convert("RGBA")
        return on_paper(np.asarray(picture.convert("RGB").convert("L")), np.asarray(picture.getchannel("A")))
    if picture.mode not in ("L", "RGB"):
        picture = picture.convert("RGB")
    return np.asarray(picture.convert("L"))


def stretched(values: NDArray[np.float64]) -> Grey:
    """Numbers of an unknown range (32-bit TIFF) -> 0 to 255."""
    values = np.nan_to_num(values)
    low, high = values.min(), values.max()
    scaled: NDArray[np.float64] = np.rint((values - low) * (255 / (high - low or 1)))
    return scaled.astype(np.uint8)


def on_paper(brightness: Grey, alpha: NDArray[np.uint8]) -> Grey:
    """Transparent parts become white paper, or black where white would swallow a light ink."""
    if alpha.min() == 255:
        return brightness
    on_black = np.asarray(cv2.multiply(brightness, alpha, scale=1 / 255), np.uint8)
    on_white = np.asarray(cv2.add(on_black, cv2.bitwise_not(alpha)), np.uint8)
    return on_black if on_white.min() > 255 - MIN_CONTRAST else on_white


def reduced(picture: Grey) -> Grey:
    """No side longer than `LONGEST_SIDE`."""
    height, width = picture.shape
    factor = LONGEST_SIDE / max(height, width)
    if factor >= 1:
        return picture
    size = (max(1, round(width * factor)), max(1, round(height * factor)))
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)


def ink(picture: Grey) -> Ink:
    """Paper is what the border mostly is; ink is what differs from it most. Raises `BlankPicture`."""
    paper = int(np.median(border(picture)))
    darker, lighter = paper - int(picture.min()), int(picture.max()) - paper
    contrast = max(darker, lighter)
    if contrast < MIN_CONTRAST:
        raise BlankPicture("The picture has no ink on it: send one with a digit drawn on it.")
    away = (paper, picture) if darker > lighter else (picture, paper)
    return strengthened(np.asarray(cv2.subtract(*away), np.uint8))


def border(picture: Grey) -> NDArray[np.uint8]:
    return np.concatenate([picture[0], picture[-1], picture[:, 0], picture[:, -1]])


def strengthened(strokes: Ink) -> Ink:
    """The darkest ink becomes full ink, unless it nearly is."""
    peak = int(strokes.max())
    return strokes if peak >= FULL_INK else np.asarray(cv2.convertScaleAbs(strokes, alpha=255 / peak), np.uint8)


def is_mnist(picture: Grey | Ink) -> bool:
    """Whether it is an MNIST image already: ink bright on 0, of MNIST's size and geometry to the pixel."""
    if picture.shape != (SIZE, SIZE):
        return False
    _, _, width, height = cv2.boundingRect(picture)
    # 13 of its 60,000 training digits are 19 pixels long
    if not LONGER_SIDE - 1 <= max(width, height) <= LONGER_SIDE:
        return False
    pixels = picture.tobytes()
    if b"\xff" not in pixels and b"\xfe" not in pixels:  # FULL_INK
        return False
    # One product with the pixels' rows and columns: OpenCV's moments, of a higher order too, take twice as long.
    mass, y, x = (picture.reshape(SIZE * SIZE) @ ONES_ROWS_COLUMNS).tolist()
    # MNIST moved its digits by whole pixels, so their centres of mass are up to half a pixel off
    return bool(max(abs(y / mass - CENTRE_OF_MASS), abs(x / mass - CENTRE_OF_MASS)) <= 0.52)


def crop(strokes: Ink) -> Ink:
    """The ink's box."""
    top, bottom, left, right = box(strokes, level=BOX_LEVEL)
    return strokes[top:bottom, left:right]


def box(strokes: Ink, level: int) -> tuple[int, int, int, int]:
    """Top, bottom, left and right (ends exclusive) of the pixels above `level`."""
    x, y, width, height = cv2.boundingRect(cv2.threshold(strokes, level, 255, cv2.THRESH_BINARY)[1])
    return y, y + height, x, x + width


def fit(strokes: Ink) -> Ink:
    """The longer side becomes 20 pixels, the other keeps the shape."""
    height, width = strokes.shape
    factor = LONGER_SIDE / max(height, width)
    size = (max(1, round(width * factor)), max(1, round(height * factor)))
    how = cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC
    return strengthened(np.asarray(cv2.resize(strokes, size, interpolation=how), np.uint8))


def centre(strokes: Ink) -> Image:
    """On an empty 28 x 28 image, moved by whole pixels, as MNIST did, so that the mass is at 14.0, 14.0."""
    height, width = strokes.shape
    y, x = centre_of_mass(strokes)
    # a lopsided digit stops at the image's edge and is not cut off
    top = min(max(round(CENTRE_OF_MASS - y), 0), SIZE - height)
    left = min(max(round(CENTRE_OF_MASS - x), 0), SIZE - width)
    image = np.zeros((SIZE, SIZE), np.uint8)
    image[top : top + height, left : left + width] = strokes
    return image


def centre_of_mass(strokes: Ink) -> tuple[float, float]:
    """Row and column, in pixel indices."""
    moments = cv2.moments(strokes)
    return moments["m01"] / moments["m00"], moments["m10"] / moments["m00"]
