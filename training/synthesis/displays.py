"""Digits as displays show them: with seven segments, and with five by seven dots."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from training.synthesis.glyphs import GLYPH_HEIGHT, LabelledGlyph, Sources

Outline = NDArray[np.float64]  # (n, 2): the x and y of each corner, in pixels

# The segments that are lit for each digit; some digits have two forms.
#
#      a
#    f   b
#      g
#    e   c
#      d
LIT_SEGMENTS = [
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
# The two ends of each segment, x and y, in a box of width 1 and height 2.
SEGMENT_ENDS = {
    "a": ((0, 0), (1, 0)),
    "b": ((1, 0), (1, 1)),
    "c": ((1, 1), (1, 2)),
    "d": ((0, 2), (1, 2)),
    "e": ((0, 1), (0, 2)),
    "f": ((0, 0), (0, 1)),
    "g": ((0, 1), (1, 1)),
}

# Five columns, seven rows.
DOT_PATTERNS = [
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
SLASHED_ZERO = (".###.", "#...#", "#..##", "#.#.#", "##..#", "#...#", ".###.")


def seven_segment_digit(_: Sources, rng: Generator) -> LabelledGlyph:
    """Upright or slanted; the segments' ends are square or pointed; unlit segments are faintly visible at times."""
    digit = int(rng.integers(10))
    forms = LIT_SEGMENTS[digit]
    lit = forms[int(rng.integers(len(forms)))]
    unlit_level = random_unlit_level(rng)
    width, thickness = GLYPH_HEIGHT * rng.uniform(0.4, 0.62), GLYPH_HEIGHT * rng.uniform(0.05, 0.2)
    gap, point, slant = thickness * rng.uniform(0, 0.35), thickness * rng.uniform(0, 0.5), rng.uniform(-0.05, 0.25)
    canvas = np.zeros((GLYPH_HEIGHT + 32, GLYPH_HEIGHT + 64), np.uint8)
    for name, ends in SEGMENT_ENDS.items():
        level = 255.0 if name in lit else unlit_level
        outline = segment_outline(np.array(ends) * (width, GLYPH_HEIGHT / 2), thickness, gap, point)
        outline[:, 0] += slant * (GLYPH_HEIGHT - outline[:, 1])
        cv2.fillPoly(canvas, [np.rint((outline + 24) * 16).astype(np.int32)], (level,), cv2.LINE_AA, shift=4)
    return canvas, digit


def random_unlit_level(rng: Generator) -> float:
    """The ink, 0 to 255, of segments and dots that are not lit."""
    return float(rng.uniform(0, 60)) if rng.random() < 0.4 else 0.0


def segment_outline(ends: Outline, thickness: float, gap: float, point: float) -> Outline:
    """(6, 2): a segment that stops `gap` pixels before each end and narrows over its last `point` pixels."""
    along = (ends[1] - ends[0]) / np.linalg.norm(ends[1] - ends[0])
    across = np.array([-along[1], along[0]]) * thickness / 2
    first, last = ends[0] + along * gap, ends[1] - along * gap
    near, far = first + along * point, last - along * point
    return np.array([first, near + across, far + across, last, far - across, near - across])


def dot_matrix_digit(_: Sources, rng: Generator) -> LabelledGlyph:
    """Round or square dots, apart or touching; unlit dots are faintly visible at times."""
    digit = int(rng.integers(10))
    rows = SLASHED_ZERO if digit == 0 and rng.random() < 0.4 else DOT_PATTERNS[digit]
    lit = np.array([[dot == "#" for dot in row] for row in rows])
    levels = np.where(lit, 255, random_unlit_level(rng))
    return np.pad(np.kron(levels, random_dot(rng)), 8).astype(np.uint8), digit


def random_dot(rng: Generator) -> NDArray[np.float32]:
    """(16, 16): one dot with what surrounds it, 0 to 1."""
    pitch = GLYPH_HEIGHT // 7
    dot = np.zeros((pitch, pitch), np.float32)
    radius, middle = pitch * rng.uniform(0.3, 0.55), (pitch - 1) / 2
    if rng.random() < 0.6:
        cv2.circle(dot, (round(middle * 16), round(middle * 16)), round(radius * 16), (1,), -1, cv2.LINE_AA, shift=4)
    else:
        edge = round(middle - min(radius, middle))
        dot[edge : pitch - edge, edge : pitch - edge] = 1
    return dot
