"""How a form lies on a picture: where each place of the document is, in pixels of the picture."""

from __future__ import annotations

from typing import Literal, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from app.arrays import Grayscale, Homography

Points = NDArray[np.float64]  # (n, 2): x and y
FoundBy = Literal["marks", "anchors", "sheet", "boxes", "picture"]

UNIT_SQUARE: Points = np.array([[0, 0], [1, 0], [1, 1], [0, 1]], np.float64)
LONGEST_FLAT = 1536  # pixels: of a form that is made flat, which may be larger than its picture
SMALLEST_SIDE = 32  # pixels: of a form on a picture
LARGEST = 9.0  # areas of the picture


class Placement(NamedTuple):
    """`to_picture`: from shares of the document to pixels of the picture."""

    to_picture: Homography
    found_by: FoundBy
    support: float = 0.0  # the share of the fields' printed outlines that is found there

    @property
    def corners(self) -> Points:
        """Of the document on the picture, (4, 2), from its own upper left one."""
        return transform(self.to_picture, UNIT_SQUARE)

    @property
    def quarters(self) -> int:
        """The quarters, counterclockwise, by which the picture is to be turned."""
        upper_left, upper_right, lower_right, lower_left = self.corners
        x, y = (upper_right - upper_left) + (lower_right - lower_left)
        return round(float(np.degrees(np.arctan2(y, x))) / 90) % 4

    @property
    def size(self) -> tuple[float, float]:
        """Width and height on the picture, in pixels."""
        upper, right, lower, left = np.linalg.norm(np.roll(self.corners, -1, axis=0) - self.corners, axis=1).tolist()
        return max(upper, lower), max(left, right)

    def turned(self, quarters: int) -> Placement:
        """With the document's upper left corner where another one is."""
        return of_corners(np.roll(self.corners, -quarters, axis=0), self.found_by)

    def moved(self, matrix: Homography) -> Placement:
        """`matrix`: in shares of the document."""
        found_by: FoundBy = "boxes" if self.found_by == "picture" else self.found_by
        return Placement(self.to_picture @ matrix, found_by)

    def is_plausible(self, picture: Grayscale) -> bool:
        """Whether a sheet can lie so: it is not folded, not tiny, and most of it may be on the picture."""
        depths = np.column_stack([UNIT_SQUARE, np.ones(4)]) @ self.to_picture[2]
        corners = self.corners
        if not (np.isfinite(corners).all() and (depths > 0).all()):
            return False
        sides = np.roll(corners, -1, axis=0) - corners
        following = np.roll(sides, -1, axis=0)
        is_convex = bool((sides[:, 0] * following[:, 1] > sides[:, 1] * following[:, 0]).all())
        return is_convex and min(self.size) >= SMALLEST_SIDE and self.size[0] * self.size[1] <= LARGEST * picture.size


class FlatForm(NamedTuple):
    """A form made flat and upright."""

    pixels: Grayscale
    to_picture: Homography  # from its pixels


def of_points(expected: Points, found: Points, found_by: FoundBy) -> Placement:
    """Of four places: in shares of the document, and in pixels of the picture."""
    matrix = cv2.getPerspectiveTransform(expected.astype(np.float32), found.astype(np.float32))
    return Placement(np.asarray(matrix, np.float64), found_by)


def of_corners(corners: Points, found_by: FoundBy) -> Placement:
    return of_points(UNIT_SQUARE, corners, found_by)


def whole_picture(picture: Grayscale) -> Placement:
    height, width = picture.shape
    return of_corners(UNIT_SQUARE * (width, height), "picture")


def transform(matrix: Homography, points: Points) -> Points:
    return np.asarray(cv2.perspectiveTransform(points[np.newaxis].astype(np.float64), matrix)[0], np.float64)


def flatten(picture: Grayscale, placement: Placement, longest_side: float = LONGEST_FLAT) -> FlatForm:
    """`longest_side`: pixels; a form that is smaller on the picture keeps its size."""
    width, height = placement.size
    scale = min(1.0, longest_side / max(width, height))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    to_picture = placement.to_picture @ np.diag([1 / size[0], 1 / size[1], 1.0])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    pixels = cv2.warpPerspective(picture, to_picture, size, flags=flags, borderMode=cv2.BORDER_REPLICATE)
    return FlatForm(np.asarray(pixels, np.uint8), to_picture)
