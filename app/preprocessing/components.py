"""The ink is binarized, and its connected components are told apart: the digit, and clutter beside it.

Clutter is what the picture's edge cuts, a printed box or ring, and lines to write on.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from app.arrays import Ink, Mask
from app.preprocessing.constants import integer, number

FOREGROUND_LEVEL = integer("FOREGROUND_LEVEL")
MAX_TRACED = integer("MAX_TRACED")
COUNTED_FROM = 2**17  # pixels: a smaller mask has too few outlines for it to matter
MAX_OUTLINES = integer("MAX_OUTLINES")
RECTANGULARITY = number("RECTANGULARITY")
ROUNDNESS = number("ROUNDNESS")
RING_ASPECT = number("RING_ASPECT")
EDGE_CUT_SIDE = integer("EDGE_CUT_SIDE")
INSIDE_SHARE = number("INSIDE_SHARE")
BORDERED_DIGIT = number("BORDERED_DIGIT")
BORDER_COVERAGE = number("BORDER_COVERAGE")
NEAR_DISTANCE = number("NEAR_DISTANCE")
FRAMED_INK = number("FRAMED_INK")
FRAMED_LENGTH = number("FRAMED_LENGTH")
LINE_ASPECT = number("LINE_ASPECT")
LINE_OVERHANG = number("LINE_OVERHANG")
CRUMB_SHARE = number("CRUMB_SHARE")
CROSS = cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))


def binarize(ink: Ink) -> Mask:
    """The mask of the foreground."""
    return np.asarray(cv2.threshold(ink, FOREGROUND_LEVEL, 255, cv2.THRESH_BINARY)[1], np.uint8)


def label_components(
    mask: Mask, connectivity: int = 8
) -> tuple[int, NDArray[np.int32], NDArray[np.int32], NDArray[np.float64]]:
    """Count, labels (H, W), stats (count, 5) and centroids (count, 2) of the connected components; 0 is the background.

    By block-based labelling (Grana, Borghesani and Cucchiara, 2010): with stats it takes a third of the time of
    OpenCV's default.
    """
    count, labels, stats, centroids = cv2.connectedComponentsWithStatsWithAlgorithm(
        mask, connectivity, cv2.CV_32S, cv2.CCL_GRANA
    )
    return count, np.asarray(labels, np.int32), np.asarray(stats, np.int32), np.asarray(centroids, np.float64)


def stroke_width(ink: Ink) -> float:
    """The mean width in pixels: twice the foreground for each pixel of its edge.

    At most the shorter side: ink that fills the picture has no edge, and kernels are as large as strokes are wide.
    """
    foreground = cv2.morphologyEx(binarize(ink), cv2.MORPH_CLOSE, CROSS)  # a dithered stroke is one stroke
    edge = cv2.subtract(foreground, cv2.erode(foreground, CROSS))
    width = 2 * cv2.countNonZero(foreground) / max(1, cv2.countNonZero(edge))
    return min(width, *map(float, ink.shape))


def foreground_box(ink: Ink) -> tuple[int, int, int, int]:
    """Top, bottom, left and right of the foreground, ends exclusive."""
    x, y, width, height = cv2.boundingRect(binarize(ink))
    return y, y + height, x, x + width


@dataclass(frozen=True)
class Box:
    """A rectangle in pixels; right and bottom are exclusive."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def width(self) -> int:
        return self.right - self.left

    @property
    def height(self) -> int:
        return self.bottom - self.top

    @property
    def middle(self) -> float:
        """The row halfway down."""
        return (self.top + self.bottom) / 2


def gap(one: Box, other: Box) -> float:
    """The distance between two boxes in pixels; 0 if they overlap."""
    x = max(one.left, other.left) - min(one.right, other.right)
    y = max(one.top, other.top) - min(one.bottom, other.bottom)
    return math.hypot(max(0, x), max(0, y))


def bounding_box(boxes: Sequence[Box]) -> Box:
    left, top = min(box.left for box in boxes), min(box.top for box in boxes)
    return Box(left, top, max(box.right for box in boxes), max(box.bottom for box in boxes))


def is_within(inner: Box, outer: Box) -> bool:
    beyond_left_and_top = inner.left > outer.left and inner.top > outer.top
    return beyond_left_and_top and inner.right < outer.right and inner.bottom < outer.bottom


@dataclass(frozen=True, eq=False)
class Component(Box):
    """Connected ink."""

    area: float  # in pixels
    outlines: list[cv2.typing.MatLike]  # the outer one, then those of its holes


def find_outlines(mask: Mask, mode: int) -> tuple[Sequence[cv2.typing.MatLike], list[list[int]]]:
    """OpenCV's contours and their hierarchy; none where there are more than `MAX_TRACED`, which take seconds."""
    is_busy = mask.size > COUNTED_FROM and np.count_nonzero(mask[:, 1:] != mask[:, :-1]) > MAX_TRACED
    if is_busy and count_outlines(mask) > MAX_TRACED:
        return (), []
    outlines, hierarchy = cv2.findContours(mask, mode, cv2.CHAIN_APPROX_NONE)
    if not 0 < len(outlines) <= MAX_TRACED:
        return (), []
    return outlines, hierarchy[0].tolist()


def count_outlines(mask: Mask) -> int:
    """Those of all connected components and of their holes, as there are; takes a tenth of the time of tracing them."""
    surrounded = cv2.copyMakeBorder(cv2.bitwise_not(mask), 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=(255,))
    holes = cv2.connectedComponents(surrounded, connectivity=4)[0] - 2  # without the ink and the surroundings
    return holes + cv2.connectedComponents(mask, connectivity=8)[0] - 1


