"""The digits on a display consist of segments or dots with gaps between them, which are joined to strokes.

Glowing segments and dots touch each other, so they are looked for by their cores: the ink far enough from its edge.
Those of a display are alike, which no writing is: bars of one width and of few lengths, or dots in one pitch.
"""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from app.arrays import Ink, Mask
from app.preprocessing.components import FOREGROUND_LEVEL, binarize, stroke_width
from app.preprocessing.scaling import scaled_size
from app.segmentation.decorations.erasure import Distances

WIDE = 0.9  # of the ink's distances from its edge: nearly half of a stroke's width
CORE_DEPTHS = (0.5, 0.7, 0.85)  # of that: what is deeper is a core, the more of it the more the parts touch
MOST_CORES = 1500  # a display with more is not looked at
ALIKE = 0.8  # of the cores, by area: writing has fewer that are alike

THICKEST = 2.5  # of it: neither a bar nor a dot is wider

LEAST_BARS = 4
BAR_FILL = 0.7  # of the smallest rectangle around a bar
BAR_ASPECT = 1.8  # the least
SPREAD_OF_WIDTHS = 1.5  # times the median, or the median by it
SPREAD_OF_LENGTHS = 1.6
LEVEL_SHARE = 0.15  # of the bars: ones below each other have none
# Gaps between segments, in mean widths of their strokes, which the ends of short ones lower.
CORNER_GAP = 1.3
MIDDLE_GAP = 2.0  # from the upper half to the lower half of a one
WIDEST_CLOSED = 10.0  # pixels: of strokes whose gaps are closed
BRIDGE = np.uint8(FOREGROUND_LEVEL + 1)  # ink: just enough to join two segments

LEAST_DOTS = 12
DOT_ASPECT = 1.6  # the most
SPREAD_OF_PITCHES = 1.2
DIAGONAL = 1.6  # pitches: a diagonal neighbour is no further


def join_segments(page: Ink) -> Ink | None:
    """The page with the segments or dots of its digits joined; None if it shows no display."""
    mask = binarize(page)
    distances = np.asarray(cv2.distanceTransform(mask, cv2.DIST_L2, 3), np.float32)
    inside = distances[mask > 0]
    half_width = float(np.quantile(inside, WIDE)) if len(inside) else 0.0
    for depth in CORE_DEPTHS:
        cores = cores_of(distances, half_width, depth)
        if cores and cores.are_dots():
            return np.maximum(page, joined_dots(cores))
        if cores and cores.are_bars():
            closed = with_closed_gaps(mask, stroke_width(mask))
            return np.maximum(page, np.minimum(closed, BRIDGE))  # so faint that the segments still show
    return None


class Cores(NamedTuple):
    """The innermost parts of the ink."""

    mask: Mask
    areas: NDArray[np.float64]  # (n,)
    middles: NDArray[np.float64]  # (n, 2): x and y
    sides: NDArray[np.float64]  # (n, 2): of the smallest rectangle around each, the shorter one first
    are_level: NDArray[np.bool_]  # (n,)
    thickest: float  # pixels: a core of one stroke is no wider

    def are_dots(self) -> bool:
        """Whether nearly all are round, and as far from their nearest neighbour as any other."""
        if len(self.areas) < LEAST_DOTS:
            return False
        pitches = np.sqrt(nearest_squares(self.middles))
        is_dot = self.sides[:, 1] <= self.thickest
        is_dot &= (self.sides[:, 1] <= DOT_ASPECT * self.sides[:, 0]) & is_near_median(pitches, SPREAD_OF_PITCHES)
        return bool(self.areas[is_dot].sum() >= ALIKE * self.areas.sum())

    def are_bars(self) -> bool:
        """Whether nearly all are bars of one width, and some of them are level."""
        width, length = self.sides.T
        is_bar = width <= self.thickest
        is_bar &= (self.areas >= BAR_FILL * width * length) & (length >= BAR_ASPECT * width)
        is_bar &= is_near_median(width, SPREAD_OF_WIDTHS) & is_near_median(length, SPREAD_OF_LENGTHS)
        if np.count_nonzero(is_bar) < LEAST_BARS or self.are_level[is_bar].mean() < LEVEL_SHARE:
            return False
        return bool(self.areas[is_bar].sum() >= ALIKE * self.areas.sum())


