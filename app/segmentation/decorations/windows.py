"""Windows: solid rectangles in a row, each with a digit cut out of it, as those of a counter with dark numbers.

The page's ink is what differs from its ground, so the windows are ink, and the digits in them are holes.
"""

from __future__ import annotations

import cv2
import numpy as np

from app.arrays import Ink
from app.preprocessing.components import binarize, is_rectangular, label_components

SMALLEST = 24  # pixels: a window's shorter side
LEAST_WINDOWS = 2
SOLID = 0.72  # of a window is ink at least: of a block letter less
HOLE_HEIGHT = 0.3  # of a window: a digit in it is as high
ALIKE = 1.25  # times as high as another: windows of one counter
RIM = 2  # pixels: a window's soft edge


def invert_windows(page: Ink) -> Ink:
    """The page with the digits of its windows as ink, in place of the windows; as it is if there are none."""
    mask = binarize(page)
    _, labels, stats, _ = label_components(mask)
    windows = []
    for label, (left, top, width, height, area) in enumerate(stats.tolist()):
        if label == 0 or min(width, height) < SMALLEST or area < SOLID * width * height:
            continue
        within = slice(top, top + height), slice(left, left + width)
        component = np.where(labels[within] == label, np.uint8(255), np.uint8(0))
        outlines, _ = cv2.findContours(component, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
        filled = np.asarray(cv2.drawContours(np.zeros_like(component), outlines, 0, (255,), cv2.FILLED), np.uint8)
        holes = np.asarray(cv2.bitwise_and(filled, cv2.bitwise_not(component)), np.uint8)
        if cv2.boundingRect(holes)[3] >= HOLE_HEIGHT * height and is_rectangular(outlines[0]):
            windows.append((within, filled, height))
    heights = [height for *_, height in windows]
    if len(windows) < LEAST_WINDOWS or max(heights) > ALIKE * min(heights):
        return page
    inverted = page.copy()
    for within, filled, _ in windows:
        inside = cv2.erode(filled, np.ones((2 * RIM + 1,) * 2, np.uint8), borderValue=(0,)) > 0
        whole = cv2.dilate(filled, np.ones((2 * RIM + 1,) * 2, np.uint8)) > 0
        part = inverted[within]
        part[:] = np.where(inside, 255 - part, np.where(whole, 0, part))
    return inverted
