"""Ink on paper, and both as a file."""

from __future__ import annotations

import io
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from PIL import Image

from training.evaluation.testsets.base import Ink

Pixels = NDArray[np.uint8]  # (H, W, 3), RGB
Levels = NDArray[np.floating[Any]]  # from 0 to 1
Colour = tuple[int, int, int]

BLACK: Colour = (0, 0, 0)
WHITE: Colour = (255, 255, 255)

# Paper and ink as people choose them, of some 100 levels of contrast at least: what is fainter is a kind of its own.
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


class Place(NamedTuple):
    """Where on a sheet something is drawn."""

    sheet: tuple[int, int]  # height, width
    side: float  # of the square that it fills
    corner: tuple[float, float]  # of that square, the upper left one: x, y


def any_colours(rng: Generator) -> tuple[Colour, Colour]:
    """Paper and ink; two in three times dark ink on light paper."""
    colours = DARK_ON_LIGHT if rng.random() < 2 / 3 else LIGHT_ON_DARK
    return colours[rng.integers(len(colours))]


def inked(ink: Ink, paper: Colour = WHITE, colour: Colour = BLACK) -> Pixels:
    shades = np.rint(np.linspace(paper, colour, 256)).astype(np.uint8)
    return shades[ink]


def on_nothing(ink: Ink, colour: Colour) -> NDArray[np.uint8]:
    """(H, W, 4), RGBA: transparent where there is no ink."""
    return np.dstack([np.full((*ink.shape, 3), colour, np.uint8), ink])


def resized(ink: Ink, height: int) -> Ink:
    """Of this height and the same shape."""
    size = (max(1, round(ink.shape[1] * height / ink.shape[0])), height)
    how = cv2.INTER_AREA if height < ink.shape[0] else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(ink, size, interpolation=how), np.uint8)


def trimmed(ink: Ink) -> Ink:
    """Its box."""
    x, y, width, height = cv2.boundingRect(ink)
    return ink[y : y + height, x : x + width]


def placed(ink: Ink, size: tuple[int, int], at: tuple[int, int]) -> Ink:
    """On an empty sheet of `size` (height, width), its upper left corner `at` (row, column)."""
    sheet = np.zeros(size, np.uint8)
    sheet[at[0] : at[0] + ink.shape[0], at[1] : at[1] + ink.shape[1]] = ink
    return sheet


def placed_anywhere(ink: Ink, size: tuple[int, int], rng: Generator) -> Ink:
    row, column = (int(rng.integers(0, room - side + 1)) for room, side in zip(size, ink.shape, strict=True))
    return placed(ink, size, (row, column))


def framed(ink: Ink, margin: int) -> Ink:
    return np.pad(ink, margin)


def file_of(pixels: NDArray[np.uint8] | Image.Image, picture_format: str = "PNG", **options: Any) -> bytes:
    """Grey (H, W), RGB, RGBA or a picture of Pillow's, written in this format."""
    buffer = io.BytesIO()
    picture = pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)
    if picture_format == "PNG":
        options.setdefault("compress_level", 1)  # three times as fast as the default
    picture.save(buffer, picture_format, **options)
    return buffer.getvalue()


def blurred(values: NDArray[Any], sigma: float) -> Levels:
    return np.asarray(cv2.GaussianBlur(values.astype(np.float32), (0, 0), sigma), np.float32)
