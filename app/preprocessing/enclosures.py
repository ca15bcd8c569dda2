"""A ring or box around the digit is found and erased. The digit may touch it, and may cross a ring.

The outline and all that it encloses is a solid: what is left of the filled outline without the strokes that extend
beyond it. It is one of an enclosure if it is round or rectangular, if most of its edge is a line of one width, and if
there is writing in its middle. Nothing is well inside of most zeros, and only a level bar inside of an eight. A zero's
stroke may end inside of it, but not in its middle; the slash of a zero reaches its oval at both ends.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from app.arrays import Ink, Mask
from app.preprocessing.background import SOFT_EDGE
from app.preprocessing.components import (
    CROSS,
    FOREGROUND_LEVEL,
    RECTANGULARITY,
    binarize,
    label_components,
    stroke_width,
)
from app.preprocessing.constants import integer, number

Distances = NDArray[np.float32]  # (H, W) or (n,): in pixels
Points = NDArray[np.int32]  # (n, 1, 2): x and y

ENCLOSURE_SIDE = integer("ENCLOSURE_SIDE")
ENCLOSURE_EDGE = number("ENCLOSURE_EDGE")
ENCLOSED_SHARE = number("ENCLOSED_SHARE")
ENCLOSURE_GAP = number("ENCLOSURE_GAP")
SOLID_CONVEXITY = number("SOLID_CONVEXITY")
CORNER_KERNEL = number("CORNER_KERNEL")
BUMP_KERNEL = number("BUMP_KERNEL")
ELLIPSE_SHARE = number("ELLIPSE_SHARE")
CONIC_RIDGE = number("CONIC_RIDGE")
DEEP_INSIDE = number("DEEP_INSIDE")
THINNEST_OUTLINE = number("THINNEST_OUTLINE")
OUTLINE_BOW = number("OUTLINE_BOW")
OUTLINE_SHARE = number("OUTLINE_SHARE")
BEYOND_SHARE = number("BEYOND_SHARE")
BOX_BEYOND_SHARE = number("BOX_BEYOND_SHARE")
TOUCHING_WRITING = number("TOUCHING_WRITING")
FREE_WRITING = number("FREE_WRITING")
FREE_HEIGHT = number("FREE_HEIGHT")
OFF_MIDDLE = number("OFF_MIDDLE")
SLASH_WIDTH = number("SLASH_WIDTH")
UPRIGHT_ASPECT = number("UPRIGHT_ASPECT")
LEAN_BY_ASPECT = number("LEAN_BY_ASPECT")
SOFT_EDGE_PIXELS = number("SOFT_EDGE_PIXELS")

SQUARE = np.ones((3, 3), np.uint8)


class Enclosure(NamedTuple):
    """A ring or box. Arrays are (H, W)."""

    component: Mask  # the outline, with the strokes that touch it
    depth: Distances  # of each pixel within the outline's outer edge; 0 beyond it
    width: float  # of the outline, in pixels

    @property
    def least_depth(self) -> float:
        """Of ink that is well inside."""
        return DEEP_INSIDE * self.width + SOFT_EDGE_PIXELS

    @property
    def inside(self) -> Mask:
        return mask_where(self.depth > self.width + SOFT_EDGE_PIXELS)


def remove_enclosure(ink: Ink) -> Ink:
    """Without the ring or box around the digit. Strokes that cross a ring are kept; a box that they cross stays."""
    foreground = binarize(ink)
    edge = cv2.subtract(foreground, cv2.erode(foreground, CROSS))
    if cv2.countNonZero(edge) < ENCLOSURE_EDGE * sum(ink.shape):  # as of most digits: nothing else is looked at
        return ink
    enclosure = find_enclosure(foreground)
    if enclosure is None:
        return ink
    inside = erase_enclosure(ink, foreground, enclosure)
    return inside if cv2.countNonZero(binarize(inside)) else ink  # what was all enclosure is writing


def find_enclosure(foreground: Mask) -> Enclosure | None:
    component = largest_component(foreground)
    if component is None:
        return None
    for solid in possible_solids(component):
        enclosure = measure_enclosure(solid, component)
        if enclosure is not None and has_digit(enclosure, foreground):
            return enclosure
    return None


def mask_where(chosen: NDArray[np.bool_]) -> Mask:
    return np.where(chosen, np.uint8(255), np.uint8(0))


def largest_component(foreground: Mask) -> Mask | None:
    """The one with the largest box, if it may be an enclosure."""
    count, labels, stats, _ = label_components(foreground)
    if count < 2:
        return None
    _, _, width, height, _ = stats[1:].astype(np.int64).T
    best = int((width * height).argmax())
    return mask_where(labels == best + 1) if min(width[best], height[best]) >= ENCLOSURE_SIDE else None


# --- the solid -------------------------------------------------------------------------------------------------------


def possible_solids(component: Mask) -> Iterator[Mask]:
    """Of a closed outline, of one with a gap, and of one with a wide gap that no stroke extends beyond."""
    radius = round(stroke_width(component) / 2) + 1  # of a disc that no stroke beyond the outline holds
    gap = round(ENCLOSURE_GAP * min(cv2.boundingRect(component)[2:]))
    for closed in (component, morphology(component, cv2.MORPH_CLOSE, gap)):
        filled = fill(outlines_of(closed), component)
        if cv2.countNonZero(filled) - cv2.countNonZero(component) >= ENCLOSED_SHARE * cv2.countNonZero(filled):
            yield morphology(filled, cv2.MORPH_OPEN, radius)
    yield fill([cv2.convexHull(longest(outlines_of(component)))], component)


def morphology(mask: Mask, operation: int, radius: int) -> Mask:
    """Closed or opened by a disc."""
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1,) * 2)
    inner = slice(radius + 1, -radius - 1)
    return np.ascontiguousarray(cv2.morphologyEx(pad(mask, radius + 1), operation, disc)[inner, inner])


def pad(mask: Mask, margin: int) -> Mask:
    return np.asarray(cv2.copyMakeBorder(mask, margin, margin, margin, margin, cv2.BORDER_CONSTANT), np.uint8)


def outlines_of(mask: Mask) -> list[cv2.typing.MatLike]:
    return list(cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)[0])


def longest(outlines: list[cv2.typing.MatLike]) -> Points:
    return np.asarray(max(outlines, key=len), np.int32)


def fill(outlines: list[cv2.typing.MatLike], like: Mask) -> Mask:
    return np.asarray(cv2.drawContours(np.zeros_like(like), outlines, -1, (255,), cv2.FILLED), np.uint8)


def without_bumps(solid: Mask) -> Mask | None:
    """A convex solid, round or rectangular, without the loops between it and strokes that cross it; else None."""
    outlines = outlines_of(solid)
    if not outlines:
        return None
    outline = longest(outlines)
    shorter, hull = min(cv2.minAreaRect(outline)[1]), cv2.contourArea(cv2.convexHull(outline))
    if cv2.contourArea(outline) < SOLID_CONVEXITY * hull or shorter < ENCLOSURE_SIDE:
        return None
    solid = fill([outline], solid)
    if is_box(opened_by_square(solid, CORNER_KERNEL * shorter)):
        return opened_by_square(solid, BUMP_KERNEL * shorter)
    return np.asarray(cv2.bitwise_and(solid, ellipse_along(outline, solid.shape)), np.uint8)


def opened_by_square(mask: Mask, side: float) -> Mask:
    return np.asarray(cv2.morphologyEx(mask, cv2.MORPH_OPEN, np.ones((round(side) | 1,) * 2, np.uint8)), np.uint8)


def is_box(solid: Mask) -> bool:
    outlines = outlines_of(solid)
    if not outlines:
        return False
    _, (width, height), _ = cv2.minAreaRect(longest(outlines))
    return cv2.countNonZero(solid) > RECTANGULARITY * width * height


def ellipse_along(outline: Points, shape: tuple[int, ...]) -> Mask:
    """The ellipse along most of the outline's points, whatever is beyond it."""
    left, top, width, height = cv2.boundingRect(outline)
    terms = terms_of_conic(
        (outline[:, 0, 0] - left) / width - 0.5,
        (outline[:, 0, 1] - top) / height - 0.5,
    )
    coefficients = solve_least_squares(terms)
    for _ in range(3):
        values = terms @ coefficients
        limit = max(1.0, float(np.sort(values)[int(ELLIPSE_SHARE * len(values))]))
        coefficients = solve_least_squares(terms[values <= limit])
    a, b, c, d, e = coefficients.tolist()
    if 4 * a * c <= b * b:  # no ellipse
        return np.zeros(shape, np.uint8)
    columns, rows = (np.arange(shape[1]) - left) / width - 0.5, (np.arange(shape[0]) - top) / height - 0.5
    return mask_where(
        a * columns**2 + d * columns + (b * columns + e + c * rows[:, np.newaxis]) * rows[:, np.newaxis] <= 1
    )


