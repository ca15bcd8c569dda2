"""Quadrilaterals between long straight edges: the outlines of a sheet that the edge of a shadow crosses.

Such a sheet is two areas of different brightness, but along each of its sides it is brighter than what it lies on.
"""

from __future__ import annotations

import itertools
import math
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from app.arrays import Grayscale

Points = NDArray[np.float64]  # (n, 2): x and y

SHORTEST = 0.06  # of the longer side: shorter segments are writing
LONGEST_PART = 0.15  # of the longer side: the segments of a side are together as long
COVERED = 0.45  # of a side: its segments cover more of it
SAME_ANGLE = 0.06  # radians: between segments of one side
SAME_PLACE = 0.012  # of the longer side: their distance across
MOST = 5  # edges that may be the left side, and so for each side
MOST_OUTLINES = 8  # in frames within frames there are hundreds
LEAST_SINE = 0.3  # of the angle at a corner
SKEW = 0.6  # the sides are turned by so many radians at most
PLACES = np.linspace(0.1, 0.9, 9)  # along a segment
OF_PLACES = 0.75  # of them: the sheet is brighter there than its surroundings,
CONTRAST = 1.1  # so many times,
REACH = 0.012  # of the longer side: to this distance on both sides of the edge
FURTHER = 0.04  # and to this: the line of a printed frame has paper on both sides
BEYOND = 0.02  # of the longer side: corners may lie as far outside of the picture


class Edge(NamedTuple):
    """Several segments on one straight line."""

    place: tuple[float, float]  # x and y, on it
    direction: tuple[float, float]  # of length 1
    length: float  # of its segments together


def quadrilaterals(picture: Grayscale) -> list[NDArray[np.float32]]:
    """Each as its corners (4, 2), clockwise from the upper left; the largest ones."""
    left, upper, right, lower = edges_by_side(picture)
    longer = max(picture.shape)
    found = []
    for sides in itertools.product(upper, right, lower, left):
        corners = [crossing(one, other) for one, other in zip((sides[3], *sides[:3]), sides, strict=True)]
        if any(corner is None for corner in corners):
            continue
        quadrilateral = np.array(corners)
        lengths = np.linalg.norm(np.roll(quadrilateral, -1, axis=0) - quadrilateral, axis=1)
        is_covered = all(side.length >= COVERED * length for side, length in zip(sides, lengths.tolist(), strict=True))
        height, width = picture.shape
        low, high = quadrilateral.min(axis=0), quadrilateral.max(axis=0)
        is_inside = low.min() >= -BEYOND * longer and (high <= np.array([width, height]) + BEYOND * longer).all()
        if is_covered and is_inside and cv2.isContourConvex(quadrilateral.astype(np.float32)):
            found.append(quadrilateral.astype(np.float32))
    return sorted(found, key=lambda corners: -float(cv2.contourArea(corners)))[:MOST_OUTLINES]


def edges_by_side(picture: Grayscale) -> tuple[list[Edge], list[Edge], list[Edge], list[Edge]]:
    """Those that may be the left, the upper, the right and the lower side of a sheet, the longest first."""
    found: dict[int, list[Points]] = {0: [], 1: [], 2: [], 3: []}
    for segment in long_segments(picture):
        inwards = brighter_side(picture, segment)
        if inwards is None:
            continue
        quarter = round(math.atan2(inwards[1], inwards[0]) / (math.pi / 2))  # 0: the sheet is to the right of it
        turned = math.atan2(inwards[1], inwards[0]) - quarter * math.pi / 2
        if abs(turned) <= SKEW:
            found[quarter % 4].append(segment)
    left, upper, right, lower = (merged(found[side], max(picture.shape)) for side in range(4))
    return left, upper, right, lower


def long_segments(picture: Grayscale) -> list[Points]:
    """Each as its ends (2, 2). The detector is that of von Gioi et al., "LSD: a line segment detector" (2012)."""
    lines = cv2.createLineSegmentDetector().detect(picture)[0]  # None if there is none
    segments = np.array([] if lines is None else lines, np.float64).reshape(-1, 2, 2)
    lengths = np.linalg.norm(segments[:, 1] - segments[:, 0], axis=1)
    return list(segments[lengths >= SHORTEST * max(picture.shape)])


def brighter_side(picture: Grayscale, segment: Points) -> Points | None:
    """(2,): the direction to the side that is brighter all along, also than what lies further on the other side."""
    start, end = segment
    along = (end - start) / np.linalg.norm(end - start)
    across = np.array([-along[1], along[0]]) * max(picture.shape)
    places = start + PLACES[:, np.newaxis] * (end - start)
    for inwards in (across, -across):
        inside = levels_at(picture, places + REACH * inwards)
        near, far = (levels_at(picture, places - reach * inwards) for reach in (REACH, FURTHER))
        if (inside >= CONTRAST * np.maximum(near, far) + 1).mean() >= OF_PLACES:
            return np.asarray(inwards)
    return None


def levels_at(picture: Grayscale, places: Points) -> NDArray[np.float64]:
    """The grey levels at places (n, 2), the nearest ones for places outside."""
    x, y = np.round(places).astype(np.intp).T
    height, width = picture.shape
    return np.asarray(picture[np.clip(y, 0, height - 1), np.clip(x, 0, width - 1)], np.float64)


def merged(segments: list[Points], longer: int) -> list[Edge]:
    """Segments on one line as one edge; the longest edges."""
    edges = []
    rest = sorted(segments, key=lambda ends: -float(np.linalg.norm(ends[1] - ends[0])))
    while rest:
        start, end = rest[0]
        along = (end - start) / np.linalg.norm(end - start)
        alike = [is_on_line(ends, start, along, longer) for ends in rest]
        points = np.concatenate([ends for ends, is_alike in zip(rest, alike, strict=True) if is_alike])
        vx, vy, x, y = cv2.fitLine(points.astype(np.float32), cv2.DIST_L2, 0, 0.01, 0.01).ravel().tolist()
        length = sum(np.linalg.norm(ends[1] - ends[0]) for ends, is_alike in zip(rest, alike, strict=True) if is_alike)
        edges.append(Edge((x, y), (vx, vy), float(length)))
        rest = [ends for ends, is_alike in zip(rest, alike, strict=True) if not is_alike]
    long_enough = [edge for edge in edges if edge.length >= LONGEST_PART * longer]
    return sorted(long_enough, key=lambda edge: -edge.length)[:MOST]


def is_on_line(ends: Points, place: Points, along: Points, longer: int) -> bool:
    across = np.array([-along[1], along[0]])
    direction = (ends[1] - ends[0]) / np.linalg.norm(ends[1] - ends[0])
    reach = np.abs((ends - place) @ along).max() / longer
    tolerance = SAME_PLACE * (1 + 2 * reach) * longer  # a direction is less certain the further it is followed
    return bool(abs(direction @ across) < SAME_ANGLE and np.abs((ends - place) @ across).max() < tolerance)


def crossing(one: Edge, other: Edge) -> tuple[float, float] | None:
    """Where two lines meet; None if they are nearly parallel. In plain numbers, which NumPy is slow with."""
    (x, y), (along_x, along_y) = one.place, one.direction
    across_x, across_y = other.direction
    sine = along_x * across_y - along_y * across_x
    if abs(sine) < LEAST_SINE:
        return None
    steps = ((other.place[0] - x) * across_y - (other.place[1] - y) * across_x) / sine
    return x + steps * along_x, y + steps * along_y
