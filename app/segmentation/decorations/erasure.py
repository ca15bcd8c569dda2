"""Outlines and lines are erased from the ink, and the strokes that cross them are closed."""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from app.arrays import Ink, Mask
from app.preprocessing.components import FOREGROUND_LEVEL, label_components, stroke_width

Distances = NDArray[np.float32]  # (H, W)


def erase_outlines(page: Ink, outlines: Mask) -> Ink:
    """Without outlines and their soft edges. A stroke that continues on both sides of one is closed across it."""
    if not outlines.any():
        return page
    soft_edges = cv2.dilate(outlines, np.ones((3, 3), np.uint8))
    soft_edges[(page > FOREGROUND_LEVEL) & (outlines == 0)] = 0
    rest = np.asarray(cv2.bitwise_and(page, cv2.bitwise_not(soft_edges)), np.uint8)
    width = round(stroke_width(outlines))
    level, falling, upright, rising = kernels(width + 8, 3)
    across_kernels = upright, rising, level, falling
    closed = rest
    for along, across in zip(kernels(3 * width), across_kernels, strict=True):
        runs = cv2.dilate(cv2.morphologyEx(outlines, cv2.MORPH_OPEN, along), np.ones((3, 3), np.uint8))
        closed = np.asarray(cv2.max(closed, cv2.min(cv2.morphologyEx(rest, cv2.MORPH_CLOSE, across), runs)), np.uint8)
    return np.asarray(cv2.min(closed, page), np.uint8)


def kernels(length: int, thickness: int = 1) -> list[NDArray[np.uint8]]:
    """Lines of this length: level, falling, upright, rising."""
    side = max(3, round(length / math.sqrt(2)))
    diagonal = cv2.line(np.zeros((side, side), np.uint8), (0, 0), (side - 1, side - 1), (1,), thickness)
    falling = np.asarray(diagonal, np.uint8)
    level = np.ones((thickness, length), np.uint8)
    return [level, falling, level.T, np.ascontiguousarray(falling[::-1])]


def loose_ends(outline: Mask, rest: Mask, height: float, reach: float) -> Mask:
    """What is left of an outline in the rest of its component: ink lower than `height`, and within `reach` of it."""
    _, labels, stats, _ = label_components(rest)
    is_loose = stats[:, cv2.CC_STAT_HEIGHT] < height
    is_loose[np.unique(labels[distances_to(outline) > reach])] = False
    return np.where(is_loose[labels], rest, np.uint8(0))


def distances_to(mask: Mask) -> Distances:
    return np.asarray(cv2.distanceTransform(cv2.bitwise_not(mask), cv2.DIST_L2, 3), np.float32)
