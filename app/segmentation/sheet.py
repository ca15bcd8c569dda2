"""The sheet of paper on a photograph: found on what it lies on, and made flat.

A sheet is a bright quadrilateral whose sides stand out from their surroundings all along. Candidates come from a series
of brightness levels, since the light falls off across a photograph, from the areas between edges, and from the edges
themselves (`sheet_edges`).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from app.arrays import Grayscale, Homography, Mask
from app.preprocessing.background import border
from app.preprocessing.components import label_components
from app.preprocessing.scaling import shrink
from app.segmentation.sheet_edges import CONTRAST, FURTHER, REACH, levels_at, quadrilaterals

Corners = NDArray[np.float32]  # (4, 2): x and y, clockwise from the upper left

SEARCHED_SIDE = 256  # pixels, longer side: of the copy that sheets are looked for on
LEVELS = 10  # of brightness
SMALLEST = 0.05  # of the picture: a note on a desk
LARGEST = 0.97
SOLIDITY = 0.93  # of the quadrilateral: a sheet covers more of it
STANDS_OUT = 0.85  # of a side's places: the sheet is brighter there than its surroundings
RIM = 0.012  # of the sheet's longer side: its edge is soft, and not quite straight
WRITING_SIDE = 512  # pixels, longer side: of the copy that strokes are looked for on
STROKE = 15  # pixels: no stroke is wider; it is darker than the paper
STROKE_LEVELS, STROKE_SHARE = 25, 0.2  # by so many levels, and such a share
TYPICAL_STROKE = 0.75  # quantile of how dark the sheet's strokes are: the pen's, where print and rules are fainter
AS_DARK = 0.6  # of it: fainter strokes beside the sheet are a desk's grain; a shadow leaves ink's contrast as it is
AS_BRIGHT = 0.8  # as the paper around the sheet's own strokes: another sheet that lies beside it
BESIDE = 0.25  # of the longer side: this far on both sides together
SOFT_SIDE = 5  # pixels: an edge is as wide
LEFT_OUT = 0.1  # of the strokes on a sheet: if there are more beside it, it is a part of one
PLACES = np.linspace(0.04, 0.96, 40)  # along a side


class Sheet(NamedTuple):
    """A part of a picture, made flat."""

    pixels: Grayscale
    to_picture: Homography  # from a place on the sheet to one on the picture


def flatten(picture: Grayscale) -> Sheet | None:
    """The sheet on a picture that shows more than that; None if there is none."""
    corners = find_sheet(picture)
    if corners is None:
        return None
    upper, right, lower, left = np.linalg.norm(np.roll(corners, -1, axis=0) - corners, axis=1).tolist()
    width, height = round(max(upper, lower)), round(max(left, right))
    rim = RIM * max(width, height)
    flat = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32) - np.float32(rim)
    to_picture = cv2.getPerspectiveTransform(flat, corners)
    size = (round(width - 2 * rim), round(height - 2 * rim))
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    pixels = cv2.warpPerspective(picture, to_picture, size, flags=flags, borderMode=cv2.BORDER_REPLICATE)
    return Sheet(np.asarray(pixels, np.uint8), np.asarray(to_picture, np.float64))


def rim_of(sheet: NDArray[np.uint8]) -> float:
    """The pixels that a flattened sheet lacks on each side."""
    return float(RIM / (1 - 2 * RIM) * max(sheet.shape))


def find_sheet(picture: Grayscale) -> Corners | None:
    """The corners of the sheet that stands out best."""
    small = np.asarray(cv2.GaussianBlur(np.ascontiguousarray(shrink(picture, SEARCHED_SIDE)), (3, 3), 0), np.uint8)
    outlines = [*areas(small), *quadrilaterals(small)]
    shares = [share_that_stands_out(small, corners) for corners in outlines]
    likeliest = [index for index in np.argsort(shares)[::-1].tolist() if shares[index] > STANDS_OUT]
    if not likeliest:
        return None
    strokes = strokes_on(picture)
    for corners in (outlines[index] for index in likeliest):
        if not leaves_writing(strokes, corners, small):
            height, width = picture.shape
            return np.asarray((corners + 0.5) * (width / small.shape[1], height / small.shape[0]) - 0.5, np.float32)
    return None


def areas(picture: Grayscale) -> Iterator[Corners]:
    """The outlines of bright areas, and of areas between edges."""
    for mask in candidates(picture):
        corners = quadrilateral(mask)
        if corners is not None:
            yield corners


def candidates(picture: Grayscale) -> Iterator[Mask]:
    """Masks whose largest component may be a sheet."""
    for level in np.unique(np.quantile(picture, np.linspace(0.08, 0.8, LEVELS)).astype(int)).tolist():
        yield np.asarray(cv2.threshold(picture, level, 255, cv2.THRESH_BINARY)[1], np.uint8)
    for strength in (30, 80):
        edges = cv2.dilate(cv2.Canny(picture, strength, 2.5 * strength), np.ones((3, 3), np.uint8))
        area = largest_component(np.asarray(cv2.bitwise_not(edges), np.uint8))
        yield np.asarray(cv2.dilate(area, np.ones((3, 3), np.uint8)), np.uint8)


def largest_component(mask: Mask) -> Mask:
    _, labels, stats, _ = label_components(mask, connectivity=4)
    if len(stats) < 2:
        return np.zeros(mask.shape, np.uint8)
    largest = 1 + int(stats[1:, cv2.CC_STAT_AREA].argmax())
    return np.where(labels == largest, np.uint8(255), np.uint8(0))


def quadrilateral(mask: Mask) -> Corners | None:
    """The corners of the largest component, if it nearly is a quadrilateral of a sheet's size, holes aside."""
    outlines, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    if not outlines:
        return None
    outline = max(outlines, key=cv2.contourArea)
    area, hull = cv2.contourArea(outline), cv2.convexHull(outline)
    if not SMALLEST * mask.size < area < LARGEST * mask.size or area < SOLIDITY * cv2.contourArea(hull):
        return None
    for tolerance in (0.01, 0.02, 0.03, 0.05):
        corners = cv2.approxPolyDP(hull, tolerance * cv2.arcLength(hull, closed=True), closed=True).reshape(-1, 2)
        if len(corners) == 4 and area > SOLIDITY * cv2.contourArea(corners):
            return in_order(corners.astype(np.float32))
    return None


