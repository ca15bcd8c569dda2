"""Signs written by hand, out of strokes that are drawn here: no picture of a data set is among them."""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from app.arrays import Grayscale

Points = NDArray[np.float64]  # (n, 2): x and y
Sign = list[list[tuple[float, float]]]  # strokes, in a box one high; a point that stands twice is a corner


def ellipse(x: float, y: float, across: float, down: float, arc: tuple[float, float] = (0, 360)) -> Sign:
    """`arc`: its start and end in degrees."""
    angles = np.radians(np.linspace(*arc, 16))
    return [[(x + across * math.cos(a), y + down * math.sin(a)) for a in angles.tolist()]]


ZERO = ellipse(0.28, 0.5, 0.26, 0.5, (-80, 290))
SIGNS: dict[str, list[Sign]] = {
    "0": [ZERO, ellipse(0.32, 0.5, 0.32, 0.48, (-110, 255)), [*ZERO, [(0.0, 1.0), (0.56, 0.0)]]],
    "1": [
        [[(0.1, 0), (0.1, 1)]],
        [[(0, 0.28), (0.24, 0), (0.24, 0), (0.24, 1)]],
        [[(0, 0.2), (0.2, 0), (0.2, 0), (0.2, 1)], [(0, 1), (0.42, 1)]],
    ],
    "2": [
        [[(0.02, 0.25), (0.12, 0.05), (0.32, 0), (0.52, 0.12), (0.5, 0.38), (0.25, 0.7), (0, 1), (0, 1), (0.58, 1)]],
        [[(0.02, 0.2), (0.28, 0), (0.52, 0.2), (0.4, 0.55), (0.05, 0.95), (0.12, 0.85), (0.3, 0.95), (0.6, 0.94)]],
    ],
    "3": [
        [[(0.02, 0.12), (0.25, 0), (0.5, 0.12), (0.45, 0.38), (0.2, 0.46), (0.2, 0.46), (0.52, 0.6), (0.5, 0.88),
          (0.25, 1), (0, 0.88)]],
        [[(0.02, 0), (0.5, 0), (0.5, 0), (0.22, 0.4), (0.22, 0.4), (0.52, 0.6), (0.5, 0.88), (0.25, 1), (0, 0.9)]],
    ],
    "4": [
        [[(0.3, 0), (0, 0.65), (0, 0.65), (0.58, 0.65)], [(0.42, 0.35), (0.42, 1)]],
        [[(0.05, 0), (0.02, 0.5), (0.02, 0.5), (0.55, 0.5)], [(0.48, 0), (0.46, 1)]],
        [[(0.44, 1), (0.44, 0), (0.44, 0), (0, 0.66), (0, 0.66), (0.6, 0.66)]],
    ],
    "5": [
        [[(0.52, 0), (0.08, 0), (0.08, 0), (0.05, 0.42), (0.05, 0.42), (0.3, 0.36), (0.54, 0.6), (0.45, 0.92),
          (0.2, 1), (0, 0.9)]],
        [[(0.06, 0.02), (0.04, 0.45), (0.04, 0.45), (0.35, 0.4), (0.52, 0.68), (0.35, 0.97), (0, 0.94)],
         [(0.06, 0.02), (0.54, 0)]],
    ],
    "6": [
        [[(0.45, 0), (0.18, 0.25), (0.02, 0.65), (0.15, 0.97), (0.42, 0.95), (0.52, 0.7), (0.35, 0.5), (0.08, 0.62)]],
        [[(0.35, 0), (0.08, 0.4), (0.06, 0.85), (0.3, 1), (0.5, 0.8), (0.38, 0.55), (0.1, 0.65)]],
    ],
    "7": [
        [[(0, 0), (0.55, 0), (0.55, 0), (0.2, 1)]],
        [[(0, 0.02), (0.55, 0), (0.55, 0), (0.18, 1)], [(0.1, 0.5), (0.52, 0.46)]],
        [[(0, 0.12), (0, 0), (0, 0), (0.52, 0.02), (0.52, 0.02), (0.3, 0.5), (0.24, 1)]],
    ],
    "8": [
        [[(0.46, 0.12), (0.25, 0), (0.05, 0.15), (0.15, 0.38), (0.42, 0.58), (0.5, 0.85), (0.28, 1), (0.04, 0.86),
          (0.12, 0.6), (0.4, 0.38), (0.48, 0.14)]],
        [*ellipse(0.27, 0.23, 0.22, 0.23), *ellipse(0.27, 0.73, 0.26, 0.27, (-90, 270))],
    ],
    "9": [
        [[(0.5, 0.2), (0.3, 0), (0.05, 0.15), (0.08, 0.42), (0.3, 0.5), (0.5, 0.22), (0.5, 0.22), (0.42, 1)]],
        [[(0.48, 0.22), (0.26, 0), (0.03, 0.24), (0.24, 0.5), (0.48, 0.26), (0.46, 0.7), (0.28, 1), (0.06, 0.94)]],
    ],
    ".": [[[(0, 0.95), (0.03, 1.0), (0.05, 0.96)]]],
    ",": [[[(0.08, 0.9), (0.09, 1.0), (0, 1.16)]]],
    ":": [[[(0, 0.35), (0.04, 0.38)], [(0, 0.9), (0.04, 0.93)]]],
    "-": [[[(0, 0.52), (0.38, 0.5)]]],
    "+": [[[(0, 0.52), (0.44, 0.52)], [(0.22, 0.28), (0.22, 0.76)]]],
    "/": [[[(0.4, -0.08), (0, 1.1)]]],
    "(": [[[(0.2, -0.1), (0, 0.5), (0.2, 1.1)]]],
    ")": [[[(0, -0.1), (0.2, 0.5), (0, 1.1)]]],
    "%": [[*ellipse(0.12, 0.18, 0.12, 0.16), [(0.62, 0), (0.06, 1)], *ellipse(0.56, 0.82, 0.12, 0.16)]],
    "=": [[[(0, 0.4), (0.42, 0.4)], [(0, 0.62), (0.42, 0.62)]]],
    " ": [[]],
}  # fmt: skip


