"""One line of the page as a strip: its own ink alone, in a size that can be cut, and where that lies on the picture.

Three coordinate systems meet here:

    picture   the pixels of the picture as it was sent, upright
    page      the pixels of the page's ink: large pictures are reduced to be read, sheets made flat, and turned
    strip     the pixels of the line's strip, 1 / `factor` page pixels each, with `MARGIN` empty columns on both sides
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from app.arrays import Homography, Ink
from app.preprocessing.components import bounding_box
from app.preprocessing.ink import stretch_contrast, thicken
from app.segmentation.layout import Component, Labels, typical_height
from app.segmentation.oversegmentation import Columns, Strip

STRIP_HEIGHT = 64  # strip pixels: higher digits are reduced to it; 40 costs two points where digits touch
LEAST_HEIGHT = 0.6  # of the typical one: lower components do not tell where the line is
SOFT_EDGE = 2  # page pixels
MARGIN = 4  # strip pixels: empty columns on each side


class Placement(NamedTuple):
    """Where a strip lies on the picture."""

    x: float  # page pixels: the strip's left edge, margin included
    y: float  # page pixels: the strip's upper edge
    scale: float  # page pixels for one of the strip's
    thickened: int  # page pixels by which thin strokes were widened on each side, so that they can be read
    to_picture: Homography  # from the page

    def on_picture(self, box: tuple[int, int, int, int]) -> tuple[int, int, int, int]:
        """x, y, width and height in strip pixels -> the smallest upright box around it, in whole picture pixels.

        It is the box of the ink as it was drawn, before thin strokes were widened.
        """
        x, y, width, height = (length * self.scale for length in box)
        left, top = self.x + x + self.thickened, self.y + y + self.thickened
        width, height = max(1.0, width - 2 * self.thickened), max(1.0, height - 2 * self.thickened)
        corners = np.array([[[left, top], [left + width, top], [left + width, top + height], [left, top + height]]])
        (on_picture,) = cv2.perspectiveTransform(corners, self.to_picture)
        (left, top), (right, bottom) = on_picture.min(axis=0).tolist(), on_picture.max(axis=0).tolist()
        return round(left), round(top), max(1, round(right - left)), max(1, round(bottom - top))


def line_strip(
    components: Sequence[Component], page: Ink, labels: Labels, to_picture: Homography
) -> tuple[Strip, Placement]:
    """The strip of a line, given its components, and where it lies."""
    height = typical_height(components)
    high = [component for component in components if component.height > LEAST_HEIGHT * height]
    line_ink = own_ink(components, page, labels)
    thick = thicken(line_ink, height)
    border = (len(thick) - len(line_ink)) // 2  # page pixels that thickening has added on each side
    bounds = bounding_box(components)
    left, top = bounds.left - border, bounds.top - border  # page pixels
    factor = min(1.0, STRIP_HEIGHT / height)
    reduced = scaled(thick, factor)
    ink = stretch_contrast(np.pad(reduced, ((0, 0), (MARGIN, MARGIN))))
    page_columns = (np.arange(-MARGIN, reduced.shape[1] + MARGIN) + 0.5) / factor + left
    middle = strip_rows((middle_rows(page_columns, high) - top) * factor, len(ink))
    placement = Placement(left - MARGIN / factor, top, 1 / factor, max(0, border - 1), to_picture)
    return Strip(ink, height * factor, middle), placement


def own_ink(components: Sequence[Component], page: Ink, labels: Labels) -> Ink:
    """The page within the line's bounds: its own ink with its soft edges, and neither haze nor other lines' ink."""
    bounds = bounding_box(components)
    within = slice(bounds.top, bounds.bottom), slice(bounds.left, bounds.right)
    labels = labels[within]
    own = np.isin(labels, [label for component in components for label in component.labels])
    others = cv2.dilate(((labels > 0) & ~own).astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    near = cv2.dilate(own.astype(np.uint8), np.ones((2 * SOFT_EDGE + 1,) * 2, np.uint8)) > 0
    return np.where(own | (near & ~others), page[within], np.uint8(0))


def scaled(ink: Ink, factor: float) -> Ink:
    height, width = ink.shape
    size = (max(1, round(width * factor)), max(1, round(height * factor)))
    return np.asarray(cv2.resize(ink, size, interpolation=cv2.INTER_AREA), np.uint8)


def middle_rows(columns: NDArray[np.float64], components: Sequence[Component]) -> NDArray[np.float64]:
    """For each column the row of the line's middle: a straight line through its digits' middles (least squares)."""
    x, y = np.array([((component.left + component.right) / 2, component.middle) for component in components]).T
    weights = np.array([component.height for component in components], float)
    mean_x, mean_y = np.average(x, weights=weights), np.average(y, weights=weights)
    spread = np.average((x - mean_x) ** 2, weights=weights)
    slope = np.average((x - mean_x) * (y - mean_y), weights=weights) / spread if spread else 0.0
    return np.asarray(mean_y + slope * (columns - mean_x), np.float64)


def strip_rows(rows: NDArray[np.float64], height: int) -> Columns:
    """As whole rows of a strip of this height."""
    return np.clip(rows, 0, height - 1).astype(np.intp)