def cores_of(distances: Distances, half_width: float, depth: float) -> Cores | None:
    """What is deeper in the ink. `half_width`: of the strokes. None if that is nothing, or in too many pieces."""
    cores = np.asarray(cv2.threshold(distances, depth * half_width, 255, cv2.THRESH_BINARY)[1], np.uint8)
    outlines, _ = cv2.findContours(cores, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    if not 0 < len(outlines) <= MOST_CORES:
        return None
    areas = np.array([cv2.contourArea(outline) + len(outline) / 2 + 1 for outline in outlines])
    rectangles = [cv2.minAreaRect(outline) for outline in outlines]
    middles = np.array([middle for middle, _, _ in rectangles])
    sides = np.sort(np.array([size for _, size, _ in rectangles]) + 1, axis=1)
    boxes = np.array([cv2.boundingRect(outline) for outline in outlines])
    return Cores(cores, areas, middles, sides, boxes[:, 2] > boxes[:, 3], THICKEST * half_width)


def is_near_median(values: NDArray[np.float64], factor: float) -> NDArray[np.bool_]:
    median = float(np.median(values))
    return np.asarray((values <= factor * median) & (values * factor >= median))


# --- dots ------------------------------------------------------------------------------------------------------------


def squared_distances(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """(n, n), infinite from a point to itself."""
    x, y = points.T
    squares = (x - x[:, np.newaxis]) ** 2 + (y - y[:, np.newaxis]) ** 2
    np.fill_diagonal(squares, np.inf)
    return np.asarray(squares, np.float64)


def nearest_squares(points: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(squared_distances(points).min(axis=1), np.float64)


def joined_dots(cores: Cores) -> Mask:
    """Lines between neighbouring dots: along rows and columns, and diagonally where no other dot is between them."""
    squares = squared_distances(cores.middles)
    pitch = float(np.median(np.sqrt(squares.min(axis=1))))
    beside = squares <= (SPREAD_OF_PITCHES * pitch) ** 2
    steps = beside.astype(np.float32)
    around_a_corner = steps @ steps > 0
    joined = beside | ((squares <= (DIAGONAL * pitch) ** 2) & ~around_a_corner)
    lines = np.zeros_like(cores.mask)
    places = np.round(cores.middles).astype(int).tolist()
    for one, other in np.argwhere(np.triu(joined)).tolist():
        cv2.line(lines, places[one], places[other], (255,), max(1, round(pitch / 2)))
    return lines


# --- segments --------------------------------------------------------------------------------------------------------


def with_closed_gaps(mask: Mask, width: float) -> Mask:
    """`width`: of the strokes. Wide ones are reduced first: a closing takes time in proportion to its kernel."""
    scale = min(1.0, WIDEST_CLOSED / width)
    small = cv2.resize(mask, scaled_size(mask, scale), interpolation=cv2.INTER_AREA) if scale < 1 else mask
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (1 + round(CORNER_GAP * width * scale),) * 2)
    column = np.ones((1 + round(MIDDLE_GAP * width * scale), 1), np.uint8)
    closed = closed_with(closed_with(np.asarray(small, np.uint8), np.asarray(disc, np.uint8)), column)
    if scale < 1:
        closed = binarize(np.asarray(cv2.resize(closed, mask.shape[::-1], interpolation=cv2.INTER_LINEAR), np.uint8))
    return np.asarray(cv2.bitwise_or(mask, closed), np.uint8)


def closed_with(mask: Mask, kernel: NDArray[np.uint8]) -> Mask:
    """The morphological closing; nothing is closed towards the page's edges."""
    margin = max(kernel.shape)
    roomy = cv2.copyMakeBorder(mask, margin, margin, margin, margin, cv2.BORDER_CONSTANT)
    closed = cv2.morphologyEx(roomy, cv2.MORPH_CLOSE, kernel)[margin:-margin, margin:-margin]
    return np.asarray(closed, np.uint8)
