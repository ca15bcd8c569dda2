"""Digits that fill their picture: tight crops that were enlarged, and pens from edge to edge of a canvas."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.random import Generator

from app.arrays import Ink
from training.evaluation.testsets.base import RenderDigit
from training.evaluation.testsets.centreline import draw_centreline, extract_centreline
from training.evaluation.testsets.rendering import Placement, blur, crop_to_ink, encode, invert

INTERPOLATIONS = (cv2.INTER_LINEAR, cv2.INTER_CUBIC, cv2.INTER_LANCZOS4)
PENS = (3, 24)  # pixels, of a canvas of 500


def tight_crop(dark: bool, sides: tuple[int, int] = (28, 600)) -> RenderDigit:
    """`sides`: the range of the picture's longer side in pixels."""

    def render(digit: Ink, rng: Generator) -> bytes:
        ink = np.pad(crop_to_ink(digit), int(rng.integers(3)))
        scale = float(np.exp(rng.uniform(*np.log(sides)))) / max(ink.shape)
        size = [max(8, round(side * scale)) for side in ink.shape[::-1]]
        ink = np.asarray(cv2.resize(ink, size, interpolation=int(rng.choice(INTERPOLATIONS))), np.uint8)
        if rng.random() < 0.5:
            ink = blur(ink, float(rng.uniform(0.3, 0.02 * max(size) + 0.5))).astype(np.uint8)
        return encode(invert(ink) if dark else ink)

    return render


def edge_to_edge(digit: Ink, rng: Generator) -> bytes:
    """A pen of any width on a canvas that the digit fills, stretched to it by up to 1.4."""
    side = int(rng.integers(200, 601))
    pen = max(2, round(side / 500 * float(np.exp(rng.uniform(*np.log(PENS))))))
    line = extract_centreline(digit)
    low, high = line.points.min(0), line.points.max(0)
    canvas = np.ceil((high - low) * side).astype(int) + 1
    narrow = np.minimum(1.0, canvas / canvas.max() * rng.uniform(1, 1.4))
    points = (line.points - low) / (high - low + 1e-9) * narrow
    height, width = np.maximum(2 * pen, np.ceil(narrow[::-1] * side)).astype(int).tolist()
    ink = draw_centreline(line._replace(points=points), Placement((height, width), side - 1.0, (0, 0)), pen)
    return encode(invert(ink) if rng.random() < 0.7 else ink)
