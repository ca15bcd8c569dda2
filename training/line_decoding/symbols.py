"""Symbols and letters that are no signs of a number, as hands draw them around numbers: units, arrows, ticks, boxes.

Each has a few shapes. Every drawing moves their points, and has its own proportions, height and place on the line.
"""

# ruff: noqa: RUF001  symbols that look like letters are meant

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.random import Generator

from training.line_decoding.marks import Drawer, Glyph, Strokes, draw_strokes
from training.synthesis.glyphs import Points, choose
from training.synthesis.non_digits import catmull_rom, circle

Range = tuple[float, float]
Place = tuple[Range, Range]  # heights: the top and the base, from the digits' top (0) to their base (1)

TALL: Place = (-0.12, 0.12), (0.9, 1.1)
LOW: Place = (0.22, 0.5), (0.9, 1.1)
HANGING: Place = (0.22, 0.5), (1.2, 1.6)
RAISED: Place = (-0.15, 0.12), (0.22, 0.48)
MIDDLE: Place = (0.18, 0.42), (0.7, 1.0)
FLAT: Place = (0.28, 0.48), (0.55, 0.78)

TREMBLING = 0.035  # of a symbol's sides: the standard deviation of its points
CORNERED = 0.3  # the share of strokes with corners
POINTS_OF_A_SPAN = 8


class Shape(NamedTuple):
    strokes: Strokes  # points in a unit square: x from the left, y from the top
    width: Range  # heights
    place: Place
    rounded: bool = True  # whether its strokes may run through their points without corners


def shape(strokes: str, width: Range, place: Place, *, rounded: bool = True) -> Shape:
    """`strokes`: x and y of their points in hundredths of the square, with | between two strokes."""
    points = [
        [[int(number) / 100 for number in pair.split(",")] for pair in part.split()] for part in strokes.split("|")
    ]
    return Shape([np.array(stroke) for stroke in points], width, place, rounded)


