"""A picture becomes an image in MNIST's geometry: centre(fit(thicken(crop(reduce(extract_ink(decode(picture))))))).

MNIST's digits were normalized by a fixed rule: the longer side of the ink's box is 20 pixels, and the image of 28 x 28
is placed so that its centre of mass is at pixel 14.0. A network that was trained on them needs the same geometry: of
digits that are only resized, it reads one in five. Source: LeCun et al., "Gradient-based learning applied to document
recognition" (1998), section III.A.
"""

from __future__ import annotations

import math

import cv2
import numpy as np

from app.arrays import IMAGE_SIZE, Grayscale, Image, Ink, Mask
from app.errors import SeveralDigits
from app.observability.request_context import check_deadline
from app.preprocessing.clutter import remove_clutter
from app.preprocessing.components import binarize, label_components, stroke_width
from app.preprocessing.constants import integer, number
from app.preprocessing.decode import Picture, decode, decode_mnist_sized_png
from app.preprocessing.enclosures import remove_enclosure
from app.preprocessing.ink import (
    DIGIT_SIDE,
    crop,
    extract_ink,
    remove_specks,
    stretch_contrast,
    thicken,
)
from app.preprocessing.scaling import enlarge, halved, scaled_size

# What a document is, and no picture of one digit. On sheets of numbers there are 24 or more, on other pictures none.
DOCUMENT_SIDE = 300  # pixels, longer side
MANY = 8  # digits: fewer are left to the model
LEAST_DIGIT = 0.015  # of the picture's longer side: noise is smaller
FULL = 0.7  # of its box: a dot covers more of it
SIZES = (0.2, 0.5, 0.8)  # of all components' lengths: quantiles
SHARE_OF_INK = 0.25  # rings, boxes and stains may have more ink than the digits

CENTRE_OF_MASS = number("CENTRE_OF_MASS")
WORKING_SIDE = integer("WORKING_SIDE")
WORKING_STROKE = integer("WORKING_STROKE")
CENTRE_TOLERANCE = number("CENTRE_TOLERANCE")

# (3, 784), in float32, in which these sums of bytes are exact
ONES_ROWS_COLUMNS = np.stack([np.ones((IMAGE_SIZE,) * 2), *np.mgrid[:IMAGE_SIZE, :IMAGE_SIZE]])
ONES_ROWS_COLUMNS = ONES_ROWS_COLUMNS.reshape(3, -1).astype(np.float32)


def mnist_png_to_image(content: bytes) -> Image | None:
    """An MNIST image that was saved as a plain PNG, unchanged; None for every other picture.

    Equals `to_image(open_picture(content))`.
    """
    pixels = decode_mnist_sized_png(content)
    return pixels if pixels is not None and is_mnist(pixels) else None


def to_image(picture: Picture) -> Image:
    """An opened picture, decoded and preprocessed. Raises `UnsupportedPicture`, `BlankPicture` or `SeveralDigits`."""
    grayscale = decode(picture)
    check_deadline()
    return preprocess(grayscale, max_digits=MANY - 1)


def preprocess(picture: Grayscale, max_digits: float = math.inf) -> Image:
    """All that follows decoding, for requests and for training's pictures. Raises `BlankPicture` or `SeveralDigits`."""
    if picture.shape == (IMAGE_SIZE, IMAGE_SIZE):
        for candidate in (picture, np.asarray(cv2.bitwise_not(picture), np.uint8)):
            if is_mnist(candidate):
                return candidate
    ink = extract_ink(picture)
    if is_mnist(ink):
        return ink
    cleared = remove_clutter(ink)
    if max(picture.shape) >= DOCUMENT_SIDE and shows_several(ink, cleared, max_digits):
        raise SeveralDigits("The picture shows several digits: send it to /read, or crop it to one of them.")
    return centre(fit(thicken(crop(remove_specks(remove_enclosure(reduce(cleared)))))))


