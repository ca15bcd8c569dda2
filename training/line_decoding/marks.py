"""Marks as hands draw them: each in a whole range of lengths, slopes, bows and places."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import cv2
import numpy as np
from numpy.random import Generator

from app.arrays import Ink
from training.synthesis.glyphs import Points
from training.synthesis.non_digits import catmull_rom, circle

Strokes = list[Points]  # in heights of a digit: x from the left, y from the digits' top (0) to their base (1)

SIDE = 3.0  # heights: of the canvas on which a mark is drawn


class Glyph(NamedTuple):
    """A sign before it has its place on the line."""

    ink: Ink  # cropped
    top: float  # pixels below the digits' top


class Drawer:
    """Draws random numbers."""

    def __init__(self, pen: float, rng: Generator) -> None:
        """`pen`: its width in heights."""
        self.pen, self.rng = pen, rng

    def between(self, low: float, high: float) -> float:
        return float(self.rng.uniform(low, high))

    def near(self, value: float, by: float) -> float:
        return self.between(value - by, value + by)

    def dot(self, x: float, y: float) -> Points:
        """A short stroke, or a spot somewhat larger than the pen."""
        if self.rng.random() < 0.5:
            return circle(x, y, self.pen * self.between(0.05, 0.4))
        return polyline((x, y), (self.near(x, 0.05), y + self.near(0.02, 0.05)))

    def dash(self, x: float, y: float) -> Points:
        length = self.between(0.22, 0.65)
        ends = (x, self.near(y, 0.05)), (x + length, self.near(y, 0.05))
        return catmull_rom(polyline(ends[0], (x + length / 2, self.near(y, 0.04)), ends[1]))


def polyline(*places: tuple[float, float]) -> Points:
    return np.array(places, np.float64)


def point(draw: Drawer) -> Strokes:
    return [draw.dot(0, draw.near(0.96, 0.07))]


def comma(draw: Drawer) -> Strokes:
    length, lean, top = draw.between(0.12, 0.36), draw.between(-0.02, 0.16), draw.near(0.93, 0.08)
    bend = lean + draw.near(0.03, 0.04), top + 0.5 * length
    tail = catmull_rom(polyline((lean, top), bend, (0, top + length)))
    return [tail, draw.dot(lean, top)] if draw.rng.random() < 0.4 else [tail]


def colon(draw: Drawer) -> Strokes:
    upper = draw.near(0.38, 0.14)
    return [draw.dot(draw.near(0.03, 0.08), upper), draw.dot(0, max(upper + 0.28, draw.near(0.86, 0.12)))]


def minus(draw: Drawer) -> Strokes:
    return [draw.dash(0, draw.near(0.53, 0.13))]


def equals(draw: Drawer) -> Strokes:
    middle, apart = draw.near(0.53, 0.12), draw.between(0.16, 0.34)
    return [draw.dash(0, middle - apart / 2), draw.dash(draw.near(0, 0.05), middle + apart / 2)]


def plus(draw: Drawer) -> Strokes:
    size, middle = draw.between(0.36, 0.72), draw.near(0.55, 0.12)
    x = draw.near(size / 2, size / 8)
    bar = polyline((0, draw.near(middle, 0.04)), (size, draw.near(middle, 0.04)))
    stem = (draw.near(x, 0.04), middle - size / 2), (draw.near(x, 0.04), middle + draw.near(size / 2, 0.05))
    return [bar, polyline(*stem)]


def slash(draw: Drawer) -> Strokes:
    lean, top, base = draw.between(0.12, 0.75), draw.near(-0.05, 0.16), draw.near(1.08, 0.14)
    return [catmull_rom(polyline((lean, top), (lean / 2 + draw.near(0, 0.03), (top + base) / 2), (0, base)))]


def bracket(draw: Drawer) -> Strokes:
    """An opening one."""
    bow, top, base = draw.between(0.12, 0.34), draw.near(-0.12, 0.14), draw.near(1.12, 0.14)
    quarter, side = (base - top) / 4, bow * (1 - 0.8 * draw.between(0.5, 1))
    ends = (bow, top), (bow, base)
    return [
        catmull_rom(polyline(ends[0], (side, top + quarter), (0, (top + base) / 2), (side, base - quarter), ends[1]))
    ]


def closing_bracket(draw: Drawer) -> Strokes:
    return [stroke * (-1, 1) for stroke in bracket(draw)]


def percent(draw: Drawer) -> Strokes:
    radius, width = draw.between(0.07, 0.2), draw.between(0.5, 0.95)
    upper = width * draw.near(0.85, 0.12), draw.near(0, 0.08)
    lower = width * draw.near(0.15, 0.12), draw.near(1, 0.08)
    return [
        polyline(upper, lower),
        ring(draw, radius, radius, draw.near(0.2, 0.08)),
        ring(draw, radius, width - radius, draw.near(0.8, 0.08)),
    ]


def ring(draw: Drawer, radius: float, x: float, y: float) -> Points:
    """Not always closed."""
    start = draw.between(0, 2 * math.pi)
    closed = circle(0, 0, radius, start, start + 2 * math.pi * draw.near(1, 0.08))
    return np.asarray(closed * (1, draw.near(1.1, 0.3)) + (x, y), np.float64)


MARKS: dict[str, Callable[[Drawer], Strokes]] = {
    ".": point,
    ",": comma,
    ":": colon,
    "-": minus,
    "+": plus,
    "/": slash,
    "(": bracket,
    ")": closing_bracket,
    "%": percent,
    "=": equals,
}


def draw_mark(mark: str, height: float, pen: float, slant: float, rng: Generator) -> Glyph:
    """`height` of a digit and `pen` in pixels; `slant`: columns to the right for each row up."""
    return draw_strokes(MARKS[mark](Drawer(pen / height, rng)), height, pen, slant, rng)


def draw_strokes(strokes: Strokes, height: float, pen: float, slant: float, rng: Generator) -> Glyph:
    """As `draw_mark`, with a trembling hand."""
    side = math.ceil(SIDE * height)
    canvas = np.zeros((side, side), np.uint8)
    for stroke in strokes:
        trembling = stroke + np.cumsum(rng.normal(0, 0.002, stroke.shape), axis=0)
        trembling[:, 0] += slant * (0.5 - trembling[:, 1])
        points = np.rint((trembling + 1) * height * 16).astype(np.int32)
        cv2.polylines(canvas, [points], False, (255,), max(1, round(pen)), cv2.LINE_AA, shift=4)
    x, y, width, ink_height = cv2.boundingRect(canvas)
    return Glyph(canvas[y : y + ink_height, x : x + width], y - height)