SHAPES: dict[str, list[Shape]] = {
    "~": [
        shape("0,90 25,5 70,95 100,10", (0.4, 0.95), FLAT),
        shape("0,40 25,2 70,40 100,2 | 0,100 25,62 70,100 100,62", (0.4, 0.9), MIDDLE),
    ],
    "#": [shape("38,0 24,100 | 78,0 64,100 | 2,34 100,32 | 0,68 96,66", (0.5, 0.95), TALL)],
    "!": [shape("60,0 50,68 | 45,95 48,100", (0.03, 0.12), TALL)],
    "?": [
        shape("2,20 45,0 97,20 55,48 48,72 | 45,95 50,100", (0.35, 0.65), TALL),
        shape("10,10 70,2 90,30 40,50 50,70 | 45,97 52,100", (0.35, 0.6), TALL),
    ],
    "*": [
        shape("2,25 98,75 | 98,25 2,75 | 50,0 50,100", (0.28, 0.7), MIDDLE),
        shape("2,25 98,75 | 98,25 2,75 | 50,0 50,100", (0.22, 0.5), RAISED),
        shape("20,0 80,100 | 80,0 20,100 | 0,50 100,50", (0.3, 0.7), MIDDLE),
    ],
    "→": [
        shape("0,50 100,50 | 68,0 100,50 70,100", (0.6, 1.3), FLAT, rounded=False),
        shape("0,52 97,50 62,0 | 100,50 60,100", (0.6, 1.3), FLAT, rounded=False),
        shape("0,50 100,50 | 72,0 100,50 74,100", (0.5, 1.2), MIDDLE, rounded=False),
    ],
    ">": [shape("0,0 100,50 2,100", (0.4, 0.85), MIDDLE)],
    "<": [shape("100,0 0,50 98,100", (0.4, 0.85), MIDDLE)],
    "$": [
        shape("95,21 50,10 6,28 50,50 94,71 50,90 4,79 | 52,0 48,100", (0.4, 0.7), ((-0.25, 0), (1, 1.25))),
        shape(
            "95,21 50,10 6,28 50,50 94,71 50,90 4,79 | 42,0 38,100 | 64,0 60,100", (0.45, 0.75), ((-0.25, 0), (1, 1.25))
        ),
    ],
    "€": [
        shape("96,15 66,0 32,30 30,65 62,100 98,85 | 0,38 80,36 | 0,60 72,58", (0.45, 0.85), TALL),
        shape("96,15 66,0 32,30 30,65 62,100 98,85 | 5,50 80,47", (0.45, 0.85), TALL),
        shape("96,15 64,0 28,30 25,65 60,100 98,85 | 0,42 70,40 5,60 70,58", (0.45, 0.85), TALL),
    ],
    "&": [
        shape("100,97 30,30 50,0 72,20 10,66 30,100 70,90 98,55", (0.5, 0.9), TALL),
        shape("90,5 20,20 60,45 5,70 50,100 98,50", (0.45, 0.8), TALL),
    ],
    "@": [
        shape(
            "66,36 40,36 36,62 62,62 68,34 72,66 95,62 97,30 60,0 15,15 2,60 40,100 90,90",
            (0.7, 1.1),
            ((-0.12, 0.15), (0.9, 1.2)),
        )
    ],
    "°": [
        shape("75,7 48,0 21,9 4,31 1,59 14,85 38,99 66,97 89,81 100,55 94,27 75,7", (0.18, 0.42), RAISED),
        shape("75,93 95,72 99,42 87,16 61,1 31,4 8,22 0,50 9,79 32,97 62,99 87,83", (0.15, 0.38), RAISED),
    ],
    "✓": [
        shape("0,55 32,100 100,0", (0.5, 1.3), ((-0.3, 0.35), (0.8, 1.2))),
        shape("0,75 20,100 100,0", (0.4, 1.1), ((-0.3, 0.3), (0.8, 1.2))),
        shape("0,50 28,100 55,40 100,0", (0.6, 1.3), ((-0.2, 0.35), (0.8, 1.2))),
    ],
    "×": [
        shape("0,0 100,100 | 100,0 0,100", (0.3, 0.75), MIDDLE),
        shape("5,0 100,97 | 90,3 0,100", (0.25, 0.6), ((0.3, 0.5), (0.75, 1.0))),
        shape("0,5 40,50 10,98 | 100,0 55,50 98,100", (0.4, 0.8), LOW),
    ],
    "^": [shape("0,55 50,0 100,55", (0.3, 0.7), RAISED)],
    "÷": [shape("0,50 100,48 | 48,0 52,4 | 48,96 52,100", (0.35, 0.7), MIDDLE)],
    "□": [
        shape("0,0 100,0 100,100 0,100 0,0", (0.75, 1.1), ((0.0, 0.35), (0.85, 1.1)), rounded=False),
        shape("0,0 0,100 100,100 100,0 0,2", (0.75, 1.15), ((0.0, 0.3), (0.85, 1.15)), rounded=False),
    ],
    "☑": [
        shape("0,0 100,0 100,100 0,100 0,0 | 20,45 40,80 90,10", (0.6, 1.0), ((0.0, 0.3), (0.85, 1.1)), rounded=False),
        shape(
            "0,0 100,0 100,100 0,100 0,0 | 15,15 85,85 | 85,15 15,85",
            (0.6, 1.0),
            ((0.0, 0.3), (0.85, 1.1)),
            rounded=False,
        ),
    ],
    "a": [
        shape("90,12 45,0 6,50 40,100 88,70 | 90,5 88,80 100,100", (0.35, 0.6), LOW),
        shape("10,20 50,0 85,25 85,100 | 85,50 20,60 20,95 85,80", (0.35, 0.6), LOW),
    ],
    "b": [shape("10,0 8,100 | 10,65 50,40 95,70 50,100 8,90", (0.35, 0.6), TALL)],
    "c": [shape("95,15 55,0 10,30 6,65 50,100 97,85", (0.3, 0.6), LOW)],
    "d": [shape("90,50 40,40 5,70 40,100 90,85 | 92,0 90,100", (0.35, 0.6), TALL)],
    "e": [shape("8,55 90,45 60,0 15,25 10,75 50,100 97,80", (0.3, 0.55), LOW)],
    "f": [shape("90,10 60,0 45,30 40,100 | 5,45 85,42", (0.3, 0.55), TALL)],
    "g": [
        shape("90,6 45,0 8,28 40,55 88,35 | 92,0 90,75 55,100 8,90", (0.35, 0.6), HANGING),
        shape("90,8 45,0 8,26 40,52 90,8 90,75 50,100 30,85 100,50", (0.4, 0.7), HANGING),
    ],
    "h": [
        shape("8,0 6,100 | 8,65 50,42 90,60 92,100", (0.35, 0.6), TALL),
        shape("0,80 40,10 20,0 15,100 50,45 85,60 88,100", (0.4, 0.65), TALL),
    ],
    "i": [shape("50,40 50,100 | 50,5 55,8", (0.03, 0.1), TALL)],
    "k": [
        shape("8,0 6,100 | 90,38 10,70 | 35,60 97,100", (0.35, 0.65), TALL),
        shape("8,0 6,100 | 85,35 12,68 95,100", (0.35, 0.65), TALL),
        shape("5,70 40,10 20,0 15,100 | 15,75 70,45 65,65 20,70 95,100", (0.4, 0.7), TALL),
    ],
    "l": [shape("0,75 70,30 75,0 40,5 30,80 60,100 100,85", (0.25, 0.5), TALL)],
    "m": [
        shape("4,5 6,100 | 6,40 28,0 50,30 50,100 | 50,40 75,0 95,30 96,100", (0.6, 1.1), LOW),
        shape("0,10 8,100 30,5 45,100 70,5 85,30 88,90 100,100", (0.6, 1.1), LOW),
    ],
    "n": [shape("5,5 8,100 | 8,40 50,0 90,30 93,100", (0.35, 0.65), LOW)],
    "o": [shape("75,7 47,0 20,10 3,33 1,62 16,87 42,99 70,96 92,77 100,50 92,22 69,4", (0.3, 0.55), LOW)],
    "p": [shape("8,0 6,100 | 8,15 55,0 95,30 50,60 8,50", (0.35, 0.6), HANGING)],
    "r": [shape("8,0 10,100 | 10,45 45,5 97,10", (0.25, 0.5), LOW)],
    "s": [shape("95,14 50,0 6,22 50,50 94,76 50,100 4,86", (0.28, 0.5), LOW)],
    "t": [shape("45,0 42,85 70,100 100,90 | 0,35 95,32", (0.25, 0.5), ((0.0, 0.25), (0.9, 1.1)))],
    "u": [shape("5,0 10,80 50,100 88,70 | 90,0 95,100", (0.35, 0.65), LOW)],
    "v": [shape("0,0 48,100 100,0", (0.35, 0.6), LOW)],
    "w": [shape("0,0 25,100 50,25 75,100 100,0", (0.5, 0.9), LOW)],
    "x": [
        shape("0,0 100,100 | 100,0 0,100", (0.35, 0.7), LOW),
        shape("0,15 20,0 50,50 75,100 100,85 | 95,5 50,50 5,98", (0.4, 0.75), LOW),
    ],
    "y": [shape("2,0 45,55 | 95,0 45,55 10,100", (0.35, 0.6), HANGING)],
    "A": [shape("0,100 50,0 100,100 | 20,65 80,63", (0.5, 0.9), TALL)],
    "C": [shape("95,15 55,0 10,30 6,65 50,100 97,85", (0.45, 0.85), TALL)],
    "D": [shape("8,0 6,100 | 0,2 60,5 100,50 60,95 0,100", (0.5, 0.8), TALL)],
    "E": [
        shape("95,0 5,2 5,100 100,98 | 5,50 80,48", (0.4, 0.75), TALL, rounded=False),
        shape("90,10 40,0 15,25 50,48 5,75 40,100 97,88", (0.4, 0.7), TALL),
    ],
    "F": [shape("95,0 8,2 5,100 | 6,48 75,46", (0.4, 0.7), TALL, rounded=False)],
    "G": [shape("92,15 50,0 6,50 50,100 92,80 92,55 55,55", (0.5, 0.85), TALL)],
    "H": [shape("5,0 5,100 | 95,0 95,100 | 5,50 95,48", (0.45, 0.8), TALL)],
    "K": [shape("8,0 6,100 | 92,0 10,58 | 32,42 97,100", (0.45, 0.8), TALL)],
    "L": [shape("8,0 5,100 97,97", (0.35, 0.7), TALL, rounded=False)],
    "M": [shape("3,100 10,0 50,65 90,0 97,100", (0.6, 1.1), TALL)],
    "N": [shape("5,100 6,0 93,100 95,0", (0.45, 0.85), TALL, rounded=False)],
    "P": [shape("8,0 6,100 | 0,4 70,5 95,30 60,52 8,52", (0.4, 0.7), TALL)],
    "R": [shape("8,100 8,0 75,5 90,28 60,50 10,52 | 45,52 97,100", (0.4, 0.75), TALL)],
    "T": [shape("0,2 100,0 | 52,2 50,100", (0.45, 0.85), TALL)],
    "U": [shape("4,0 8,75 50,100 92,75 95,0", (0.45, 0.8), TALL)],
    "V": [shape("0,0 50,100 100,0", (0.45, 0.8), TALL)],
    "W": [shape("0,0 25,100 50,30 75,100 100,0", (0.7, 1.2), TALL)],
    "X": [shape("0,0 100,100 | 100,0 0,100", (0.45, 0.8), TALL)],
    "Y": [shape("0,0 50,50 | 100,0 50,50 48,100", (0.45, 0.8), TALL)],
}