def shows_several(ink: Ink, cleared: Ink, max_digits: float) -> bool:
    """Whether more components are alike than `max_digits`, with the clutter, such as punched holes, and without it."""
    return count_alike(binarize(ink)) > max_digits and count_alike(binarize(cleared)) > max_digits


def reduce(ink: Ink) -> Ink:
    """The ink's box, half as wide and high where it stays large and its strokes wide: what follows takes less time."""
    ink = crop(ink)
    if max(ink.shape) < 2 * WORKING_SIDE:
        return ink
    half = stretch_contrast(halved(ink))
    return half if stroke_width(half) >= WORKING_STROKE else ink


def count_alike(foreground: Mask) -> int:
    """How many components are of one size and no dots, where they are much of the ink: digits.

    Reduced to one image, a column of numbers is an accepted 1, and a ringed one a 0.
    """
    _, _, stats, _ = label_components(foreground)
    _, _, width, height, area = stats[1:].astype(np.float64).T
    length, breadth = np.maximum(width, height), np.minimum(width, height)
    large = length >= LEAST_DIGIT * max(foreground.shape)
    counts = [0]
    for typical in np.quantile(length[large], SIZES) if large.any() else ():
        alike = large & (length > 0.6 * typical) & (length < 1.6 * typical) & (breadth < 1.3 * typical)
        alike &= area < FULL * width * height
        counts.append(int(alike.sum()) if area[alike].sum() > SHARE_OF_INK * area.sum() else 0)
    return max(counts)


def is_mnist(picture: Grayscale | Ink) -> bool:
    """Whether it is an MNIST image already: bright ink on 0, of MNIST's size and geometry to the pixel."""
    if picture.shape != (IMAGE_SIZE, IMAGE_SIZE):
        return False
    _, _, width, height = cv2.boundingRect(picture)
    # 13 of MNIST's 60,000 training digits are 19 pixels long
    if not DIGIT_SIDE - 1 <= max(width, height) <= DIGIT_SIDE:
        return False
    pixels = picture.tobytes()
    if b"\xff" not in pixels and b"\xfe" not in pixels:  # nothing reaches `FULL_INK`
        return False
    # One product with the pixels' rows and columns: OpenCV's `moments` computes higher orders too, in twice the time.
    mass, y, x = np.dot(ONES_ROWS_COLUMNS, picture.reshape(IMAGE_SIZE * IMAGE_SIZE)).tolist()
    return bool(max(abs(y / mass - CENTRE_OF_MASS), abs(x / mass - CENTRE_OF_MASS)) <= CENTRE_TOLERANCE)


def fit(ink: Ink) -> Ink:
    """The longer side becomes 20 pixels, and the aspect ratio stays."""
    scale = DIGIT_SIDE / max(ink.shape)
    size = scaled_size(ink, scale)
    resized = cv2.resize(ink, size, interpolation=cv2.INTER_AREA) if scale < 1 else enlarge(ink, size)
    return stretch_contrast(np.asarray(resized, np.uint8))


def centre(ink: Ink) -> Image:
    """On an empty image, moved by whole pixels as in MNIST, so that the centre of mass is at 14.0, 14.0."""
    height, width = ink.shape
    y, x = centre_of_mass(ink)
    # a lopsided digit stops at the image's edge and is not cut off
    top = min(max(round(CENTRE_OF_MASS - y), 0), IMAGE_SIZE - height)
    left = min(max(round(CENTRE_OF_MASS - x), 0), IMAGE_SIZE - width)
    image = np.zeros((IMAGE_SIZE, IMAGE_SIZE), np.uint8)
    image[top : top + height, left : left + width] = ink
    return image


def centre_of_mass(ink: Ink) -> tuple[float, float]:
    """Row and column, in pixel indices."""
    moments = cv2.moments(ink)
    return moments["m01"] / moments["m00"], moments["m10"] / moments["m00"]
