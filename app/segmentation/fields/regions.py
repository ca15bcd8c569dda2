"""The ink of each field: connected components whose middle lies in the field's region, whole ones.

Writing that leaves its box stays whole, and what reaches into the box from outside is left out.
"""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from app.arrays import Homography, Ink
from app.preprocessing.components import Box, binarize, label_components
from app.segmentation.decorations.undecorated import without_decorations
from app.segmentation.fields.template import TemplateField

LOWEST = 0.12  # of the region's height: lower ink alone is dust, and the field is empty


class FlatDocument(NamedTuple):
    """A document made flat and turned upright."""

    ink: Ink
    to_picture: Homography  # from the ink's pixels to those of the picture as sent
    rim: int  # pixels of the sheet that the ink lacks on each side


class FieldInk(NamedTuple):
    ink: Ink
    to_picture: Homography  # from its pixels
    strikes: list[Box]  # of the lines that strike something through


class Region(NamedTuple):
    """In pixels of the document's ink."""

    left: float
    top: float
    right: float
    bottom: float

    @property
    def width(self) -> float:
        return self.right - self.left

    @property
    def height(self) -> float:
        return self.bottom - self.top

    @property
    def transposed(self) -> Region:
        return Region(self.top, self.left, self.bottom, self.right)

    @classmethod
    def of(cls, field: TemplateField, document: FlatDocument) -> Region:
        height, width = document.ink.shape
        whole_width, whole_height = width + 2 * document.rim, height + 2 * document.rim
        return cls(
            field.x * whole_width - document.rim,
            field.y * whole_height - document.rim,
            field.right * whole_width - document.rim,
            field.bottom * whole_height - document.rim,
        )

    def on_picture(self, to_picture: Homography) -> tuple[int, int, int, int]:
        """The upright box around it: x, y, width and height in pixels of the picture."""
        corners = [[self.left, self.top], [self.right, self.top], [self.right, self.bottom], [self.left, self.bottom]]
        points = cv2.perspectiveTransform(np.array([corners], np.float64), to_picture)[0]
        (left, top), (right, bottom) = points.min(axis=0).tolist(), points.max(axis=0).tolist()
        return round(left), round(top), max(1, round(right - left)), max(1, round(bottom - top))


class Components:
    """The connected components of what is written on a document."""

    def __init__(self, ink: Ink, to_picture: Homography) -> None:
        page = without_decorations(ink)
        self.ink, self.strikes = page.ink, page.strikes
        self.to_picture = to_picture
        mask = binarize(self.ink)
        _, self.labels, self.stats, self.centroids = label_components(mask)

    def inside(self, region: Region) -> FieldInk | None:
        """None if there is nothing but dust."""
        x, y = self.centroids.T
        within = (x >= region.left) & (x < region.right) & (y >= region.top) & (y < region.bottom)
        within[0] = False  # the paper
        kept = np.flatnonzero(within)
        heights = self.stats[kept, cv2.CC_STAT_HEIGHT]
        if heights.max(initial=0) < LOWEST * region.height:
            return None
        return self.crop(kept)

    def crop(self, kept: NDArray[np.intp]) -> FieldInk:
        """The components with their soft edges, and nothing else."""
        left, top = (self.stats[kept, :2].min(axis=0) - 1).clip(0).tolist()
        right, bottom = ((self.stats[kept, :2] + self.stats[kept, 2:4]).max(axis=0) + 1).tolist()
        around = slice(top, bottom), slice(left, right)
        own = np.isin(self.labels[around], kept).astype(np.uint8)
        ink = self.ink[around] * cv2.dilate(own, np.ones((3, 3), np.uint8))
        shift = np.array([[1, 0, left], [0, 1, top], [0, 0, 1]], np.float64)
        strikes = [
            Box(strike.left - left, strike.top - top, strike.right - left, strike.bottom - top)
            for strike in self.strikes
        ]
        return FieldInk(np.asarray(ink, np.uint8), self.to_picture @ shift, strikes)
