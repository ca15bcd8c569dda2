"""The centre lines of MNIST's test digits, drawn again as on a canvas, with twelve kinds of pen, colour and place."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.random import Generator

from training.datasets.mnist import Digits
from training.evaluation.testsets.base import Ink, Kind, of_digits
from training.evaluation.testsets.centreline import Centreline, centreline, drawn
from training.evaluation.testsets.rendering import BLACK, WHITE, Colour, Place, file_of, inked, on_nothing


def kind(digits: Digits) -> Kind:
    return Kind(
        "pen strokes",
        "centre lines of MNIST's test digits drawn as on a canvas, with twelve kinds of pen, colour, place and size",
        {name: of_digits(digits, canvas.picture) for name, canvas in CANVASES.items()},
        each=250,
    )


@dataclass(frozen=True)
class Canvas:
    """Lengths are in pixels; a length of the digit's own is in parts of its longer side."""

    size: tuple[int, int] = (280, 280)  # height, width
    height: tuple[float, float] = (0.5, 0.8)  # of the digit, in parts of the canvas's shorter side
    pen: float = 0.08  # of the digit
    paper: Colour | None = WHITE  # None: a transparent canvas
    ink: Colour = BLACK
    centred: bool = True
    smooth: bool = True  # whether edges are anti-aliased
    wobble: float = 0.0  # of a mouse in an unsteady hand, in parts of the digit
    nib: float = 0.0  # 0: a round pen; to 1: a broad one, thin along its edge

    def picture(self, digit: Ink, rng: Generator) -> bytes:
        side = rng.uniform(*self.height) * min(self.size)
        line = wobbly(centreline(digit), self.wobble, rng)
        ink = self.stroked(line, Place(self.size, side, self.corner(side, rng)))
        if self.paper is None:
            return file_of(on_nothing(ink, self.ink))
        return file_of(inked(ink, self.paper, self.ink))

    def corner(self, side: float, rng: Generator) -> tuple[float, float]:
        """Where the digit's upper left corner is, x and y."""
        room = np.array(self.size[::-1]) - side
        share = np.array([0.5, 0.5]) if self.centred else rng.uniform(0, 1, 2)
        x, y = room * share
        return float(x), float(y)

    def stroked(self, line: Centreline, place: Place) -> Ink:
        width = self.pen * place.side
        ink = drawn(line, place, max(1, round(width * (1 - self.nib))), smooth=self.smooth)
        nib = np.eye(1 + round(width * self.nib * 0.7), dtype=np.uint8)  # it is held at 45 degrees
        return np.asarray(cv2.dilate(ink, nib), np.uint8)


def wobbly(line: Centreline, strength: float, rng: Generator) -> Centreline:
    """Each point moved by a smooth wave in x and in y."""
    if not strength:
        return line
    phases, turns = rng.uniform(0, 2 * np.pi, 2), rng.uniform(8, 16, 2)
    waves = np.sin(line.points[:, ::-1] * turns + phases)
    return line._replace(points=line.points + strength * waves)


CANVASES: dict[str, Canvas] = {
    "fine liner": Canvas(pen=0.02),
    "ball pen, blue": Canvas(size=(300, 400), pen=0.035, ink=(25, 50, 160)),
    "felt pen": Canvas(pen=0.1),
    "marker": Canvas(pen=0.15, ink=(190, 30, 30)),
    "thick brush": Canvas(pen=0.2),
    "broad nib": Canvas(pen=0.13, nib=0.65, paper=(250, 244, 215), ink=(40, 30, 20)),
    "dark mode": Canvas(pen=0.08, paper=(18, 18, 20), ink=(235, 235, 235)),
    "transparent canvas, black": Canvas(pen=0.07, paper=None),
    "transparent canvas, white": Canvas(pen=0.07, paper=None, ink=WHITE),
    "small on a large canvas": Canvas(size=(600, 800), height=(0.06, 0.14), pen=0.09, centred=False),
    "up to the border": Canvas(size=(200, 200), height=(0.96, 1.0), pen=0.09),
    "mouse, jagged": Canvas(size=(250, 250), height=(0.3, 0.6), pen=0.06, centred=False, smooth=False, wobble=0.012),
}