def connected_components(foreground: Mask) -> list[Component]:
    """All of them; none where there are so many that most are noise."""
    outlines, hierarchy = find_outlines(foreground, cv2.RETR_CCOMP)
    if not 1 < len(outlines) <= MAX_OUTLINES:
        return []
    outlines_of: dict[int, list[cv2.typing.MatLike]] = {}  # each component's, by the index of the outer one
    for i, (outline, (_, _, _, parent)) in enumerate(zip(outlines, hierarchy, strict=True)):
        outlines_of.setdefault(i if parent < 0 else parent, []).append(outline)  # a hole comes after its parent
    return [measure_component(own) for own in outlines_of.values()]


def measure_component(outlines: list[cv2.typing.MatLike]) -> Component:
    left, top, width, height = cv2.boundingRect(outlines[0])
    # An outline runs through the middle of the outermost pixels: half of each is outside of it, or in the hole.
    area = cv2.contourArea(outlines[0]) + sum(len(outline) for outline in outlines) / 2
    return Component(left, top, left + width, top + height, area - sum(map(cv2.contourArea, outlines[1:])), outlines)


# --- what the picture's edge cuts ------------------------------------------------------------------------------------


def cut_by_edge(components: list[Component], height: int, width: int) -> list[Component]:
    """A neighbour of the digit or the lines of a table, where a digit lies inside a picture of this size."""
    cut = [component for component in components if touches_edge(component, height, width)]
    whole = [component for component in components if component not in cut]
    if max(height, width) < EDGE_CUT_SIDE or not cut or not whole:
        return []
    digit = max(whole, key=lambda component: component.area)
    is_long = max(digit.width, digit.height) >= BORDERED_DIGIT * max(height, width)
    others = [component.area for component in cut if not (is_long and is_border(component, height, width))]
    if digit.area < INSIDE_SHARE * max(others, default=0):
        return []
    near = NEAR_DISTANCE * max(digit.width, digit.height)
    return [
        component
        for component in cut
        if component.width == width or component.height == height or gap(component, digit) > near
    ]


def touches_edge(box: Box, height: int, width: int) -> bool:
    return box.left == 0 or box.top == 0 or box.right == width or box.bottom == height


def is_border(component: Component, height: int, width: int) -> bool:
    """Whether it lies along a whole edge, as the black border of a scan, and may have far more ink than the digit."""
    x, y = component.outlines[0][:, 0].T
    level, upright = BORDER_COVERAGE * width, BORDER_COVERAGE * height
    along = [np.count_nonzero(places) for places in (y == 0, y == height - 1, x == 0, x == width - 1)]
    return bool(max(along[:2]) >= level or max(along[2:]) >= upright)


# --- a printed box or ring -------------------------------------------------------------------------------------------


def find_printed_frame(components: list[Component]) -> list[Component]:
    """The box or ring that the other components stand in, alone in a list; an empty list if there is none."""
    frame = max(components, key=lambda component: component.width * component.height, default=None)
    if frame is None:
        return []
    framed = [component for component in components if is_within(component, frame)]
    length = max((max(component.width, component.height) for component in framed), default=0)
    if length < FRAMED_LENGTH * frame.height or sum(part.area for part in framed) < FRAMED_INK * frame.area:
        return []
    return [frame] if is_rectangular(frame.outlines[0]) or is_ring(frame.outlines[0]) else []


def is_rectangular(points: cv2.typing.MatLike) -> bool:
    """Whether their convex hull fills the corners of the smallest rotated box around them."""
    _, (width, height), _ = cv2.minAreaRect(points)
    return cv2.contourArea(cv2.convexHull(points)) > RECTANGULARITY * width * height


def is_ring(outline: cv2.typing.MatLike) -> bool:
    """Whether its convex hull is round, and nearly as wide as high. A ring drawn by hand may be open."""
    _, (width, height), _ = cv2.minAreaRect(outline)
    is_round = cv2.contourArea(cv2.convexHull(outline)) > ROUNDNESS * width * height
    return is_round and min(width, height) > RING_ASPECT * max(width, height)


# --- lines to write on -----------------------------------------------------------------------------------------------


def find_guide_lines(components: list[Component]) -> list[Component]:
    """The lines that a digit was written on or between: level or upright, and extending beyond both of its ends."""
    lines = [component for component in components if is_line(component)]
    largest = max((component.area for component in components), default=0)  # of a one with a speck beside it, the one
    others = [
        component for component in components if component not in lines and component.area > CRUMB_SHARE * largest
    ]
    if not lines or not others:
        return []
    digit = bounding_box(others)
    return [line for line in lines if is_guide_line(line, digit)]


def is_line(box: Box) -> bool:
    return min(box.width, box.height) < LINE_ASPECT * max(box.width, box.height)


def is_guide_line(line: Box, digit: Box) -> bool:
    if line.width > line.height:
        overhang = LINE_OVERHANG * digit.width
        is_longer = line.left < digit.left - overhang and line.right > digit.right + overhang
        return is_longer and (line.bottom <= digit.top or line.top >= digit.bottom)
    overhang = LINE_OVERHANG * digit.height
    is_longer = line.top < digit.top - overhang and line.bottom > digit.bottom + overhang
    return is_longer and (line.right <= digit.left or line.left >= digit.right)
