"""Simulated writers: each has one odd way of writing every digit, and one pen, as a real person has.

Their strokes are drawn here, and no picture of a data set is among them. A writer's pictures differ as those of one
hand do: in size, slant and tremor.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.random import Generator

from app.arrays import Grayscale
from training.evaluation.sheets.handwriting import SIGNS, Sign, rounded, smooth_noise
from training.evaluation.testsets.base import Sample
from training.evaluation.testsets.rendering import encode, invert

Forms = Mapping[str, Sign]

SHEET = (180, 160)  # pixels of a picture: rows and columns
HEIGHT = 110  # pixels of a digit
UNEVEN = 0.025  # heights: how far a hand misses the corners of a form


@dataclass(frozen=True)
class Writer:
    """A hand: its odd forms, and the usual form of every other digit."""

    name: str
    forms: Forms
    pen: float  # width, in heights of a digit
    slant: float  # columns to the right for each row up
    tremor: float  # in heights
    aspect: float  # of width to height, of usual digits

    def write(self, digit: int, rng: Generator) -> Grayscale:
        """Dark ink on white paper."""
        sheet = np.zeros(SHEET, np.uint8)
        height = HEIGHT * rng.normal(1, 0.06)
        slant = self.slant + rng.normal(0, 0.05)
        aspect = self.aspect * rng.normal(1, 0.06)
        corner = np.array([30.0, 30.0]) + rng.normal(0, 4, 2)
        width = max(1, round(self.pen * height * rng.normal(1, 0.08)))
        for stroke in self.forms.get(str(digit), SIGNS[str(digit)][0]):
            places, order = np.unique(np.array(stroke, np.float64), axis=0, return_inverse=True)
            corners = (places + rng.normal(0, UNEVEN, places.shape))[order]  # a point that stands twice stays a corner
            points = rounded(corners) if len(corners) > 2 else corners
            points = points * (aspect, 1)
            points[:, 0] += slant * (1 - points[:, 1])
            points += smooth_noise(len(points), rng) * self.tremor
            on_sheet = np.rint((points * height + corner) * 16).astype(np.int32)
            cv2.polylines(sheet, [on_sheet], False, (255,), width, cv2.LINE_AA, 4)
        return invert(sheet)

    def samples(self, count: int, rng: Generator) -> Iterator[Sample]:
        """Each digit equally often, in random order."""
        for digit in rng.permutation(np.arange(count) % 10).tolist():
            yield Sample(encode(self.write(digit, rng)), digit)


# Twos like z, ones with a long flag and a base, open fours, sevens with a long serif, nines like g.
HOOKED: Forms = {
    "1": [[(0.0, 0.55), (0.4, 0.0), (0.4, 0.0), (0.4, 1.0)], [(0.15, 1.0), (0.65, 1.0)]],
    "2": [[(0.02, 0.1), (0.5, 0.02), (0.5, 0.02), (0.05, 0.95), (0.05, 0.95), (0.55, 0.95)]],
    "4": [[(0.05, 0.0), (0.02, 0.5), (0.1, 0.62), (0.35, 0.6), (0.5, 0.5)], [(0.52, 0.02), (0.5, 1.0)]],
    "7": [[(0.0, 0.5), (0.0, 0.0), (0.0, 0.0), (0.5, 0.02), (0.5, 0.02), (0.42, 1.0)]],
    "9": [[(0.48, 0.1), (0.2, 0.02), (0.03, 0.25), (0.22, 0.5), (0.48, 0.3), (0.48, 0.1), (0.48, 0.1), (0.5, 0.8),
           (0.3, 1.0), (0.02, 0.88)]],
}  # fmt: skip

# Angular forms: ones like a roof, fives that close below, sixes with a small hook, sevens with a foot, open eights.
ANGULAR: Forms = {
    "1": [[(0.0, 0.95), (0.3, 0.0), (0.3, 0.0), (0.42, 1.0)]],
    "3": [[(0.02, 0.0), (0.5, 0.0), (0.5, 0.0), (0.15, 0.42), (0.15, 0.42), (0.5, 0.5), (0.45, 1.0), (0.0, 0.95)]],
    "5": [[(0.5, 0.02), (0.1, 0.0), (0.1, 0.0), (0.06, 0.5), (0.3, 0.42), (0.5, 0.68), (0.3, 1.0), (0.05, 0.8),
           (0.08, 0.5)]],
    "6": [[(0.45, 0.05), (0.1, 0.2), (0.02, 0.7), (0.2, 1.0), (0.5, 0.95), (0.5, 0.75), (0.36, 0.72)]],
    "7": [[(0.0, 0.08), (0.2, 0.0), (0.38, 0.1), (0.58, 0.0), (0.58, 0.0), (0.15, 0.93), (0.62, 0.96)]],
    "8": [[(0.55, 0.0), (0.5, 0.3), (0.1, 0.6), (0.08, 0.92), (0.35, 1.0), (0.46, 0.75), (0.1, 0.3), (0.05, 0.05)]],
    "9": [[(0.45, 0.12), (0.2, 0.02), (0.05, 0.25), (0.25, 0.42), (0.45, 0.2), (0.45, 0.2), (0.42, 1.0), (0.65, 0.8)]],
}  # fmt: skip

# A hasty hand: zeros that begin with a tail, twos that end in a loop, fours like a lightning, nines that close below.
HASTY: Forms = {
    "0": [[(0.75, 0.02), (0.35, 0.05), (0.05, 0.3), (0.08, 0.85), (0.3, 1.0), (0.52, 0.75), (0.48, 0.3), (0.3, 0.06)]],
    "1": [[(0.0, 0.6), (0.32, 0.0), (0.32, 0.0), (0.42, 1.0)]],
    "2": [[(0.05, 0.2), (0.25, 0.0), (0.48, 0.2), (0.3, 0.6), (0.0, 0.9), (0.08, 0.65), (0.35, 0.85), (0.75, 0.8)]],
    "4": [[(0.3, 0.0), (0.02, 0.55), (0.02, 0.55), (0.55, 0.5), (0.55, 0.5), (0.3, 1.0)]],
    "5": [[(0.5, 0.0), (0.12, 0.05), (0.12, 0.05), (0.1, 0.4), (0.1, 0.4), (0.45, 0.5), (0.4, 0.9), (0.05, 1.0)]],
    "7": [[(0.1, 0.1), (0.42, 0.02), (0.42, 0.02), (0.3, 0.55), (0.26, 1.0)], [(0.12, 0.55), (0.48, 0.48)]],
    "9": [[(0.48, 0.08), (0.18, 0.02), (0.05, 0.25), (0.25, 0.42), (0.48, 0.08), (0.46, 0.75), (0.25, 1.0),
           (0.05, 0.85), (0.46, 0.55)]],
}  # fmt: skip

WRITERS = (
    Writer("hooked", HOOKED, pen=0.06, slant=0.1, tremor=0.015, aspect=1.0),
    Writer("angular", ANGULAR, pen=0.09, slant=-0.1, tremor=0.01, aspect=1.1),
    Writer("hasty", HASTY, pen=0.05, slant=0.3, tremor=0.02, aspect=1.15),
)
