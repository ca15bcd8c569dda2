"""A picture becomes an MNIST image: centre(fit(crop(ink(decode(picture))))).

MNIST's digits were made by a fixed geometry: the ink's longer side is 20 pixels, and the image of 28 x 28 is placed so
that its centre of mass is at pixel 14.0. A network trained on them reads nothing else well: only resized, the same
digits are read right one time in five.
"""

from __future__ import annotations

import contextlib
import io
import warnings

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow
from PIL import ImageOps

from app.errors import BlankPicture, InvalidRequest, TooManyPixels, UnsupportedPicture

Grey = NDArray[np.uint8]  # (H, W), as it looks: 0 black, 255 white
Ink = NDArray[np.uint8]  # (H, W), 0 = paper, 255 = full ink, whatever the picture's colours
Image = NDArray[np.uint8]  # (28, 28), 0 = paper, 255 = ink, of MNIST's geometry

FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF")

SIZE = 28
LONGER_SIDE = 20  # of the ink's box
CENTRE_OF_MASS = 14.0  # MNIST's, in pixel indices; 13.5 costs a point

LONGEST_SIDE = 2048  # larger pictures are reduced to it first: a digit of a twentieth of it still has 100 pixels
MIN_CONTRAST = 24  # of 255, between paper and ink: less is a blank page and its noise
BOX_LEVEL = 48  # of 255: fainter ink (soft edges, JPEG's ringing) is kept, but does not widen the box

Pillow.MAX_IMAGE_PIXELS = None  # `open_picture` has its own limit, checked before anything is decoded
warnings.filterwarnings("ignore", module=r"PIL\.")  # what is odd about a caller's file is not for our log


def open_picture(content: bytes, max_pixels: int) -> Pillow.Image:
    """Reads the header alone. Raises `InvalidRequest`, `UnsupportedPicture` or `TooManyPixels`."""
    if not content:
        raise InvalidRequest("The picture is empty: send the bytes of a PNG, JPEG, WebP, BMP, GIF or TIFF file.")
    try:
        picture = Pillow.open(io.BytesIO(content), formats=FORMATS)
    except Exception as error:  # Pillow's readers raise whatever the damage leads to
        raise UnsupportedPicture(
            "The bytes are no picture of a format we read: send PNG, JPEG, WebP, BMP, GIF or TIFF."
        ) from error
    width, height = picture.size
    if width * height > max_pixels:
        raise TooManyPixels(
            f"The picture has {width} x {height} pixels, more than the {max_pixels:,} we take: send a smaller one."
        )
    return picture


def to_mnist(picture: Pillow.Image) -> Image:
    """The whole way from an opened picture. Raises `UnsupportedPicture` or `BlankPicture`."""
    strokes = ink(decode(picture))
    if is_mnist(strokes):
        return strokes
    return centre(fit(crop(strokes)))


def decode(picture: Pillow.Image) -> Grey:
    """The first frame, upright as its EXIF says, transparency on paper. Raises `UnsupportedPicture` if damaged."""
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
        return on_paper(picture.convert("RGBA"))
    if picture.mode not in ("L", "RGB"):
        picture = picture.convert("RGB")
    return np.asarray(picture.convert("L"))


def stretched(values: NDArray[np.float64]) -> Grey:
    """Numbers of an unknown range (32-bit TIFF) -> 0 to 255."""
    values = np.nan_to_num(values)
    low, high = values.min(), values.max()
    scaled: NDArray[np.float64] = np.rint((values - low) * (255 / (high - low or 1)))
    return scaled.astype(np.uint8)


def on_paper(picture: Pillow.Image) -> Grey:
    """Transparent parts become white paper, or black where white would swallow a light ink."""
    brightness, alpha = picture.convert("RGB").convert("L"), picture.getchannel("A")
    sheet = Pillow.new("L", picture.size, 255)
    sheet.paste(brightness, mask=alpha)
    if np.asarray(sheet).min() > 255 - MIN_CONTRAST:
        sheet.paste(0, (0, 0, *picture.size))
        sheet.paste(brightness, mask=alpha)
    return np.asarray(sheet)


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
    """The darkest ink becomes full ink, unless it nearly is: MNIST's own digits end at 254 or 255."""
    peak = int(strokes.max())
    return strokes if peak >= 254 else np.asarray(cv2.convertScaleAbs(strokes, alpha=255 / peak), np.uint8)


def is_mnist(strokes: Ink) -> bool:
    """Whether it has MNIST's size and geometry already, to the pixel."""
    if strokes.shape != (SIZE, SIZE):
        return False
    top, bottom, left, right = box(strokes, level=0)
    y, x = centre_of_mass(strokes)
    # MNIST moved its digits by whole pixels, so their centres of mass are up to half a pixel off
    off_centre = max(abs(y - CENTRE_OF_MASS), abs(x - CENTRE_OF_MASS))
    # 13 of its 60,000 training digits are 19 pixels long
    return LONGER_SIDE - 1 <= max(bottom - top, right - left) <= LONGER_SIDE and off_centre <= 0.52


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
