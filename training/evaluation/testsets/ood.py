"""Out-of-distribution test sets: noise, shapes, scribbles, and pictures of several digits.

A model should refuse them, that is, give them confidences below its threshold.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from app.arrays import Images, Ink
from training.datasets.mnist import Digits
from training.evaluation.testsets.base import Sample, TestSet, Variant, non_digit_variant
from training.evaluation.testsets.rendering import (
    Levels,
    Size,
    blur,
    colour_ink,
    crop_to_ink,
    encode,
    place,
    random_colours,
    resize_to_height,
)

Points = NDArray[np.float64]  # (n, 2): x and y, -1 to 1
Curves = list[Points]
Noise = Callable[[Size, Generator], Levels]
Drawing = Callable[[Generator], Curves]

CANVAS_SIDE = 200  # pixels, of the square that shapes and scribbles are drawn on
SUBPIXEL_BITS = 4  # OpenCV draws at sixteenths of a pixel


# --- noise ---


def noise() -> TestSet:
    variants = {name: non_digit_variant(partial(render_noise, make)) for name, make in NOISES.items()}
    return TestSet("noise", "eight kinds of noise, 28 to 300 pixels wide", variants, pictures_per_variant=125)


def render_noise(make_noise: Noise, rng: Generator) -> bytes:
    """A grayscale PNG: half of them have the size of an image, the others a random one."""
    size = (int(rng.integers(28, 301)), int(rng.integers(28, 301))) if rng.random() < 0.5 else (28, 28)
    return encode(np.clip(make_noise(size, rng) * 255, 0, 255).astype(np.uint8))


def uniform(size: Size, rng: Generator) -> Levels:
    return rng.random(size)


def normal(size: Size, rng: Generator) -> Levels:
    return rng.normal(rng.uniform(0.2, 0.8), rng.uniform(0.02, 0.3), size)


def salt(size: Size, rng: Generator) -> Levels:
    return (rng.random(size) < rng.uniform(0.005, 0.2)).astype(float)


def pepper(size: Size, rng: Generator) -> Levels:
    return 1 - salt(size, rng)


def clouds(size: Size, rng: Generator) -> Levels:
    """Blurred noise, scaled to 0 to 1."""
    blurred = blur(rng.standard_normal(size), rng.uniform(0.02, 0.15) * min(size))
    return np.asarray((blurred - blurred.min()) / (blurred.max() - blurred.min()))


def blots(size: Size, rng: Generator) -> Levels:
    """Clouds, binarized."""
    return (clouds(size, rng) > rng.uniform(0.4, 0.8)).astype(float)


def stripes(size: Size, rng: Generator) -> Levels:
    y, x = np.mgrid[: size[0], : size[1]]
    angle, wavelength = rng.uniform(0, np.pi), rng.uniform(3, 0.5 * min(size))
    return np.asarray((np.sin((x * np.cos(angle) + y * np.sin(angle)) * 2 * np.pi / wavelength) + 1) / 2)


def blocks(size: Size, rng: Generator) -> Levels:
    cells = rng.random(rng.integers(3, 9, 2))
    return np.asarray(cv2.resize(cells, size[::-1], interpolation=cv2.INTER_NEAREST))


NOISES: dict[str, Noise] = {
    "uniform": uniform,
    "normal": normal,
    "salt": salt,
    "pepper": pepper,
    "clouds": clouds,
    "blots": blots,
    "stripes": stripes,
    "blocks": blocks,
}


# --- drawings ---


def shapes() -> TestSet:
    description = "triangles, arrows, stars, ticks and other shapes, drawn with a pen and slightly rotated"
    return drawings("shapes", description, SHAPES, pictures_per_variant=70)


def shapes_like_digits() -> TestSet:
    description = "circles and upright lines, the shapes of 0 and 1"
    return drawings("shapes like digits", description, SHAPES_LIKE_DIGITS, pictures_per_variant=70)


def scribbles() -> TestSet:
    return drawings("scribbles", "curves that cross themselves, and hatching", SCRIBBLES, pictures_per_variant=200)


def drawings(name: str, description: str, makers: dict[str, Drawing], pictures_per_variant: int) -> TestSet:
    variants = {variant: non_digit_variant(partial(render_drawing, draw)) for variant, draw in makers.items()}
    return TestSet(name, description, variants, pictures_per_variant)


def render_drawing(draw: Drawing, rng: Generator) -> bytes:
    """A PNG: rotated by up to 12 degrees, stretched by up to a fifth, anywhere on the canvas, in random colours."""
    angle, stretch = np.radians(rng.uniform(-12, 12)), rng.uniform(0.8, 1.2, 2)
    rotation = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    scale = CANVAS_SIDE * rng.uniform(0.12, 0.24)
    margin = 2 * scale  # holds the corner of a square, stretched, and the width of the pen
    middle = rng.uniform(margin, CANVAS_SIDE - margin, 2)
    ink = np.zeros((CANVAS_SIDE, CANVAS_SIDE), np.uint8)
    width = max(1, round(scale * rng.uniform(0.06, 0.3)))
    for curve in draw(rng):
        points = np.rint((curve * stretch @ rotation * scale + middle) * 2**SUBPIXEL_BITS).astype(np.int32)
        cv2.polylines(ink, [points], False, 255, width, cv2.LINE_AA, shift=SUBPIXEL_BITS)
    return encode(colour_ink(ink, *random_colours(rng)))


def polyline(*points: tuple[float, float]) -> Points:
    return np.array(points, float)


def arc(start: float, end: float, x: float = 0, y: float = 0, radius: float = 1) -> Points:
    """From `start` to `end`, in degrees clockwise from the right."""
    angles = np.radians(np.linspace(start, end, 40))
    return np.column_stack([x + radius * np.cos(angles), y + radius * np.sin(angles)])


def regular_polygon(corners: int, step: int = 1) -> Points:
    """With one corner at the top; with a step above 1 a star."""
    angles = -np.pi / 2 + 2 * np.pi * step / corners * np.arange(corners + 1)
    return np.column_stack([np.cos(angles), np.sin(angles)])


def wave(_: Generator) -> Curves:
    x = np.linspace(-1, 1, 60)
    return [np.column_stack([x, 0.3 * np.sin(3 * np.pi * x)])]


def spiral(_: Generator) -> Curves:
    angles = np.linspace(0, 6 * np.pi, 120)
    return [np.column_stack([np.cos(angles), np.sin(angles)]) * np.linspace(0.1, 1, 120)[:, np.newaxis]]


def heart(_: Generator) -> Curves:
    t = np.linspace(0, 2 * np.pi, 80)
    y = 13 * np.cos(t) - 5 * np.cos(2 * t) - 2 * np.cos(3 * t) - np.cos(4 * t)
    return [np.column_stack([np.sin(t) ** 3, -y / 16])]


def hash_sign(_: Generator) -> Curves:
    upright = [polyline((a, -1), (a, 1)) for a in (-0.4, 0.4)]
    return upright + [polyline((-1, a), (1, a)) for a in (-0.4, 0.4)]


def smiley(_: Generator) -> Curves:
    eyes = [arc(0, 360, x, -0.3, 0.08) for x in (-0.35, 0.35)]
    return [arc(0, 360), *eyes, arc(20, 160, 0, 0.1, 0.55)]


SHAPES: dict[str, Drawing] = {
    "triangle": lambda _: [regular_polygon(3)],
    "square": lambda _: [polyline((-1, -1), (1, -1), (1, 1), (-1, 1), (-1, -1))],
    "star": lambda _: [regular_polygon(5, 2)],
    "lying line": lambda _: [polyline((-1, 0), (1, 0))],
    "two lines": lambda _: [polyline((-1, -0.4), (1, -0.4)), polyline((-1, 0.4), (1, 0.4))],
    "plus": lambda _: [polyline((-1, 0), (1, 0)), polyline((0, -1), (0, 1))],
    "cross": lambda _: [polyline((-1, -1), (1, 1)), polyline((1, -1), (-1, 1))],
    "arrow": lambda _: [polyline((-1, 0), (1, 0)), polyline((0.4, -0.5), (1, 0), (0.4, 0.5))],
    "tick": lambda _: [polyline((-1, 0), (-0.35, 0.8), (1, -1))],
    "smiley": smiley,
    "heart": heart,
    "wave": wave,
    "spiral": spiral,
    "house": lambda _: [polyline((-1, 1), (-1, -0.1), (0, -1), (1, -0.1), (1, 1), (-1, 1))],
    "hash": hash_sign,
}
SHAPES_LIKE_DIGITS: dict[str, Drawing] = {
    "circle": lambda _: [arc(0, 360)],
    "upright line": lambda _: [polyline((0, -1), (0, 1))],
}


def scribble(rng: Generator) -> Curves:
    """One stroke through many random points."""
    return [round_corners(rng.uniform(-1, 1, (int(rng.integers(10, 18)), 2)))]


def hatching(rng: Generator) -> Curves:
    y = np.linspace(-1, 1, int(rng.integers(6, 12)))
    x = np.where(np.arange(len(y)) % 2, 1, -1) * rng.uniform(0.6, 1, len(y))
    return [np.column_stack([x, y])]


def tangle(rng: Generator) -> Curves:
    """Overlapping loops, as from trying out a pen."""
    t = np.linspace(0, 2 * np.pi * rng.uniform(3, 6), 200)
    x = np.linspace(-0.8, 0.8, 200) + 0.4 * np.cos(t)
    return [np.column_stack([x, np.sin(t) * rng.uniform(0.4, 1)])]


def round_corners(corners: Points) -> Points:
    """A smooth curve along a polyline: three rounds of corner cutting (Chaikin, 1974)."""
    for _ in range(3):
        near_start = 0.75 * corners[:-1] + 0.25 * corners[1:]
        near_end = 0.25 * corners[:-1] + 0.75 * corners[1:]
        corners = np.stack([near_start, near_end], axis=1).reshape(-1, 2)
    return corners


SCRIBBLES: dict[str, Drawing] = {"scribble": scribble, "hatching": hatching, "tangle": tangle}


# --- several digits ---

ROW_LENGTHS = {2: "two", 3: "three", 4: "four"}


def several_digits(digits: Digits) -> TestSet:
    description = "two to four of MNIST's test digits side by side in one picture"
    variants = {name: row_variant(digits, length) for length, name in ROW_LENGTHS.items()}
    return TestSet("several digits", description, variants, pictures_per_variant=300)


def row_variant(digits: Digits, length: int) -> Variant:
    """Rows of `length` digits."""

    def make_samples(rng: Generator, count: int) -> Iterator[Sample]:
        for _ in range(count):
            yield Sample(render_row(digits.images[rng.integers(0, len(digits), length)], rng), None)

    return make_samples


def render_row(images: Images, rng: Generator) -> bytes:
    """A PNG of digits with gaps between them, of similar heights and nearly on one line."""
    height = int(rng.integers(24, 120))
    inks: list[Ink] = [
        resize_to_height(crop_to_ink(image), round(height * rng.uniform(0.85, 1.15))) for image in images
    ]
    gap = max(2, round(height * rng.uniform(0.1, 0.5)))
    size = (round(1.6 * height), sum(ink.shape[1] + gap for ink in inks) + gap)
    sheet, left = np.zeros(size, np.uint8), gap
    for ink in inks:
        top = int(rng.integers(0, size[0] - ink.shape[0] + 1)) // 2 + (size[0] - ink.shape[0]) // 4
        sheet |= place(ink, size, (top, left))
        left += ink.shape[1] + gap
    return encode(colour_ink(sheet, *random_colours(rng)))