def terms_of_conic(x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.stack([x * x, x * y, y * y, x, y], axis=1)


def solve_least_squares(terms: NDArray[np.float64]) -> NDArray[np.float64]:
    """The coefficients whose sum of terms is nearest to 1."""
    return np.asarray(np.linalg.solve(terms.T @ terms + CONIC_RIDGE * np.eye(terms.shape[1]), terms.sum(axis=0)))


# --- the outline -----------------------------------------------------------------------------------------------------


def measure_enclosure(solid: Mask, component: Mask) -> Enclosure | None:
    """The enclosure along the edge of a solid; None if most of the edge is no line of one width."""
    smooth = without_bumps(solid)
    if smooth is None or cv2.countNonZero(smooth) == 0:
        return None
    beyond = cv2.countNonZero(cv2.bitwise_and(component, cv2.bitwise_not(smooth)))
    if beyond > (BOX_BEYOND_SHARE if is_box(smooth) else BEYOND_SHARE) * cv2.countNonZero(component):
        return None
    depth = distances_within(smooth)
    free = mask_where((depth > SOFT_EDGE_PIXELS) & (component == 0))
    edge = longest(outlines_of(smooth))[:, 0]
    widths = distances_to(free)[edge[:, 1], edge[:, 0]]
    width = float(np.sort(widths)[len(widths) // 2])
    if width < 1:
        return None
    near = 1 + OUTLINE_BOW * min(cv2.boundingRect(smooth)[2:])
    is_line = (widths > THINNEST_OUTLINE * width) & (distances_to(component)[edge[:, 1], edge[:, 0]] <= near)
    return Enclosure(component, depth, width) if is_line.mean() >= OUTLINE_SHARE else None


def distances_to(mask: Mask) -> Distances:
    return np.asarray(cv2.distanceTransform(cv2.bitwise_not(mask), cv2.DIST_L2, 3), np.float32)


def distances_within(mask: Mask) -> Distances:
    return np.asarray(cv2.distanceTransform(pad(mask, 1), cv2.DIST_L2, 3)[1:-1, 1:-1], np.float32)


def has_digit(enclosure: Enclosure, foreground: Mask) -> bool:
    """Whether ink well inside is as large as a digit and in the middle, and is no slash of a zero."""
    solid = mask_where(enclosure.depth > 0)
    edge = longest(outlines_of(solid))
    strokes = outlines_of(np.where(enclosure.depth > enclosure.least_depth, foreground, np.uint8(0)))
    if not are_large(strokes, cv2.boundingRect(edge)[3], enclosure.component):
        return False
    writing = np.asarray(np.concatenate(strokes), np.int32)
    return is_in_middle(writing, edge) and (is_box(solid) or not is_slash(writing, edge, enclosure))


def are_large(strokes: list[cv2.typing.MatLike], height: int, component: Mask) -> bool:
    """Whether one stroke that touches an enclosure that high, or all others together, are as large as a digit."""
    free: list[cv2.typing.MatLike] = []
    for stroke in strokes:
        column, row = stroke[0, 0]
        if not component[row, column]:
            free.append(stroke)
        elif cv2.boundingRect(stroke)[3] >= TOUCHING_WRITING * height:
            return True
    if not free:
        return False
    across, down = cv2.boundingRect(np.concatenate(free))[2:]
    return down >= FREE_HEIGHT * height and max(across, down) >= FREE_WRITING * height


def is_in_middle(writing: Points, edge: Points) -> bool:
    x, y, width, height = cv2.boundingRect(writing)
    left, top, across, down = cv2.boundingRect(edge)
    off = abs(x - left + (width - across) / 2) / across, abs(y - top + (height - down) / 2) / down
    return max(off) <= OFF_MIDDLE


def is_slash(writing: Points, edge: Points, enclosure: Enclosure) -> bool:
    """Whether it is a straight stroke from edge to edge of an oval. A one in a ring is upright, or ends inside.

    The narrower the oval is, the more surely it is a zero, and the less the stroke must lean.
    """
    thickness, sides = min(cv2.minAreaRect(writing)[1]), cv2.minAreaRect(edge)[1]
    _, top, width, height = cv2.boundingRect(writing)
    least_lean = LEAN_BY_ASPECT * (min(sides) / max(sides) - UPRIGHT_ASPECT)
    if thickness > SLASH_WIDTH * enclosure.width + SOFT_EDGE_PIXELS or width - thickness <= least_lean * height:
        return False
    columns, rows = writing[:, 0].T
    depths, is_upper = enclosure.depth[rows, columns], rows < top + height / 2
    gap = float(max(depths[is_upper].min(), depths[~is_upper].min())) - enclosure.least_depth
    return gap <= ENCLOSURE_GAP * min(sides)


# --- erasing it ------------------------------------------------------------------------------------------------------


def erase_enclosure(ink: Ink, foreground: Mask, enclosure: Enclosure) -> Ink:
    """Without the outline and its loose ends. If no foreground would be left, nothing is erased."""
    inside, away = enclosure.inside, distances_to(mask_where(enclosure.depth > 0))
    others = cv2.bitwise_and(foreground, cv2.bitwise_not(enclosure.component))
    far = away > enclosure.width / 2 + SOFT_EDGE_PIXELS
    outside = parts_reaching(np.where(away > SOFT_EDGE_PIXELS, foreground, np.uint8(0)), far)
    inner = np.asarray(cv2.bitwise_or(inside, cv2.dilate(others, SQUARE)), np.uint8)
    kept = np.asarray(cv2.bitwise_or(inner, cv2.dilate(outside, SQUARE)), np.uint8)
    if outside.any():
        within = np.asarray(cv2.bitwise_and(ink, kept), np.uint8)
        closed = cv2.min(morphology(within, cv2.MORPH_CLOSE, round(enclosure.width) + 3), ink)
        across = np.where((inside == 0) & (outside == 0), binarize(np.asarray(closed, np.uint8)), np.uint8(0))
        for side in (outside, np.asarray(cv2.bitwise_and(inside, foreground), np.uint8)):
            across = parts_reaching(across, np.asarray(cv2.dilate(side, SOFT_EDGE), np.uint8) > 0)
        kept = np.asarray(cv2.bitwise_or(kept, cv2.dilate(across, SQUARE)), np.uint8)
    rest = np.asarray(cv2.bitwise_and(ink, kept), np.uint8)
    digit = cv2.dilate(parts_reaching(binarize(rest), cv2.bitwise_or(inside, others) > 0), SOFT_EDGE)
    rest = np.asarray(cv2.bitwise_and(rest, digit), np.uint8)
    return rest if int(rest.max()) > FOREGROUND_LEVEL else ink


def parts_reaching(mask: Mask, place: NDArray[np.bool_]) -> Mask:
    """The connected components that have pixels there."""
    count, labels = cv2.connectedComponents(mask, connectivity=8, ltype=cv2.CV_32S)
    is_kept = np.zeros(count, np.bool_)
    is_kept[np.unique(labels[place])] = True
    is_kept[0] = False
    return mask_where(is_kept[labels])
