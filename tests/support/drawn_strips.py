"""Strips drawn by hand: lines of digits as the segmentation cuts them."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from app.segmentation.oversegmentation import Strip

HEIGHT = 40


def strip_of(ink: NDArray[np.uint8]) -> Strip:
    return Strip(ink, HEIGHT, np.full(ink.shape[1], len(ink) // 2, np.intp))


def empty(width: int = 120) -> NDArray[np.uint8]:
    return np.zeros((HEIGHT + 2, width), np.uint8)


def two_blocks(neck: int = 0) -> Strip:
    """Two blocks of 24 x 40, 8 apart, and as many rows of ink between them."""
    ink = empty(80)
    ink[1:41, 12:36] = ink[1:41, 44:68] = 255
    ink[20 : 20 + neck, 36:44] = 255
    return strip_of(ink)


def ring() -> Strip:
    ink = empty(60)
    cv2.ellipse(ink, (30, 20), (14, 17), 0, 0, 360, 255, 4)
    return strip_of(ink)
