"""Digits as displays show them: of seven segments, and of five by seven dots."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from training.synthesis.glyphs import DRAWN, Glyph, Sources

# Of each digit the segments that are lit, one way or another:
#
#      a
#    f   b
#      g
#    e   c
#      d
SEGMENTS = [
    ("abcdef",),
    ("bc",),
    ("abdeg",),
    ("abcdg",),
    ("bcfg",),
    ("acdfg",),
    ("acdefg", "cdefg"),
    ("abc", "abcf"),
    ("abcdefg",),
    ("abcdfg", "abcfg"),
]
# From where to where in a box of width 1 and height 2.
PLACES = {
    "a": ((0, 0), (1, 0)),
    "b": ((1, 0), (1, 1)),
    "c": ((1, 1), (1, 2)),
    "d": ((0, 2), (1, 2)),
    "e": ((0, 1), (0, 2)),
    "f": ((0, 0), (0, 1)),
    "g": ((0, 1), (1, 1)),
}

# Five columns, seven rows.
DOTS = [
    (".###.", "#...#", "#...#", "#...#", "#...#", "#...#", ".###."),
    ("..#..", ".##..", "..#..", "..#..", "..#..", "..#..", ".###."),
    (".###.", "#...#", "....#", "...#.", "..#..", ".#...", "#####"),
    ("#####", "...#.", "..#..", "...#.", "....#", "#...#", ".###."),
    ("...#.", "..##.", ".#.#.", "#..#.", "#####", "...#.", "...#."),
    ("#####", "#....", "####.", "....#", "....#", "#...#", ".###."),
    ("..##.", ".#...", "#....", "####.", "#...#", "#...#", ".###."),
    ("#####", "....#", "...#.", "..#..", ".#...", ".#...", ".#..."),
    (".###.", "#...#", "#...#", ".###.", "#...#", "#...#", ".###."),
    (".###.", "#...#", "#...#", ".####", "....#", "...#.", ".##.."),
]
SLASHED = (".###.", "#...#", "#..##", "#.#.#", "##..#", "#...#", ".###.")


def segmented(_: Sources, rng: Generator) -> tuple[Glyph, int]:
    """Upright or leaning, the ends of the segments square, pointed or round, the dark ones sometimes seen a little."""
    digit = int(rng.integers(10))
    ways = SEGMENTS[digit]
    lit = ways[int(rng.integers(len(ways)))]
    unseen = float(rng.uniform(0, 60)) if rng.random() < 0.4 else 0.0
    width, thick = DRAWN * rng.uniform(0.4, 0.62), DRAWN * rng.uniform(0.05, 0.2)
    gap, point, lean = thick * rng.uniform(0, 0.35), thick * rng.uniform(0, 0.5), rng.uniform(-0.05, 0.25)
    sheet = np.zeros((DRAWN + 32, DRAWN + 64), np.uint8)
    for name, ends in PLACES.items():
        tone = 255.0 if name in lit else unseen
        outline = bar(np.array(ends) * (width, DRAWN / 2), thick, gap, point)
        outline[:, 0] += lean * (DRAWN - outline[:, 1])
        cv2.fillPoly(sheet, [np.rint((outline + 24) * 16).astype(np.int32)], (tone,), cv2.LINE_AA, shift=4)
    return sheet, digit


def bar(ends: NDArray[np.float64], thick: float, gap: float, point: float) -> NDArray[np.float64]:
    """(6, 2): the corners of a segment between two ends, `gap` short of each, that narrows over its last `point`."""
    along = (ends[1] - ends[0]) / np.linalg.norm(ends[1] - ends[0])
    across = np.array([-along[1], along[0]]) * thick / 2
    first, last = ends[0] + along * gap, ends[1] - along * gap
    near, far = first + along * point, last - along * point
    return np.array([first, near + across, far + across, last, far - across, near - across])


def dotted(_: Sources, rng: Generator) -> tuple[Glyph, int]:
    """Round or square dots, apart or touching, the dark ones sometimes seen a little."""
    digit = int(rng.integers(10))
    rows = SLASHED if digit == 0 and rng.random() < 0.4 else DOTS[digit]
    lit = np.array([[dot == "#" for dot in row] for row in rows])
    pitch = DRAWN // 7
    unseen = float(rng.uniform(0, 60)) if rng.random() < 0.4 else 0.0
    dot = np.zeros((pitch, pitch), np.float32)
    radius, middle = pitch * rng.uniform(0.3, 0.55), (pitch - 1) / 2
    if rng.random() < 0.6:
        cv2.circle(dot, (round(middle * 16), round(middle * 16)), round(radius * 16), (1,), -1, cv2.LINE_AA, shift=4)
    else:
        edge = round(middle - min(radius, middle))
        dot[edge : pitch - edge, edge : pitch - edge] = 1
    tones = np.where(lit, 255, unseen)
    return np.pad(np.kron(tones, dot), 8).astype(np.uint8), digit
