"""Displays: seven segments that are lit or dark, and dots."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from numpy.random import Generator

from app.arrays import Grayscale
from training.evaluation.sheets.layouts import Drawn, digits
from training.evaluation.sheets.photographs import RGB

# Segments from the top clockwise, then the middle one.
SEGMENTS = ["012345", "12", "01643", "01623", "5612", "05623", "056432", "012", "0123456", "012356"]
ENDS = [((0, 0), (1, 0)), ((1, 0), (1, 1)), ((1, 1), (1, 2)), ((1, 2), (0, 2)), ((0, 2), (0, 1)), ((0, 1), (0, 0)),
        ((0, 1), (1, 1))]  # fmt: skip
# Each row of five dots is a number in binary; seven rows.
DOTS = ["EHJLPHE", "4C4444E", "EH1248V", "V2421HE", "26AIV22", "VGU11HE", "68GUHHE", "V124888", "EHHEHHE", "EHHF12C"]

# Colours of the surface and of what is lit, red, green and blue.
LCD = [((150, 165, 140), (30, 35, 30)), ((190, 195, 185), (50, 50, 60)), ((120, 140, 190), (20, 20, 60))]
LED = [((20, 10, 10), (255, 60, 40)), ((10, 20, 12), (90, 255, 110)), ((12, 14, 22), (120, 190, 255))]


def segment_digit(digit: str, size: int, style: tuple[float, float, float]) -> tuple[Grayscale, Grayscale]:
    """The lit segments and the others of a digit `size` pixels high. `style`: thickness, gap (in sizes) and slant."""
    thickness, gap, slant = style
    half = size / 2
    lit, unlit = (np.zeros((size + 20, round(0.9 * size) + 20), np.uint8) for _ in range(2))
    for index, ends in enumerate(ENDS):
        first, last = (np.array(end, float) * (0.55 * size, half * (1 - thickness)) for end in ends)
        along = (last - first) / np.linalg.norm(last - first)
        across = np.array([-along[1], along[0]]) * thickness * size / 2
        near, far = first + along * gap * size, last - along * gap * size
        tip = along * thickness * size / 2
        corners = np.array(
            [near, near + tip + across, far - tip + across, far, far - tip - across, near + tip - across]
        )
        corners += (10, 10 + thickness * half)
        corners[:, 0] += slant * (size - corners[:, 1])
        canvas = lit if str(index) in SEGMENTS[int(digit)] else unlit
        cv2.fillPoly(canvas, [np.round(corners * 16).astype(np.int32)], (255,), cv2.LINE_AA, 4)
    return lit, unlit


def dot_digit(digit: str, size: int, radius: float) -> tuple[Grayscale, Grayscale]:
    """`radius`: of a dot, in the dots' pitch."""
    pitch = size / 7
    lit, unlit = (np.zeros((size + 20, round(5 * pitch) + 20), np.uint8) for _ in range(2))
    for row, code in enumerate(DOTS[int(digit)]):
        for place in range(5):
            middle = (round(16 * (10 + (place + 0.5) * pitch)), round(16 * (10 + (row + 0.5) * pitch)))
            canvas = lit if int(code, 36) >> (4 - place) & 1 else unlit
            cv2.circle(canvas, middle, round(16 * radius * pitch), (255,), -1, cv2.LINE_AA, 4)
    return lit, unlit


def display(dots: bool) -> Callable[[Generator], Drawn]:
    """One to four numbers below each other. What is lit is the ink, what is not lit is on the paper."""

    def draw(rng: Generator) -> Drawn:
        size = int(rng.uniform(40, 220))
        count, rows = int(rng.integers(3, 8)), int(rng.integers(1, 5))
        width, height = round((count + 1.5) * 0.95 * size), round((rows + 0.6) * 1.6 * size)
        lit, unlit = np.zeros((height, width), np.uint8), np.zeros((height, width), np.uint8)
        style = (float(rng.uniform(0.09, 0.17)), float(rng.uniform(0.01, 0.05)), float(rng.uniform(0, 0.15)))
        radius, spacing = float(rng.uniform(0.32, 0.5)), float(rng.uniform(0.75, 0.9))
        texts = []
        for row in range(rows):
            texts.append(digits(rng, count))
            for place, digit in enumerate(texts[-1]):
                glyphs = dot_digit(digit, size, radius) if dots else segment_digit(digit, size, style)
                x, y = round((0.7 + place * (spacing + 0.05)) * size), round((0.6 + 1.6 * row) * size)
                for canvas, glyph in zip((lit, unlit), glyphs, strict=True):
                    canvas[y : y + len(glyph), x : x + glyph.shape[1]] |= glyph[:, : width - x]
        faint = float(rng.uniform(0, 0.12)) if rng.random() < 0.5 else 0.0
        return Drawn(np.asarray(1 - faint * unlit / 255, np.float32), lit, texts)

    return draw


def glowing(drawn: Drawn, rng: Generator) -> RGB:
    """Bright on a dark surface, with a glow around what is lit."""
    surface, light = (np.array(colour, np.float32) for colour in LED[int(rng.integers(len(LED)))])
    lit = drawn.ink.astype(np.float32)[..., np.newaxis] / 255
    around = cv2.GaussianBlur(drawn.ink, (0, 0), float(rng.uniform(3, 8))).astype(np.float32)[..., np.newaxis] / 255
    level = np.maximum(lit, float(rng.uniform(0.1, 0.4)) * around) + (1 - drawn.paper[..., np.newaxis])
    return np.asarray(np.clip(surface + (light - surface) * level, 0, 255), np.uint8)


def dark_on_light(drawn: Drawn, rng: Generator) -> RGB:
    """A liquid crystal."""
    surface, dark = (np.array(colour, np.float32) for colour in LCD[int(rng.integers(len(LCD)))])
    coverage = np.maximum(drawn.ink.astype(np.float32) / 255, 1 - drawn.paper)[..., np.newaxis]
    return np.asarray(surface + (dark - surface) * coverage, np.uint8)