DISCS: dict[str, tuple[Range, Range]] = {  # radius and middle of those that are filled, in heights
    "•": ((0.06, 0.15), (0.35, 0.65)),
    "·": ((0.03, 0.07), (0.4, 0.65)),
    "●": ((0.18, 0.6), (0.4, 0.6)),
}
SYMBOLS = "".join((*SHAPES, *DISCS))
LIKE_SIGNS = "DGYbilo"  # in some hands: they stand in words alone


def draw_symbol(symbol: str, height: float, pen: float, slant: float, rng: Generator) -> Glyph:
    """As `draw_mark`."""
    draw = Drawer(pen / height, rng)
    strokes = disc(draw, *DISCS[symbol]) if symbol in DISCS else written(draw, choose(SHAPES[symbol], rng))
    return draw_strokes(strokes, height, pen, slant, rng)


def written(draw: Drawer, shape: Shape) -> Strokes:
    """One drawing of a shape."""
    (top, base), width = (draw.between(*shape.place[0]), draw.between(*shape.place[1])), draw.between(*shape.width)
    strokes = [stroke + draw.rng.normal(0, TREMBLING, (len(stroke), 2)) for stroke in shape.strokes]
    placed = [stroke * (width, base - top) + (0, top) for stroke in strokes]
    if not shape.rounded or draw.rng.random() < CORNERED:
        return placed
    return [rounded(stroke) for stroke in placed]


def rounded(stroke: Points) -> Points:
    return np.concatenate([catmull_rom(stroke, POINTS_OF_A_SPAN), stroke[-1:]])


def disc(draw: Drawer, radii: Range, middles: Range) -> Strokes:
    """Filled by rings."""
    radius, middle = draw.between(*radii), draw.between(*middles)
    rings = np.arange(draw.pen / 4, radius, draw.pen / 2).tolist() or [radius / 2]
    return [circle(radius, middle, ring) for ring in rings]
