"""Rings, boxes and the lines of grids: thin outlines around writing, straight or not, that the writing may touch.

An enclosure is a connected component that is mostly hollow. Within its convex hull it leaves regions free; those that
hold writing are its cells. A cell is closed over the strokes that reach into it from its sides, and the outline is what
the component has between its cells and around them. Nothing here needs lines that are straight or level: the cells of
a grid in perspective, of a table drawn by hand and the inside of a ring are the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import cv2
import numpy as np

from app.arrays import Mask
from app.preprocessing.components import Box, label_components, stroke_width
from app.segmentation.decorations.erasure import Distances, distances_to, loose_ends
from app.segmentation.decorations.regions import Region, components_of

SMALLEST_ENCLOSURE = 32  # pixels: its shorter side
MOST_INK = 0.5  # of an enclosure's convex hull
MAX_REGIONS = 1000  # of one component: a squared page has fewer cells that can hold a digit
WRITING_HEIGHT = 0.12  # of a cell: lower ink in it is dust
DIGIT_HEIGHT = 0.5  # of a cell that is as narrow as a zero: lower ink in it is the zero's stroke
WRITING_STROKES = 4  # widths of a stroke: lower ink is a point
WIDE = 0.8  # heights: zeros are narrower
CONVEXITY = 0.8  # of a cell: its share of its convex hull
OPEN_SHARE = 0.12  # of a cell's outline: so much of it may be open
CELL_AREA = 0.2  # of the cells that hold writing: the others are no smaller
GRID_CELLS = 4
DIVIDER = 0.7  # of an enclosure's height: the least height of an upright in it that divides it
LINE_STROKES = 2  # widths of a stroke: the most that a line is thick on average
DIVIDED = 0.55  # of its height: the most height of the writing in it. A box may hold one tall 1
LEAST_COVERED = 0.5  # of an enclosure's convex hull: the share of its cells, else it is writing with an underline
RING_COVERED = 0.75  # the least that the inside of a ring covers, unless a digit in it touches it on two sides
RING_CLOSED = 0.85  # of the hull of such a ring: the share that is near ink
RING_BOW = 0.04  # of its shorter side: it is no further from its hull
LOOSE_ENDS = 0.06  # of an enclosure's shorter side: its outline may have such gaps
BOW = 0.02  # of a cell's longer side: its sides are no further from straight
LOOSE_WITHIN = 0.42  # of a cell's shorter side: what is left of its outline within it is lower than that,
LOOSE_AROUND = 0.7  # around it lower than that,
LOOSE_REACH = 0.15  # and no further from it
CORNER = 1.5  # times its length: where two lines end outside of a corner they are one component
OVERSHOOT = 0.5  # of a cell's shorter side: a line drawn by hand ends no further outside of the outline
THICKEST = 0.2  # of a cell's shorter side: no outline is thicker
AS_HIGH = 0.7  # of the digits in a ring that do not touch it: one that does is as high
SOFT_EDGE = 1.5  # pixels on each side of an outline


def find_enclosures(page: Mask) -> Mask | None:
    """The mask of the outlines of all enclosures on a binarized page; None if there are none."""
    found = np.zeros_like(page)
    reach = stroke_width(page)
    for within, component in components_of(page, may_be_enclosure):
        others = np.asarray(cv2.bitwise_and(page[within], cv2.bitwise_not(component)), np.uint8)
        candidate = Candidate(component, others, convex_hull(component), reach)
        outline = outline_of(candidate)
        if outline is not None:
            found[within] |= outline | dividers(candidate, outline)
    return found if found.any() else None


class Candidate(NamedTuple):
    """A connected component that may be an enclosure. Its masks have one shape (H, W)."""

    component: Mask
    others: Mask  # what other components have in its part of the page
    hull: Mask  # the component's convex hull
    reach: float  # the width of the page's strokes in pixels


def may_be_enclosure(box: Box, area: int) -> bool:
    return min(box.width, box.height) >= SMALLEST_ENCLOSURE and area <= MOST_INK * box.width * box.height


def outline_of(candidate: Candidate) -> Mask | None:
    """The outline of an enclosure; None if the candidate is none."""
    free = np.asarray(cv2.bitwise_and(candidate.hull, cv2.bitwise_not(candidate.component)), np.uint8)
    regions = possible_cells(free, candidate)
    for region in regions:
        free[region.within][region.mask > 0] = 0
    if cv2.countNonZero(cv2.bitwise_and(free, candidate.others)):
        regions += possible_cells(without_leaks(free), candidate)
    cells = cells_among(regions, candidate)
    covered = sum(cv2.countNonZero(cell.mask) for cell in cells) / cv2.countNonZero(candidate.hull)
    if covered < RING_COVERED and len(cells) <= 2:
        ring = ring_along_hull(candidate)
        if ring is not None:
            return ring
    return between_and_around(cells, candidate) if covered > LEAST_COVERED else None


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


def possible_cells(free: Mask, candidate: Candidate) -> list[Region]:
    well_inside = np.asarray(cv2.erode(candidate.hull, np.ones((3, 3), np.uint8)), np.uint8)
    regions = [closed(region, candidate.reach) for region in large_regions(free)]
    return [region for region in regions if is_compact(region.mask) and is_surrounded(region, well_inside)]


def cells_among(regions: list[Region], candidate: Candidate) -> list[Region]:
    """The cells of an enclosure, empty ones included; none if no cell holds writing."""
    written = [writing_height(region, candidate) >= least_writing(region, regions, candidate) for region in regions]
    if not any(written):
        return []
    areas = np.array([cv2.countNonZero(region.mask) for region in regions])
    is_large = areas >= CELL_AREA * np.median(areas[written])
    return [region for region, large in zip(regions, is_large, strict=True) if large]


def large_regions(free: Mask) -> Iterator[Region]:
    """Connected free regions at least as wide and high as half an enclosure."""
    count, labels, stats, _ = label_components(free, connectivity=4)
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


def writing_height(cell: Region, candidate: Candidate) -> int:
    """In pixels."""
    # Ink that is connected to the outline is a part of it near the cell's sides.
    inside = candidate.others[cell.within] & inner_part(cell.mask, 2)
    inside |= candidate.component[cell.within] & inner_part(cell.mask, round(1.5 * candidate.reach))
    return int(cv2.boundingRect(inside)[3])


def least_writing(cell: Region, cells: list[Region], candidate: Candidate) -> float:
    """The least height of ink in a cell, in pixels, that makes it a cell. Else it may be the inside of a zero."""
    height, width = cell.mask.shape
    may_be_zero = len(cells) == 1 and width < WIDE * height
    share = DIGIT_HEIGHT if may_be_zero else WRITING_HEIGHT
    return float(max(share * height, WRITING_STROKES * candidate.reach))


def inner_part(mask: Mask, depth: int) -> Mask:
    kernel = np.ones((2 * depth + 1,) * 2, np.uint8)
    return np.asarray(cv2.erode(mask, kernel, borderType=cv2.BORDER_CONSTANT, borderValue=(0,)), np.uint8)


# --- the outline -----------------------------------------------------------------------------------------------------


def between_and_around(cells: list[Region], candidate: Candidate) -> Mask:
    """The ink of a component that runs along its cells; and along its hull, if it is a grid.

    A digit that touches the lines of its cell may divide it into parts that are no cells.
    """
    component = candidate.component
    inside = np.zeros_like(component)
    for cell in cells:
        inside[cell.within] |= cell.mask | within_bows(cell.mask)
    distances = distances_to(inside)
    shorter_side = float(np.median([min(cell.mask.shape) for cell in cells]))
    width = line_width(distances, component, THICKEST * shorter_side) + SOFT_EDGE
    is_outline = (distances > 0) & (distances <= width)
    if len(cells) >= GRID_CELLS:
        is_outline |= distances_to(np.asarray(cv2.bitwise_not(candidate.hull), np.uint8)) <= width
    outline = np.where(is_outline, component, np.uint8(0))
    within, around = component & inside, component & ~(inside | outline)
    low, high = LOOSE_WITHIN * shorter_side, LOOSE_AROUND * shorter_side
    reach = LOOSE_REACH * shorter_side
    bowed = loose_ends(outline, within, np.inf, width + 2 * BOW * shorter_side)
    ends = bowed | loose_ends(outline, within, low, reach) | loose_ends(outline, around, high, reach)
    ends |= overshoots(around, width, OVERSHOOT * shorter_side)
    if len(cells) == 1:
        ends &= ~crossing_digits(np.asarray(within | around, np.uint8), width, candidate)
    return np.asarray(outline | ends, np.uint8)


def crossing_digits(pieces: Mask, width: float, candidate: Candidate) -> Mask:
    """Of the pieces on both sides of a ring, those that together are as high as the other digits in it."""
    _, _, others, _ = label_components(candidate.others)
    heights = others[1:, cv2.CC_STAT_HEIGHT]
    heights = heights[heights >= WRITING_HEIGHT * len(pieces)]
    if not len(heights):
        return np.zeros_like(pieces)
    side = 2 * round(width) + 1
    joined = np.asarray(cv2.morphologyEx(pieces, cv2.MORPH_CLOSE, np.ones((side, side), np.uint8)), np.uint8)
    _, labels, stats, _ = label_components(joined)
    is_high = stats[:, cv2.CC_STAT_HEIGHT] >= AS_HIGH * np.median(heights)
    is_high[0] = False
    return np.where(is_high[labels], pieces, np.uint8(0))


def overshoots(around: Mask, width: float, length: float) -> Mask:
    """What is no thicker than the outline's lines, and no longer than this, of its component's ink around it."""
    _, labels, stats, _ = label_components(around)
    longer = np.maximum(stats[:, cv2.CC_STAT_WIDTH], stats[:, cv2.CC_STAT_HEIGHT])
    is_line = (longer <= length) & (stats[:, cv2.CC_STAT_AREA] <= CORNER * width * longer)
    is_line[0] = False
    return np.where(is_line[labels], around, np.uint8(0))


def dividers(candidate: Candidate, outline: Mask) -> Mask:
    """Upright lines between cells that end short of the outline: as high as it, and much higher than the writing."""
    inside = np.asarray((candidate.others | (candidate.component & ~outline)) & candidate.hull, np.uint8)
    _, labels, stats, _ = label_components(inside)
    heights, areas = stats[:, cv2.CC_STAT_HEIGHT], stats[:, cv2.CC_STAT_AREA]
    is_line = (heights >= DIVIDER * len(inside)) & (areas <= LINE_STROKES * candidate.reach * heights)
    is_line[0] = False
    writing = heights[1:][~is_line[1:] & (heights[1:] >= WRITING_HEIGHT * len(inside))]
    if not len(writing) or np.median(writing) > DIVIDED * len(inside):
        is_line[:] = False
    return np.where(is_line[labels], np.uint8(255), np.uint8(0))


def ring_along_hull(candidate: Candidate) -> Mask | None:
    """A ring whose inside is divided by a digit that touches it on two sides; None if there is none."""
    hull = candidate.hull
    depth = 1.2 * candidate.reach + RING_BOW * min(hull.shape)
    padded = cv2.copyMakeBorder(hull, 1, 1, 1, 1, cv2.BORDER_CONSTANT)
    deep = cv2.distanceTransform(padded, cv2.DIST_L2, 3)[1:-1, 1:-1] > depth
    whole = slice(0, hull.shape[0]), slice(0, hull.shape[1])
    inside = Region(whole, np.where(deep, np.uint8(255), np.uint8(0)))
    islands = candidate._replace(component=np.zeros_like(hull))
    if writing_height(inside, islands) < least_writing(inside, [inside], islands):
        return None
    (edge, *_), _ = cv2.findContours(hull, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    near = distances_to(candidate.component)[edge[:, 0, 1], edge[:, 0, 0]] <= depth
    return np.where(deep, np.uint8(0), candidate.component) if near.mean() >= RING_CLOSED else None


def within_bows(cell: Mask) -> Mask:
    """What lies within a cell however its sides are bowed: a stroke along one of them, such as the bar of a seven."""
    return inner_part(convex_hull(cell), 1 + round(BOW * max(cell.shape)))


def line_width(distances: Distances, component: Mask, most: float) -> int:
    """In pixels: the distance from the cells up to which most is ink."""
    steps = int(most) + 1
    near = (distances > 0) & (distances < steps)
    places = distances[near].astype(np.intp)
    of_ink = np.bincount(places, weights=component[near] > 0, minlength=steps)
    is_line = of_ink >= 0.5 * np.maximum(1, np.bincount(places, minlength=steps))
    return steps if is_line.all() else int(is_line.argmin())
