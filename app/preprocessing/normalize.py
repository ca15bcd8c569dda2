"""A picture becomes an MNIST image: centre(fit(crop(ink_of(decode(picture))))).

MNIST's digits were made by a fixed geometry: the ink's longer side is 20 pixels, and the image of 28 x 28 is placed so
that its centre of mass is at pixel 14.0. A network trained on them reads nothing else well: only resized, the same
digits are read right one time in five.
"""

from __future__ import annotations

import cv2
import numpy as np

from app.arrays import Grayscale, Image, Ink
from app.preprocessing.decode import Picture, decode, pixels_of_mnist_size
from app.preprocessing.ink import BOX_LEVEL, box, ink_of, strengthened, without_specks, without_surroundings

SIZE = 28
LONGER_SIDE = 20  # of the ink's box
CENTRE_OF_MASS = 14.0  # MNIST's, in pixel indices; 13.5 costs a point
THINNEST = 1.8  # a stroke's width in pixels of the finished image; MNIST's own are 2 to 4
CROSS = cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))

# (3, 784), in float32, in which these sums of bytes are exact
ONES_ROWS_COLUMNS = np.stack([np.ones((SIZE, SIZE)), *np.mgrid[:SIZE, :SIZE]]).reshape(3, -1).astype(np.float32)


def read_mnist_png(content: bytes) -> Image | None:
    """An MNIST image that was saved as a plain PNG, as it is; None for every other picture.

    The same as `to_mnist(open_picture(content))`, at once.
    """
    pixels = pixels_of_mnist_size(content)
    return pixels if pixels is not None and is_mnist(pixels) else None


def to_mnist(picture: Picture) -> Image:
    """The whole way from an opened picture. Raises `UnsupportedPicture` or `BlankPicture`."""
    return prepare(decode(picture))


def prepare(brightness: Grayscale) -> Image:
    """The way after decoding. Training's pictures take it too. Raises `BlankPicture`."""
    for same in (brightness, np.asarray(cv2.bitwise_not(brightness), np.uint8)):
        if is_mnist(same):
            return same
    strokes = ink_of(brightness)
    if is_mnist(strokes):
        return strokes
    return centre(fit(thick_enough(crop(without_specks(without_surroundings(strokes))))))


def is_mnist(picture: Grayscale | Ink) -> bool:
    """Whether it is an MNIST image already: ink bright on 0, of MNIST's size and geometry to the pixel."""
    if picture.shape != (SIZE, SIZE):
        return False
    _, _, width, height = cv2.boundingRect(picture)
    # 13 of its 60,000 training digits are 19 pixels long
    if not LONGER_SIDE - 1 <= max(width, height) <= LONGER_SIDE:
        return False
    pixels = picture.tobytes()
    if b"\xff" not in pixels and b"\xfe" not in pixels:  # as in `FULL_INK`
        return False
    # One product with the pixels' rows and columns: OpenCV's moments, of a higher order too, take twice as long.
    mass, y, x = np.dot(ONES_ROWS_COLUMNS, picture.reshape(SIZE * SIZE)).tolist()
    # MNIST moved its digits by whole pixels, so their centres of mass are up to half a pixel off
    return bool(max(abs(y / mass - CENTRE_OF_MASS), abs(x / mass - CENTRE_OF_MASS)) <= 0.52)


def crop(strokes: Ink) -> Ink:
    """The ink's box."""
    top, bottom, left, right = box(strokes, level=BOX_LEVEL)
    return strokes[top:bottom, left:right]


def thick_enough(strokes: Ink, longer_side: float | None = None) -> Ink:
    """A pen so thin that it would vanish when the digit is made small is thickened first, all around.

    `longer_side` is that of one digit, where there are several.
    """
    factor = LONGER_SIDE / (longer_side or max(strokes.shape))
    if factor > 0.5:
        return strokes
    inked = cv2.threshold(strokes, BOX_LEVEL, 255, cv2.THRESH_BINARY)[1]
    inked = cv2.morphologyEx(inked, cv2.MORPH_CLOSE, CROSS)  # a dithered stroke is one stroke
    edge = cv2.subtract(inked, cv2.erode(inked, CROSS))
    width = 2 * cv2.countNonZero(inked) / max(1, cv2.countNonZero(edge))
    by = round(THINNEST / factor - width)
    if by < 1:
        return strokes
    around = by // 2 + 1
    roomy = cv2.copyMakeBorder(strokes, around, around, around, around, cv2.BORDER_CONSTANT)
    return np.asarray(cv2.dilate(roomy, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (by + 1, by + 1))), np.uint8)


def fit(strokes: Ink) -> Ink:
    """The longer side becomes 20 pixels, the other keeps the shape."""
    height, width = strokes.shape
    factor = LONGER_SIDE / max(height, width)
    size = (max(1, round(width * factor)), max(1, round(height * factor)))
    resized = cv2.resize(strokes, size, interpolation=cv2.INTER_AREA) if factor < 1 else enlarged(strokes, size)
    return strengthened(np.asarray(resized, np.uint8))


def enlarged(strokes: Ink, size: tuple[int, int]) -> Ink:
    """To width and height.

    Intel's IPP, which OpenCV has on x86 alone, enlarges by rules of its own: 3 % of the pixels are a level off, and
    one picture would not be the same image everywhere, in the browser above all. Each thread has its own say in that.
    """
    cv2.ipp.setUseIPP(False)
    return np.asarray(cv2.resize(strokes, size, interpolation=cv2.INTER_CUBIC), np.uint8)


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