class Hand:
    """One writer with one pen."""

    def __init__(self, rng: Generator, height: float) -> None:
        self.rng = rng
        self.height = height
        self.pen = max(2.0, height * float(rng.uniform(0.05, 0.11)))
        self.slant = math.tan(math.radians(float(rng.uniform(-6, 14))))
        self.spacing = float(rng.uniform(0.22, 0.4))  # between two signs, in heights
        self.aspect = float(rng.uniform(0.9, 1.15))
        self.style = {sign: forms[int(rng.integers(len(forms)))] for sign, forms in SIGNS.items()}

    def write(self, ink: Grayscale, text: str, x: float, y: float) -> float:
        """Draws a line whose upper left corner is at x, y. Returns the x of its end."""
        for character in text:
            x += self.sign(ink, self.style[character], x, y) + self.spacing * self.height
        return x - self.spacing * self.height

    def sign(self, ink: Grayscale, sign: Sign, x: float, y: float) -> float:
        """Returns the sign's width in pixels."""
        rng, height = self.rng, self.height * float(self.rng.normal(1, 0.03))
        y += self.height * float(rng.normal(0, 0.02))
        turn = float(rng.normal(0, 0.03))
        for stroke in sign:
            points = rounded(np.array(stroke)) if len(stroke) > 2 else np.array(stroke, float)
            points = points * (self.aspect, 1)
            points[:, 0] += (self.slant + turn) * (0.5 - points[:, 1])
            points += smooth_noise(len(points), rng) * 0.02
            self.stroke(ink, points * height + (x, y))
        return self.width(sign) * height

    def width(self, sign: Sign) -> float:
        return max((px for stroke in sign for px, _ in stroke), default=0.35) * self.aspect

    def stroke(self, ink: Grayscale, points: Points) -> None:
        cv2.polylines(ink, [np.round(points * 16).astype(np.int32)], False, (255,), round(self.pen), cv2.LINE_AA, 4)


def rounded(corners: Points) -> Points:
    """A smooth curve: each corner is cut three times (Chaikin, 1974). A point that stands twice stays sharp."""
    for _ in range(3):
        before, after = corners[:-1], corners[1:]
        cut = np.stack([0.75 * before + 0.25 * after, 0.25 * before + 0.75 * after], axis=1).reshape(-1, 2)
        corners = np.concatenate([corners[:1], cut, corners[-1:]])
    return corners


def smooth_noise(count: int, rng: Generator) -> Points:
    """A tremor: neighbouring points move alike."""
    corners = rng.normal(size=(max(2, count // 6), 2))
    places = np.linspace(0, len(corners) - 1, count)
    return np.stack([np.interp(places, np.arange(len(corners)), corners[:, axis]) for axis in (0, 1)], axis=1)
