"""The edges of a sheet that was not found, or their shadows: straight, and much longer than any digit is high.

They are faint, and break: a piece as high as a digit would be read as a 1.
"""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from app.arrays import Ink, Mask
from app.preprocessing.components import binarize
from app.preprocessing.ruled_lines import grown
from app.preprocessing.scaling import shrink
from app.segmentation.layout import largest_components, pen_weight, typical_height

Lines = NDArray[np.float64]  # (n, 4): x and y of both ends, in pixels of the page

SEARCHED_SIDE = 512  # pixels, longer side: of the copy that edges are looked for on
FAINTEST = 6  # of 255: between its pieces an edge has a trace of ink
MOST_TRACES = 0.15  # of the copy: more are those of squared paper, which takes long to search
SHORTEST = 3.0  # heights of the page's digits: a shorter line may be a stroke of a sign
LEAST_PIXELS = 40  # of the copy: a shorter line's direction is not known well enough
LARGEST_GAP = 0.25  # heights: lines of writing are further apart, so that ones below each other make no edge
VOTES = 0.6  # of the length: a paper's edge is not quite straight
ANGLE = math.pi / 360  # radians, between the directions that are tried
BAND = 0.2  # heights: an edge is as wide at most
THINNEST_BAND = 3  # pixels: the copy does not tell more exactly where a line is
LARGEST_SIGN = 0.5  # of the page's height: what is higher says nothing of the digits' height
WEAKER = 0.6  # than the pen's strokes: what is as thick and as dark may be a one in a column of them
MOSTLY = 0.8  # of a component's ink: it lies on an edge, and is no sign that touches it


def without_paper_edges(page: Ink) -> Ink:
    """Without the components that lie on such edges. Underlines, which are level and as strong as the pen, stay."""
    components, labels = largest_components(binarize(page))
    signs = [component for component in components if component.height < LARGEST_SIGN * len(page)]
    if not signs:
        return page
    height = typical_height(signs)
    lines = straight_lines(page, height)
    if not len(lines):
        return page
    is_upright = abs(lines[:, 3] - lines[:, 1]) > abs(lines[:, 2] - lines[:, 0])
    inked = np.flatnonzero(labels)  # a twentieth of the page
    labelled = labels.ravel()[inked]
    on_lines, on_uprights = (
        np.bincount(labelled, weights=bands(page, chosen, BAND * height).ravel()[inked] > 0)
        for chosen in (lines, lines[is_upright])
    )
    sums = np.bincount(labelled, weights=page.ravel()[inked])
    weak = WEAKER * pen_weight(page)
    is_edge = np.zeros(len(sums), np.bool_)
    for component in components:
        label, length = component.labels[0], max(component.width, component.height)
        is_long = on_uprights[label] > 0 and length > SHORTEST * height
        is_edge[label] = on_lines[label] > MOSTLY * component.area and (is_long or sums[label] < weak * length)
    edges = np.where(is_edge, np.uint8(255), np.uint8(0))[labels]
    return np.asarray(cv2.bitwise_and(page, cv2.bitwise_not(grown(edges, 3))), np.uint8)


def straight_lines(page: Ink, height: float) -> Lines:
    """Those that are longer than any stroke of digits of this height."""
    traces = np.where(page > FAINTEST, np.uint8(255), np.uint8(0))
    small = np.where(shrink(traces, SEARCHED_SIDE) > 0, np.uint8(255), np.uint8(0))
    if cv2.countNonZero(small) > MOST_TRACES * small.size:
        return np.zeros((0, 4))
    scale = max(page.shape) / max(small.shape)
    length, gap = max(LEAST_PIXELS, SHORTEST * height / scale), LARGEST_GAP * height / scale
    found = cv2.HoughLinesP(small, 1, ANGLE, round(VOTES * length), minLineLength=length, maxLineGap=gap)
    return np.zeros((0, 4)) if found is None else np.asarray(found.reshape(-1, 4) * scale, np.float64)


def bands(page: Ink, lines: Lines, width: float) -> Mask:
    """A mask of the lines, each so wide."""
    mask = np.zeros_like(page)
    for left, top, right, bottom in np.round(lines).astype(np.intp).tolist():
        cv2.line(mask, (left, top), (right, bottom), (255,), max(THINNEST_BAND, round(width)))
    return mask