def in_order(corners: Corners) -> Corners:
    """Clockwise from the upper left."""
    middle = corners.mean(axis=0)
    around = corners[np.argsort(np.arctan2(*(corners - middle).T[::-1]))]
    return np.roll(around, -int(around.sum(axis=1).argmin()), axis=0)


def share_that_stands_out(picture: Grayscale, corners: Corners) -> float:
    """Of the worst side, the share of places where the sheet is brighter; the picture's own sides do not count.

    0 if there are more than two of those: then the only edge may be that of a shadow.
    """
    shares = []
    for edge, outwards in sides_inside(corners, picture.shape):
        inside = levels_at(picture, edge - outwards)
        outside = np.maximum(
            levels_at(picture, edge + outwards), levels_at(picture, edge + outwards * (FURTHER / REACH))
        )
        shares.append(float((inside >= CONTRAST * outside + 1).mean()))
    return min(shares) if len(shares) > 1 else 0.0


def sides_inside(corners: Corners, shape: tuple[int, ...]) -> list[tuple[NDArray[np.float64], NDArray[np.float64]]]:
    """The sides that are not the picture's own: places along each (n, 2), and a step outwards (2,)."""
    reach, sides = REACH * max(shape), []
    for start, end in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        along = (end - start) / max(1.0, float(np.linalg.norm(end - start)))
        outwards = np.array([along[1], -along[0]]) * reach
        edge = start + PLACES[:, np.newaxis] * (end - start)
        if is_outside(edge + outwards, shape).mean() <= 0.5:
            sides.append((edge, outwards))
    return sides


class Strokes(NamedTuple):
    """Of what is narrow and darker than its surroundings, on a smaller copy of the picture."""

    lost: Grayscale  # the share of light that is lost there, 255 for all; 0 where there is no stroke
    paper: Grayscale  # how bright the surroundings are


def strokes_on(picture: Grayscale) -> Strokes:
    small = shrink(picture, WRITING_SIDE)
    paper = np.asarray(cv2.morphologyEx(small, cv2.MORPH_CLOSE, np.ones((STROKE, STROKE), np.uint8)), np.uint8)
    lost = paper.astype(np.float32) - small
    is_dark = lost > np.maximum(STROKE_LEVELS, STROKE_SHARE * paper.astype(np.float32))
    return Strokes(np.where(is_dark, 255 * lost / np.maximum(1, paper), 0).astype(np.uint8), paper)


def leaves_writing(strokes: Strokes, corners: Corners, small: Grayscale) -> bool:
    """Whether strokes are just beyond what may be the edge of a shadow, and not of the sheet. `corners`: on `small`.

    Strokes anywhere beyond count where the picture cuts the sheet on two sides or more, and those on another sheet.
    """
    lost, paper = strokes
    on_copy = np.round(corners * (lost.shape[1] / small.shape[1])).astype(np.int32)
    sheet = cv2.fillConvexPoly(np.zeros_like(lost), on_copy, (255,))
    is_whole = len(sides_inside(corners, small.shape)) > 2
    near, with_edge, within = (
        cv2.dilate(sheet, np.ones((round((BESIDE if is_whole else 2.0) * max(lost.shape)),) * 2, np.uint8)),
        cv2.dilate(sheet, np.ones((SOFT_SIDE, SOFT_SIDE), np.uint8)),
        cv2.erode(sheet, np.ones((SOFT_SIDE, SOFT_SIDE), np.uint8)),
    )
    is_written = (lost > 0) & (within > 0)
    written, around = lost[is_written], paper[is_written]
    least = AS_DARK * np.quantile(written, TYPICAL_STROKE) if len(written) else 0.0
    brightness = AS_BRIGHT * np.median(around) if len(written) else 0.0
    beyond = np.where((lost > least) & (with_edge == 0), np.uint8(255), np.uint8(0))
    if is_whole:  # a board's joints run to the picture's edge; in the shadow on a page a table's lines do as well
        beyond = without_cut(beyond)
    counts = (beyond > 0) & ((near > 0) | (paper >= brightness))
    return bool(np.count_nonzero(counts) > LEFT_OUT * len(written))


def without_cut(mask: Mask) -> Mask:
    """Without the components that the picture's edge cuts."""
    count, labels = cv2.connectedComponents(mask, connectivity=8, ltype=cv2.CV_32S)
    is_kept = np.full(count, 255, np.uint8)
    is_kept[border(np.asarray(labels, np.int32))] = 0
    is_kept[0] = 0
    return np.asarray(is_kept[labels], np.uint8)


def is_outside(points: NDArray[np.float64], shape: tuple[int, ...]) -> NDArray[np.bool_]:
    x, y = points.T
    return np.asarray((x < 1) | (y < 1) | (x > shape[1] - 2) | (y > shape[0] - 2))
