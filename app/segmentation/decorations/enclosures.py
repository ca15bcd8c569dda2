"""Rings, boxes and the lines of grids: thin outlines around writing, straight or not, that the writing may touch.

An enclosure is a connected component that is mostly hollow. Within its convex hull it leaves regions free; those that
hold writing are its cells. A cell is closed over the strokes that reach into it from its sides, and the outline is what
the component has between its cells and around them. Nothing here needs lines that are straight or level: the cells of
a grid in perspective, of a table drawn by hand and the inside of a ring are the same.
"""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np

from app.arrays import Mask
from app.preprocessing.components import Box
from app.preprocessing.ink import stroke_width
from app.segmentation.decorations.erasure import Distances, distances_to, loose_ends
from app.segmentation.decorations.regions import Region, components_of

SMALLEST_ENCLOSURE = 32  # pixels: its shorter side
MOST_INK = 0.5  # of an enclosure's convex hull
MAX_REGIONS = 1000  # of one component: a squared page has fewer cells that can hold a digit
WRITING_HEIGHT = 0.35  # of a cell: lower ink in it is a point
DIGIT_HEIGHT = 0.5  # of a cell that is as narrow as a zero: lower ink in it is the zero's stroke
WIDE = 0.8  # heights: zeros are narrower
CONVEXITY = 0.8  # of a cell: its share of its convex hull
OPEN_SHARE = 0.12  # of a cell's outline: so much of it may be open
CELL_AREA = 0.2  # of the cells that hold writing: the others are no smaller
LEAST_COVERED = 0.5  # of an enclosure's convex hull: the share of its cells, else it is writing with an underline
LOOSE_ENDS = 0.06  # of an enclosure's shorter side: its outline may have such gaps
BOW = 0.02  # of a cell's longer side: its sides are no further from straight
THICKEST = 0.2  # of a cell's shorter side: no outline is thicker
SOFT_EDGE = 1.5  # pixels on each side of an outline


def find_enclosures(page: Mask) -> Mask | None:
    """The mask of the outlines of all enclosures on a binarized page; None if there are none."""
    found = np.zeros_like(page)
    reach = stroke_width(page)
    for component in components_of(page, may_be_enclosure):
        outline = outline_of(component.mask, page[component.within], reach)
        if outline is not None:
            found[component.within] |= outline
    return found if found.any() else None


def may_be_enclosure(box: Box, area: int) -> bool:
    return min(box.width, box.height) >= SMALLEST_ENCLOSURE and area <= MOST_INK * box.width * box.height


def outline_of(component: Mask, page: Mask, reach: float) -> Mask | None:
    """The outline of an enclosure; None if the component is none. `reach`: the width of the page's strokes."""
    hull = convex_hull(component)
    free = np.asarray(cv2.bitwise_and(hull, cv2.bitwise_not(component)), np.uint8)
    regions = possible_cells(free, hull, reach)
    for region in regions:
        free[region.within][region.mask > 0] = 0
    if cv2.countNonZero(cv2.bitwise_and(free, page)):
        regions += possible_cells(without_leaks(free), hull, reach)
    cells = cells_among(regions, page)
    covered = sum(cv2.countNonZero(cell.mask) for cell in cells)
    return between_and_around(cells, component) if covered > LEAST_COVERED * cv2.countNonZero(hull) else None


def convex_hull(mask: Mask) -> Mask:
    outlines, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    corners = cv2.convexHull(np.concatenate(outlines))
    return np.asarray(cv2.fillConvexPoly(np.zeros_like(mask), corners, (255,)), np.uint8)


def without_leaks(free: Mask) -> Mask:
    """Free regions told apart although the outline between them has a gap."""
    side = 1 + 2 * round(LOOSE_ENDS / 2 * min(free.shape))
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))
    return np.asarray(cv2.morphologyEx(free, cv2.MORPH_OPEN, kernel), np.uint8)


# --- cells -----------------------------------------------------------------------------------------------------------


def possible_cells(free: Mask, hull: Mask, reach: float) -> list[Region]:
    well_inside = np.asarray(cv2.erode(hull, np.ones((3, 3), np.uint8)), np.uint8)
    regions = [closed(region, reach) for region in large_regions(free)]
    return [region for region in regions if is_compact(region.mask) and is_surrounded(region, well_inside)]


