"""Windows: solid rectangles in a row, each with a digit cut out of it, as those of a counter with dark numbers.

The page's ink is what differs from its ground, so the windows are ink, and the digits in them are holes.
"""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np

from app.arrays import Ink, Mask
from app.preprocessing.components import Box, binarize, is_rectangular
from app.segmentation.decorations.regions import Region, Slices, components_of

SMALLEST = 24  # pixels: a window's shorter side
LEAST_WINDOWS = 2
SOLID = 0.72  # of a window is ink at least: of a block letter less
HOLE_HEIGHT = 0.3  # of a window: a digit in it is as high
ALIKE = 1.25  # times as high as another: windows of one counter
RIM = 2  # pixels: a window's soft edge


class Window(NamedTuple):
    """A part of the page with a window, and a mask of the window with its digit."""

    within: Slices
    filled: Mask
    height: int  # pixels


def invert_windows(page: Ink) -> Ink:
    """The page with the digits of its windows as ink, in place of the windows; as it is if there are none."""
    windows = [window for region in components_of(binarize(page), may_be_window) if (window := window_of(region))]
    heights = [window.height for window in windows]
    if len(windows) < LEAST_WINDOWS or max(heights) > ALIKE * min(heights):
        return page
    inverted = page.copy()
    soft_edge = np.ones((2 * RIM + 1,) * 2, np.uint8)
    for within, filled, _ in windows:
        inside = cv2.erode(filled, soft_edge, borderValue=(0,)) > 0
        whole = cv2.dilate(filled, soft_edge) > 0
        part = inverted[within]
        part[:] = np.where(inside, 255 - part, np.where(whole, 0, part))
    return inverted


def may_be_window(box: Box, area: int) -> bool:
    return min(box.width, box.height) >= SMALLEST and area >= SOLID * box.width * box.height


def window_of(region: Region) -> Window | None:
    """None if the component is no rectangle, or has no hole as high as a digit."""
    outlines, _ = cv2.findContours(region.mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    filled = np.asarray(cv2.drawContours(np.zeros_like(region.mask), outlines, 0, (255,), cv2.FILLED), np.uint8)
    holes = np.asarray(cv2.bitwise_and(filled, cv2.bitwise_not(region.mask)), np.uint8)
    height = cv2.boundingRect(filled)[3]
    if cv2.boundingRect(holes)[3] < HOLE_HEIGHT * height or not is_rectangular(outlines[0]):
        return None
    return Window(region.within, filled, height)
