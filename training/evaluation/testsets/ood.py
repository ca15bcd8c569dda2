"""What is no digit, or more than one: noise, shapes, scribbles, several digits on one picture."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from training.datasets.mnist import Digits
from training.evaluation.testsets.base import Ink, Kind, Make, Sample, of_no_digit
from training.evaluation.testsets.rendering import (
    Levels,
    any_colours,
    blurred,
    file_of,
    inked,
    placed,
    resized,
    trimmed,
)

Points = NDArray[np.float64]  # (n, 2): x, y, of a square from -1 to 1
Curves = list[Points]

CANVAS = 200  # pixels of a square on which shapes and scribbles are drawn


# --- noise ---


def noise_kind() -> Kind:
    variants = {name: of_no_digit(partial(noise_file, make)) for name, make in NOISE.items()}
    return Kind("noise", "noise of eight kinds, 28 to 300 pixels wide", variants, each=125)


def noise_file(make: Callable[[tuple[int, int], Generator], Levels], rng: Generator) -> bytes:
    size = (int(rng.integers(28, 301)), int(rng.integers(28, 301))) if rng.random() < 0.5 else (28, 28)
    return file_of(np.clip(make(size, rng) * 255, 0, 255).astype(np.uint8))


def uniform(size: tuple[int, int], rng: Generator) -> Levels:
    return rng.random(size)


def normal(size: tuple[int, int], rng: Generator) -> Levels:
    return rng.normal(rng.uniform(0.2, 0.8), rng.uniform(0.02, 0.3), size)


def salt(size: tuple[int, int], rng: Generator) -> Levels:
    return (rng.random(size) < rng.uniform(0.005, 0.2)).astype(float)


def pepper(size: tuple[int, int], rng: Generator) -> Levels:
    return 1 - salt(size, rng)


def soft(size: tuple[int, int], rng: Generator) -> Levels:
    """Clouds of one size."""
    clouds = blurred(rng.standard_normal(size), rng.uniform(0.02, 0.15) * min(size))
    return np.asarray((clouds - clouds.min()) / (clouds.max() - clouds.min()))


def blots(size: tuple[int, int], rng: Generator) -> Levels:
    """Clouds cut to black and white."""
    return (soft(size, rng) > rng.uniform(0.4, 0.8)).astype(float)


def stripes(size: tuple[int, int], rng: Generator) -> Levels:
    y, x = np.mgrid[: size[0], : size[1]]
    angle, length = rng.uniform(0, np.pi), rng.uniform(3, 0.5 * min(size))
    return np.asarray((np.sin((x * np.cos(angle) + y * np.sin(angle)) * 2 * np.pi / length) + 1) / 2)


def blocks(size: tuple[int, int], rng: Generator) -> Levels:
    cells = rng.random(rng.integers(3, 9, 2))
    return np.asarray(cv2.resize(cells, size[::-1], interpolation=cv2.INTER_NEAREST))


NOISE = {
    "uniform": uniform,
    "normal": normal,
    "salt": salt,
    "pepper": pepper,
    "clouds": soft,
    "blots": blots,
    "stripes": stripes,
    "blocks": blocks,
}


# --- shapes and scribbles, drawn with a pen ---


def shapes_kind() -> Kind:
    about = "triangles, arrows, stars, ticks and the like, drawn with a pen, turned a little"
    return drawn_kind("shapes", about, SHAPES, each=70)


def shapes_like_digits_kind() -> Kind:
    return drawn_kind("shapes like digits", "circles and upright lines, which are 0 and 1", LIKE_DIGITS, each=70)


def scribbles_kind() -> Kind:
    return drawn_kind("scribbles", "curves that cross themselves, and hatching", SCRIBBLES, each=200)


def drawn_kind(name: str, about: str, curves: dict[str, Callable[[Generator], Curves]], each: int) -> Kind:
    return Kind(name, about, {each: of_no_digit(partial(drawn, make)) for each, make in curves.items()}, each)


def drawn(make: Callable[[Generator], Curves], rng: Generator) -> bytes:
    """Turned by up to 12 degrees, stretched by up to a fifth, anywhere on the canvas, in any colours."""
    angle, stretch = np.radians(rng.uniform(-12, 12)), rng.uniform(0.8, 1.2, 2)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    scale = CANVAS * rng.uniform(0.12, 0.24)
    middle = rng.uniform(2 * scale, CANVAS - 2 * scale, 2)  # a square's corner, stretched, with its pen
    ink = np.zeros((CANVAS, CANVAS), np.uint8)
    width = max(1, round(scale * rng.uniform(0.06, 0.3)))
    for curve in make(rng):
        points = np.rint((curve * stretch @ turn * scale + middle) * 16).astype(np.int32)
        cv2.polylines(ink, [points], False, 255, width, cv2.LINE_AA, shift=4)
    return file_of(inked(ink, *any_colours(rng)))


def path(*points: tuple[float, float]) -> Points:
    return np.array(points, float)


def arc(start: float, end: float, x: float = 0, y: float = 0, radius: float = 1) -> Points:
    """In degrees, clockwise from the right."""
    angles = np.radians(np.linspace(start, end, 40))
    return np.column_stack([x + radius * np.cos(angles), y + radius * np.sin(angles)])


def regular(corners: int, step: int = 1) -> Points:
    """A polygon, or with a step of more than one a star, on its side's middle or on its point."""
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


