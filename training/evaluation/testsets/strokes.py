"""Test set of pen strokes: centre lines of MNIST's test digits, redrawn on canvases as of drawing programs."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.random import Generator

from app.arrays import Ink
from training.datasets.mnist import Digits
from training.evaluation.testsets.base import TestSet, digit_variant
from training.evaluation.testsets.centreline import Centreline, draw_centreline, extract_centreline
from training.evaluation.testsets.rendering import (
    BLACK,
    WHITE,
    Colour,
    Placement,
    Size,
    colour_ink,
    encode,
    ink_on_transparency,
)


def pen_strokes(digits: Digits) -> TestSet:
    return TestSet(
        "pen strokes",
        "centre lines of MNIST's test digits, redrawn with twelve combinations of pen, colour, place and size",
        {name: digit_variant(digits, canvas.render) for name, canvas in CANVASES.items()},
        pictures_per_variant=250,
    )


@dataclass(frozen=True)
class Canvas:
    """A drawing canvas and the pen used on it."""

    size: Size = (280, 280)
    height: tuple[float, float] = (0.5, 0.8)  # range of the digit's longer side, in the canvas's shorter side
    pen: float = 0.08  # width, in the digit's longer side
    background: Colour | None = WHITE  # None: transparent
    ink: Colour = BLACK
    centred: bool = True  # otherwise anywhere on the canvas
    antialiased: bool = True
    wobble: float = 0.0  # amplitude of an unsteady hand, in the digit's longer side
    nib: float = 0.0  # 0: a round pen; towards 1: a broad nib, thin along one diagonal

    def render(self, digit: Ink, rng: Generator) -> bytes:
        """A PNG of the digit's centre line, drawn with this pen on this canvas."""
        side = rng.uniform(*self.height) * min(self.size)
        line = add_wobble(extract_centreline(digit), self.wobble, rng)
        ink = self.draw(line, Placement(self.size, side, self.choose_corner(side, rng)))
        if self.background is None:
            return encode(ink_on_transparency(ink, self.ink))
        return encode(colour_ink(ink, self.background, self.ink))

    def choose_corner(self, side: float, rng: Generator) -> tuple[float, float]:
        """The upper left corner of a digit `side` pixels long, x and y."""
        room = np.array(self.size[::-1]) - side
        share = np.array([0.5, 0.5]) if self.centred else rng.uniform(0, 1, 2)
        x, y = room * share
        return float(x), float(y)

    def draw(self, line: Centreline, placement: Placement) -> Ink:
        """(height, width) of the canvas."""
        width = self.pen * placement.side
        round_width = max(1, round(width * (1 - self.nib)))
        ink = draw_centreline(line, placement, round_width, antialiased=self.antialiased)
        nib = np.eye(1 + round(width * self.nib * 0.7), dtype=np.uint8)  # 0.7: held at 45 degrees
        return np.asarray(cv2.dilate(ink, nib), np.uint8)


def add_wobble(line: Centreline, amplitude: float, rng: Generator) -> Centreline:
    """Moves each point by a sine wave in x and in y; `amplitude` is in the digit's longer side."""
    if not amplitude:
        return line
    phases, frequencies = rng.uniform(0, 2 * np.pi, 2), rng.uniform(8, 16, 2)
    waves = np.sin(line.points[:, ::-1] * frequencies + phases)
    return line._replace(points=line.points + amplitude * waves)


CANVASES: dict[str, Canvas] = {
    "fine liner": Canvas(pen=0.02),
    "ball pen, blue": Canvas(size=(300, 400), pen=0.035, ink=(25, 50, 160)),
    "felt pen": Canvas(pen=0.1),
    "marker": Canvas(pen=0.15, ink=(190, 30, 30)),
    "thick brush": Canvas(pen=0.2),
    "broad nib": Canvas(pen=0.13, nib=0.65, background=(250, 244, 215), ink=(40, 30, 20)),
    "dark mode": Canvas(pen=0.08, background=(18, 18, 20), ink=(235, 235, 235)),
    "transparent canvas, black": Canvas(pen=0.07, background=None),
    "transparent canvas, white": Canvas(pen=0.07, background=None, ink=WHITE),
    "small on a large canvas": Canvas(size=(600, 800), height=(0.06, 0.14), pen=0.09, centred=False),
    "up to the border": Canvas(size=(200, 200), height=(0.96, 1.0), pen=0.09),
    "mouse, jagged": Canvas(
        size=(250, 250), height=(0.3, 0.6), pen=0.06, centred=False, antialiased=False, wobble=0.012
    ),
}