def cells_among(regions: list[Region], page: Mask) -> list[Region]:
    """The cells of an enclosure, empty ones included; none if no cell holds writing."""
    written = [holds_writing(region, page) for region in regions]
    if not any(written):
        return []
    areas = np.array([cv2.countNonZero(region.mask) for region in regions])
    is_large = areas >= CELL_AREA * np.median(areas[written])
    return [region for region, large in zip(regions, is_large, strict=True) if large]


def large_regions(free: Mask) -> Iterator[Region]:
    """Connected free regions at least as wide and high as half an enclosure."""
    count, labels, stats, _ = cv2.connectedComponentsWithStats(free, connectivity=4, ltype=cv2.CV_32S)
    if count > MAX_REGIONS:
        return
    for label, (left, top, width, height, _) in enumerate(stats.tolist()):
        if label and min(width, height) >= SMALLEST_ENCLOSURE / 2:
            within = slice(top, top + height), slice(left, left + width)
            yield Region(within, np.where(labels[within] == label, np.uint8(255), np.uint8(0)))


def closed(region: Region, reach: float) -> Region:
    """Over strokes as wide as `reach` that come in from the sides, and over all that the region surrounds."""
    margin = 2 + round(reach)
    roomy = cv2.copyMakeBorder(region.mask, margin, margin, margin, margin, cv2.BORDER_CONSTANT)
    outlines, _ = cv2.findContours(roomy, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    filled = np.asarray(cv2.drawContours(roomy, outlines, -1, (255,), cv2.FILLED), np.uint8)
    grown = np.where(distances_to(filled) <= reach, np.uint8(255), np.uint8(0))
    shrunk = cv2.distanceTransform(grown, cv2.DIST_L2, 3) > reach
    mask = np.where(shrunk, np.uint8(255), np.uint8(0))[margin:-margin, margin:-margin]
    return Region(region.within, mask)


def is_compact(mask: Mask) -> bool:
    return cv2.countNonZero(mask) >= CONVEXITY * cv2.countNonZero(convex_hull(mask))


def is_surrounded(region: Region, well_inside: Mask) -> bool:
    """Whether ink is along most of its outline: the rest is open, and there the enclosure's hull ends."""
    (outline, *_), _ = cv2.findContours(region.mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    x, y = outline[:, 0, 0], outline[:, 0, 1]
    return bool(np.count_nonzero(well_inside[region.within][y, x] == 0) <= OPEN_SHARE * len(outline))


def holds_writing(region: Region, page: Mask) -> bool:
    """Whether a cell holds ink that is high enough for a digit. Else it may be the inside of a zero."""
    inside = cv2.bitwise_and(page[region.within], cv2.erode(region.mask, np.ones((5, 5), np.uint8)))
    height, width = region.mask.shape
    least = WRITING_HEIGHT if width >= WIDE * height else DIGIT_HEIGHT
    return bool(cv2.boundingRect(inside)[3] >= least * height)


# --- the outline -----------------------------------------------------------------------------------------------------


def between_and_around(cells: list[Region], component: Mask) -> Mask:
    """The ink of a component that runs along its cells."""
    inside = np.zeros_like(component)
    for cell in cells:
        inside[cell.within] |= cell.mask | within_bows(cell.mask)
    distances = distances_to(inside)
    shorter_side = float(np.median([min(cell.mask.shape) for cell in cells]))
    reach = line_width(distances, component, THICKEST * shorter_side) + SOFT_EDGE
    outline = np.where((distances > 0) & (distances <= reach), component, np.uint8(0))
    return outline | loose_ends(outline, component, WRITING_HEIGHT * shorter_side)


def within_bows(cell: Mask) -> Mask:
    """What lies within a cell however its sides are bowed: a stroke along one of them, such as the bar of a seven."""
    side = 3 + 2 * round(BOW * max(cell.shape))
    kernel = np.ones((side, side), np.uint8)
    return np.asarray(cv2.erode(convex_hull(cell), kernel, borderType=cv2.BORDER_CONSTANT, borderValue=(0,)), np.uint8)


def line_width(distances: Distances, component: Mask, most: float) -> int:
    """In pixels: the distance from the cells up to which most is ink."""
    steps = int(most) + 1
    near = (distances > 0) & (distances < steps)
    places = distances[near].astype(np.intp)
    of_ink = np.bincount(places, weights=component[near] > 0, minlength=steps)
    is_line = of_ink >= 0.5 * np.maximum(1, np.bincount(places, minlength=steps))
    return steps if is_line.all() else int(is_line.argmin())
