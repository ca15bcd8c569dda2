"""Pages of strokes drawn by hand, and the lines that the layout finds on them."""

from __future__ import annotations

import numpy as np

from app.arrays import Ink
from app.segmentation import layout
from app.segmentation.decorations.undecorated import without_decorations


def sheet(height: int = 300, width: int = 400) -> Ink:
    return np.zeros((height, width), np.uint8)


def bars(ink: Ink, *places: tuple[int, int], height: int = 40, width: int = 6) -> Ink:
    """Upright strokes with their upper left corners there (x, y)."""
    for x, y in places:
        ink[y : y + height, x : x + width] = 255
    return ink


def lefts(ink: Ink) -> list[list[int]]:
    """For each line where its components begin, from the left to the right."""
    lines, _ = layout.find_lines(without_decorations(ink).ink)
    return [sorted(component.left for component in line) for line in lines]
