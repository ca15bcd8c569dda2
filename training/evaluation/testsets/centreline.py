"""The centre line of a digit: thinned, smoothed and ready to be drawn with another pen."""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from app.arrays import Ink
from training.evaluation.testsets.rendering import Placement
from training.thinning import thin

Points = NDArray[np.float64]  # (n, 2): x and y
Shape = NDArray[np.uint8]  # (H, W): 1 for ink, 0 elsewhere
Segments = NDArray[np.intp]  # (m, 2): indices of the two points that a segment joins
Coordinates = NDArray[np.intp]  # (n,): the rows or the columns of pixels

PADDING = 2  # pixels around a digit before it is enlarged
ENLARGEMENT = 4  # a digit is enlarged before thinning: its steps are then a quarter of a pixel
INK_LEVEL = 110  # of 255: enlarged pixels above it are ink
SMOOTHING_ROUNDS = 6
FRACTION_BITS = 4  # OpenCV draws at sixteenths of a pixel
MIN_COMPONENT_SHARE = 0.07  # of a digit's ink: smaller components are specks of MNIST's scans, not of a pen
# Half of the eight neighbours, as steps in rows and columns: each pair of neighbours is found once.
FORWARD_STEPS = [(0, 1), (1, 0), (1, 1), (1, -1)]


class Centreline(NamedTuple):
    points: Points  # the longer side of the digit goes from 0 to 1, the shorter is centred on 0.5
    segments: Segments


def extract_centreline(ink: Ink) -> Centreline:
    """The skeleton (Zhang and Suen, 1984) of a digit, without specks, as smoothed line segments."""
    padded = np.pad(ink, PADDING)
    enlarged = cv2.resize(padded, None, fx=ENLARGEMENT, fy=ENLARGEMENT, interpolation=cv2.INTER_CUBIC)
    shape = remove_specks(cv2.threshold(enlarged, INK_LEVEL, 1, cv2.THRESH_BINARY)[1].astype(np.uint8))
    rows, columns = np.nonzero(thin(shape > 0))
    points = np.column_stack([columns, rows]).astype(np.float64)
    segments = join_neighbours(rows, columns)
    return Centreline(to_unit_square(smooth(points, segments)), segments)


def draw_centreline(line: Centreline, placement: Placement, width: int, *, antialiased: bool = True) -> Ink:
    """The line on an empty sheet, drawn with a round pen; `width` is in pixels."""
    sheet = np.zeros(placement.sheet, np.uint8)
    points = np.rint((line.points * placement.side + placement.corner) * 2**FRACTION_BITS).astype(np.int32)
    line_type = cv2.LINE_AA if antialiased else cv2.LINE_8
    cv2.polylines(sheet, list(points[line.segments]), False, 255, width, line_type, FRACTION_BITS)
    return sheet


def remove_specks(shape: Shape) -> Shape:
    """Without the connected components that are small in comparison with all ink."""
    _, components, statistics, _ = cv2.connectedComponentsWithStats(shape)
    areas = statistics[:, cv2.CC_STAT_AREA]
    is_kept = areas >= MIN_COMPONENT_SHARE * areas[1:].sum()
    is_kept[0] = False  # the background
    return np.asarray(is_kept[components], np.uint8)


def join_neighbours(rows: Coordinates, columns: Coordinates) -> Segments:
    """A segment for each two pixels that touch at an edge or a corner."""
    index_of = {pixel: index for index, pixel in enumerate(zip(rows, columns, strict=True))}
    pairs = [
        (index, index_of[row + down, column + right])
        for (row, column), index in index_of.items()
        for down, right in FORWARD_STEPS
        if (row + down, column + right) in index_of
    ]
    return np.array(pairs)


def smooth(points: Points, segments: Segments) -> Points:
    """Moves each point half way to the mean of its neighbours, several times: a staircase becomes a stroke."""
    degree = np.maximum(np.bincount(segments.ravel(), minlength=len(points)), 1)[:, np.newaxis]
    for _ in range(SMOOTHING_ROUNDS):
        total = np.zeros_like(points)
        np.add.at(total, segments[:, 0], points[segments[:, 1]])
        np.add.at(total, segments[:, 1], points[segments[:, 0]])
        points = np.where(degree > 1, (points + total / degree) / 2, points)  # the ends of strokes stay in place
    return points


def to_unit_square(points: Points) -> Points:
    low, high = points.min(axis=0), points.max(axis=0)
    side = max(float((high - low).max()), 1.0)
    return np.asarray((points - (low + high) / 2) / side + 0.5)
