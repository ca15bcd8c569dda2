"""Steps from ink to a picture file: resize, place, colour, encode."""

from __future__ import annotations

import io
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from PIL import Image

from app.arrays import Ink

RGB = NDArray[np.uint8]  # (H, W, 3)
RGBA = NDArray[np.uint8]  # (H, W, 4)
Levels = NDArray[np.floating[Any]]  # (H, W) or (H, W, 3): 0 to 1
Colour = tuple[int, int, int]  # RGB, 0 to 255
Size = tuple[int, int]  # height and width, in pixels

BLACK: Colour = (0, 0, 0)
WHITE: Colour = (255, 255, 255)

# Background and ink as people choose them, at least 100 levels apart: fainter ink has variants of its own.
DARK_ON_LIGHT: list[tuple[Colour, Colour]] = [
    (WHITE, BLACK),
    (WHITE, (25, 45, 160)),
    (WHITE, (190, 25, 30)),
    ((250, 244, 210), (40, 40, 45)),
    ((255, 236, 120), (60, 40, 90)),
    ((225, 238, 250), (10, 60, 50)),
]
LIGHT_ON_DARK: list[tuple[Colour, Colour]] = [
    (BLACK, WHITE),
    ((30, 31, 34), (220, 222, 225)),
    ((18, 60, 48), (240, 240, 225)),
    ((24, 28, 60), (255, 214, 90)),
]


class Placement(NamedTuple):
    """The square on a sheet that a digit is drawn into. Lengths are in pixels."""

    sheet: Size
    side: float  # of the square
    corner: tuple[float, float]  # the square's upper left corner, x and y


def random_colours(rng: Generator) -> tuple[Colour, Colour]:
    """Background and ink: two times in three dark ink on a light background."""
    colours = DARK_ON_LIGHT if rng.random() < 2 / 3 else LIGHT_ON_DARK
    return colours[rng.integers(len(colours))]


def colour_ink(ink: Ink, background: Colour = WHITE, colour: Colour = BLACK) -> RGB:
    """(H, W) -> (H, W, 3): partial ink is a mixture of both colours."""
    shades = np.rint(np.linspace(background, colour, 256)).astype(np.uint8)
    return shades[ink]


def ink_on_transparency(ink: Ink, colour: Colour) -> RGBA:
    """(H, W) -> (H, W, 4): transparent where there is no ink."""
    return np.dstack([np.full((*ink.shape, 3), colour, np.uint8), ink])


def invert(ink: Ink) -> Ink:
    """Dark ink on a light background."""
    return 255 - ink


def resize_to_height(ink: Ink, height: int) -> Ink:
    """(H, W) -> (height, W'), with the same aspect ratio."""
    size = (max(1, round(ink.shape[1] * height / ink.shape[0])), height)
    interpolation = cv2.INTER_AREA if height < ink.shape[0] else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(ink, size, interpolation=interpolation), np.uint8)


def crop_to_ink(ink: Ink) -> Ink:
    """The bounding box of all pixels above 0."""
    x, y, width, height = cv2.boundingRect(ink)
    return ink[y : y + height, x : x + width]


def place(ink: Ink, size: Size, corner: tuple[int, int]) -> Ink:
    """`ink` on an empty sheet of `size`, its upper left corner at (row, column)."""
    sheet = np.zeros(size, np.uint8)
    sheet[corner[0] : corner[0] + ink.shape[0], corner[1] : corner[1] + ink.shape[1]] = ink
    return sheet


def place_randomly(ink: Ink, size: Size, rng: Generator) -> Ink:
    """`ink` anywhere on an empty sheet of `size`, complete."""
    row, column = (int(rng.integers(0, room - side + 1)) for room, side in zip(size, ink.shape, strict=True))
    return place(ink, size, (row, column))


def encode(pixels: NDArray[np.uint8] | Image.Image, picture_format: str = "PNG", **options: Any) -> bytes:
    """A picture file of grayscale (H, W), RGB, RGBA or a Pillow image; `options` are those of Pillow's encoder."""
    buffer = io.BytesIO()
    picture = pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)
    if picture_format == "PNG":
        options.setdefault("compress_level", 1)  # three times as fast as the default
    picture.save(buffer, picture_format, **options)
    return buffer.getvalue()


def blur(values: NDArray[Any], sigma: float) -> Levels:
    """A Gaussian blur; `sigma` is in pixels."""
    return np.asarray(cv2.GaussianBlur(values.astype(np.float32), (0, 0), sigma), np.float32)