def smiley(_: Generator) -> Curves:
    eyes = [arc(0, 360, x, -0.3, 0.08) for x in (-0.35, 0.35)]
    return [arc(0, 360), *eyes, arc(20, 160, 0, 0.1, 0.55)]


SHAPES: dict[str, Callable[[Generator], Curves]] = {
    "triangle": lambda _: [regular(3)],
    "square": lambda _: [path((-1, -1), (1, -1), (1, 1), (-1, 1), (-1, -1))],
    "star": lambda _: [regular(5, 2)],
    "lying line": lambda _: [path((-1, 0), (1, 0))],
    "two lines": lambda _: [path((-1, -0.4), (1, -0.4)), path((-1, 0.4), (1, 0.4))],
    "plus": lambda _: [path((-1, 0), (1, 0)), path((0, -1), (0, 1))],
    "cross": lambda _: [path((-1, -1), (1, 1)), path((1, -1), (-1, 1))],
    "arrow": lambda _: [path((-1, 0), (1, 0)), path((0.4, -0.5), (1, 0), (0.4, 0.5))],
    "tick": lambda _: [path((-1, 0), (-0.35, 0.8), (1, -1))],
    "smiley": smiley,
    "heart": heart,
    "wave": wave,
    "spiral": spiral,
    "house": lambda _: [path((-1, 1), (-1, -0.1), (0, -1), (1, -0.1), (1, 1), (-1, 1))],
    "hash": lambda _: [path((a, -1), (a, 1)) for a in (-0.4, 0.4)] + [path((-1, a), (1, a)) for a in (-0.4, 0.4)],
}
LIKE_DIGITS: dict[str, Callable[[Generator], Curves]] = {
    "circle": lambda _: [arc(0, 360)],
    "upright line": lambda _: [path((0, -1), (0, 1))],
}


def scribble(rng: Generator) -> Curves:
    """One stroke through many places."""
    stops = rng.uniform(-1, 1, (int(rng.integers(10, 18)), 2))
    return [smooth(stops)]


def hatching(rng: Generator) -> Curves:
    y = np.linspace(-1, 1, int(rng.integers(6, 12)))
    x = np.where(np.arange(len(y)) % 2, 1, -1) * rng.uniform(0.6, 1, len(y))
    return [np.column_stack([x, y])]


def tangle(rng: Generator) -> Curves:
    """Loops one beside the other, as one tries a pen."""
    t = np.linspace(0, 2 * np.pi * rng.uniform(3, 6), 200)
    x = np.linspace(-0.8, 0.8, 200) + 0.4 * np.cos(t)
    return [np.column_stack([x, np.sin(t) * rng.uniform(0.4, 1)])]


def smooth(stops: Points) -> Points:
    """A curve near the stops: each third of a polygon's side, rounded off three times (Chaikin)."""
    for _ in range(3):
        quarter, three_quarters = 0.75 * stops[:-1] + 0.25 * stops[1:], 0.25 * stops[:-1] + 0.75 * stops[1:]
        stops = np.stack([quarter, three_quarters], axis=1).reshape(-1, 2)
    return stops


SCRIBBLES: dict[str, Callable[[Generator], Curves]] = {"scribble": scribble, "hatching": hatching, "tangle": tangle}


# --- several digits ---


def several_kind(digits: Digits) -> Kind:
    about = "two to four of MNIST's test digits on one picture, side by side"
    names = {2: "two", 3: "three", 4: "four"}
    return Kind("several digits", about, {name: side_by_side(digits, count) for count, name in names.items()}, each=300)


def side_by_side(digits: Digits, how_many: int) -> Make:
    """On one line or nearly, about as high as each other, apart."""

    def make(rng: Generator, count: int) -> Iterator[Sample]:
        for _ in range(count):
            yield Sample(row_of(digits.images[rng.integers(0, len(digits), how_many)], rng), None)

    return make


def row_of(images: NDArray[np.uint8], rng: Generator) -> bytes:
    height = int(rng.integers(24, 120))
    inks: list[Ink] = [resized(trimmed(each), round(height * rng.uniform(0.85, 1.15))) for each in images]
    gap = max(2, round(height * rng.uniform(0.1, 0.5)))
    size = (round(1.6 * height), sum(ink.shape[1] + gap for ink in inks) + gap)
    sheet, left = np.zeros(size, np.uint8), gap
    for ink in inks:
        top = int(rng.integers(0, size[0] - ink.shape[0] + 1)) // 2 + (size[0] - ink.shape[0]) // 4
        sheet |= placed(ink, size, (top, left))
        left += ink.shape[1] + gap
    return file_of(inked(sheet, *any_colours(rng)))
