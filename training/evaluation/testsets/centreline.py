"""A digit's centre lines: thinned, smoothed, and ready to be drawn again with another pen."""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from training.evaluation.testsets.base import Ink
from training.evaluation.testsets.rendering import Place
from training.thinning import thin

Points = NDArray[np.float64]  # (n, 2): x, y
Shape = NDArray[np.uint8]  # (H, W), 1 where it is
Segments = NDArray[np.intp]  # (m, 2): the two points that each line joins

FINER = 4  # thinning works on the digit enlarged so many times: its steps are then a quarter of a pixel
SMOOTHING_ROUNDS = 6
FRACTION_BITS = 4  # OpenCV draws at sixteenths of a pixel
LEAST_PART = 0.07  # of a digit's ink: smaller parts are specks of MNIST's scans, which a pen does not make
FORWARD = [(0, 1), (1, 0), (1, 1), (1, -1)]  # each pair of neighbours once, row and column


class Centreline(NamedTuple):
    points: Points  # the longer side from 0 to 1, the shorter centred on 0.5
    segments: Segments


def centreline(ink: Ink) -> Centreline:
    finer = cv2.resize(np.pad(ink, 2), None, fx=FINER, fy=FINER, interpolation=cv2.INTER_CUBIC)
    shape = without_specks(cv2.threshold(finer, 110, 1, cv2.THRESH_BINARY)[1].astype(np.uint8))
    rows, columns = np.nonzero(thin(shape > 0))
    points = np.column_stack([columns, rows]).astype(np.float64)
    segments = neighbours(rows, columns)
    return Centreline(to_unit(smoothed(points, segments)), segments)


def drawn(line: Centreline, place: Place, width: int, *, smooth: bool = True) -> Ink:
    """On an empty sheet, with a round pen `width` pixels wide, its edge anti-aliased or not."""
    sheet = np.zeros(place.sheet, np.uint8)
    points = np.rint((line.points * place.side + place.corner) * 2**FRACTION_BITS).astype(np.int32)
    edge = cv2.LINE_AA if smooth else cv2.LINE_8
    cv2.polylines(sheet, list(points[line.segments]), False, 255, width, edge, FRACTION_BITS)
    return sheet


def without_specks(shape: Shape) -> Shape:
    _, parts, numbers, _ = cv2.connectedComponentsWithStats(shape)
    areas = numbers[:, cv2.CC_STAT_AREA]
    large = areas >= LEAST_PART * areas[1:].sum()
    large[0] = False  # what is no ink
    return np.asarray(large[parts], np.uint8)


def neighbours(rows: NDArray[np.intp], columns: NDArray[np.intp]) -> Segments:
    """Which pixels touch."""
    number = {(row, column): index for index, (row, column) in enumerate(zip(rows, columns, strict=True))}
    pairs = [
        (index, number[row + down, column + right])
        for (row, column), index in number.items()
        for down, right in FORWARD
        if (row + down, column + right) in number
    ]
    return np.array(pairs)


def smoothed(points: Points, segments: Segments) -> Points:
    """Each point moves towards the middle of its neighbours, several times: stairs become strokes."""
    degree = np.maximum(np.bincount(segments.ravel(), minlength=len(points)), 1)[:, np.newaxis]
    for _ in range(SMOOTHING_ROUNDS):
        total = np.zeros_like(points)
        np.add.at(total, segments[:, 0], points[segments[:, 1]])
        np.add.at(total, segments[:, 1], points[segments[:, 0]])
        points = np.where(degree > 1, (points + total / degree) / 2, points)  # ends stay where they are
    return points


def to_unit(points: Points) -> Points:
    low, high = points.min(axis=0), points.max(axis=0)
    side = max(float((high - low).max()), 1.0)
    return np.asarray((points - (low + high) / 2) / side + 0.5)
