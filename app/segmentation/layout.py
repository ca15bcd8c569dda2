"""The layout of a page: which connected components of its ink make a line of digits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from app.arrays import Ink
from app.preprocessing.components import FOREGROUND_LEVEL, Box, binarize, bounding_box, label_components

Labels = NDArray[np.int32]  # (H, W): the connected component of each pixel, 0 if it has none

# Lengths are in heights of the page's digits.
SPECK = 0.2  # shorter components are dust, or points
SMALL = 0.4  # lower components are no digits, but pieces of one, or dashes
LOW = 0.55  # lower components do not tell where a line goes on: a comma may be as high
BROKEN_STROKE_GAP = 0.12  # the most between two pieces of one digit
TALLEST = 1.25  # the most that pieces of one digit have together
LEAST_OVERLAP = 0.4  # of the lower one's rows: two neighbours on one line share as many
POINT_SIZE = 0.6  # pens: a smaller speck is no point
POINT_ROWS = 0.1, 0.3  # at least so far below its neighbour's top, and at most so far below its base
HANGING = 0.12, 0.55  # of its neighbour's height: a comma begins and ends no further below its base
FEW_POINTS = 12  # or as many as there are other components
SMALL_REACH = 1.5  # of a small component or point to a member of its line: signs in boxes are as far apart
MAX_COMPONENTS = 1000  # that are looked at, the largest: the smaller ones of more are noise
BLOT = 3.0  # or higher: no digit of the others' size
LEAST_BESIDE_BLOT = 4  # other components that are high enough to be digits: fewer do not tell how high digits are
LEAST_HEIGHT = 12  # pixels: lower components may be noise beside a large digit
LEAST_DOTS = 12  # of a dotted pen's stroke
FILLED = 0.4  # of a dot's height, the pen's width: two thirds for a disc, a quarter for a broad digit


@dataclass(frozen=True)
class Component(Box):
    """A connected component of the ink, or several that belong together."""

    area: int  # in pixels
    labels: tuple[int, ...]


def find_lines(page: Ink) -> tuple[list[list[Component]], Labels]:
    """The components of each line, from the top to the bottom, and the components' labels. No lines: no ink."""
    components, labels = connected_components(page)
    blots = find_blots(components, page)
    components = [component for component in components if component not in blots]
    large = without_dust(components)
    if not large:
        return [], labels
    lines = group_into_lines(join_broken_strokes(large, typical_height(large)))
    lines = from_the_top([*lines, *([blot] for blot in blots)])
    points = possible_points(components, pen_width(page))
    if len(points) <= max(FEW_POINTS, len(large)):  # more are noise
        attach_points([point for point in points if not any(is_inside(point, one, labels) for one in large)], lines)
    return lines, labels


def estimated_digits(lines: Sequence[Sequence[Component]]) -> int:
    """For how many digits there is room in the lines' ink: touching digits are one component."""
    return sum(max(1, round(component.width / component.height)) for line in lines for component in line)


def connected_components(page: Ink) -> tuple[list[Component], Labels]:
    """The connected components of the binarized page; those of a dotted pen are its strokes and not its dots."""
    mask = np.asarray(cv2.threshold(page, FOREGROUND_LEVEL, 1, cv2.THRESH_BINARY)[1], np.uint8)
    components, labels = largest_components(mask)
    if is_dotted(components, page):
        reach = round(typical_height(components))
        mask = np.asarray(cv2.dilate(mask, np.ones((2 * reach + 1,) * 2, np.uint8)), np.uint8)
        components, labels = largest_components(mask)
    return components, labels


def largest_components(mask: Ink) -> tuple[list[Component], Labels]:
    """The components of a mask that have the most ink."""
    _, labels, stats, _ = label_components(mask)
    largest = 1 + np.argsort(-stats[1:, cv2.CC_STAT_AREA], kind="stable")[:MAX_COMPONENTS]
    labelled = zip(largest.tolist(), stats[largest].tolist(), strict=True)
    components = [Component(x, y, x + w, y + h, area, (label,)) for label, (x, y, w, h, area) in labelled]
    return components, np.asarray(labels, np.int32)


def is_dotted(components: Sequence[Component], page: Ink) -> bool:
    """Whether most of the ink is in dots: about as wide as they are high, and filled, which wide digits are not."""
    dots = [
        component
        for component in components
        if 4 * min(component.width, component.height) >= 3 * max(component.width, component.height)
        and 2 * component.area >= component.width * component.height
    ]
    area = sum(dot.area for dot in dots)
    if len(dots) < LEAST_DOTS or 2 * area <= sum(component.area for component in components):
        return False
    return pen_width(page) >= FILLED * typical_height(dots)


def typical_height(components: Sequence[Component]) -> float:
    """The median, each component weighted by its ink, at most a square's: specks and long lines weigh little."""
    ordered = sorted(components, key=lambda component: component.height)
    weights = np.cumsum([min(component.area, component.height**2) for component in ordered])
    return ordered[int(np.searchsorted(weights, weights[-1] / 2))].height


def find_blots(components: Sequence[Component], page: Ink) -> list[Component]:
    """What comes in from the page's edge and is much higher than what else is written: a shadow, a notebook's gutter.

    Each is a line of its own: its height says nothing about the digits', and the digits in its rows are not part of it.
    """
    height, width = page.shape
    at_edge = [part for part in components if min(part.left, part.top, width - part.right, height - part.bottom) <= 1]
    others = [component for component in components if component not in at_edge]
    if not at_edge or len(others) < LEAST_BESIDE_BLOT:
        return []
    typical = typical_height(others)
    written = sum(component.height > SMALL * typical for component in others)
    if typical < LEAST_HEIGHT or written < LEAST_BESIDE_BLOT:
        return []
    return [component for component in at_edge if component.height > BLOT * typical]


def without_dust(components: Sequence[Component]) -> list[Component]:
    """Without specks, points and the remains of ruled lines."""
    if not components:
        return []
    height = typical_height(components)
    large = [component for component in components if max(component.width, component.height) >= SPECK * height]
    return [component for component in large if component.height > SMALL * height or component.width <= height]


def pen_width(page: Ink) -> float:
    """The width of the page's strokes: four times the mean distance of their ink from their edges."""
    mask = binarize(page)
    distances = cv2.distanceTransform(mask, cv2.DIST_L2, 3)
    return max(1.0, 4 * float(cv2.mean(distances, mask)[0]) - 2)


def pen_weight(page: Ink) -> float:
    """How much ink a stroke of the pen has for each pixel of its length."""
    return pen_width(page) * float(cv2.mean(page, binarize(page))[0])


def possible_points(components: Sequence[Component], pen: float) -> list[Component]:
    """Those that `without_dust` leaves out although they are about as wide as the pen."""
    limit = SPECK * typical_height(components)
    sizes = [max(component.width, component.height) for component in components]
    return [
        component
        for component, size in zip(components, sizes, strict=True)
        if POINT_SIZE * pen <= size < limit and component.area >= (POINT_SIZE * pen) ** 2 / 2
    ]


# --- from components to lines ----------------------------------------------------------------------------------------


def group_into_lines(components: list[Component]) -> list[list[Component]]:
    """From the top to the bottom. Smaller writing makes lines of its own, unless it lies within larger."""
    lines: list[list[Component]] = []
    while components:
        height = typical_height(components)
        new = chain_into_lines([component for component in components if component.height > LOW * height])
        components = attach_small([component for component in components if component.height <= LOW * height], new)
        lines += new
    return from_the_top(lines)


def from_the_top(lines: Sequence[list[Component]]) -> list[list[Component]]:
    return sorted(lines, key=lambda line: sum(component.middle for component in line) / len(line))


def join_broken_strokes(components: Sequence[Component], height: float) -> list[Component]:
    """Joins components so near each other that they may be one digit. Joining two digits does no harm."""
    joined = dict(enumerate(components))
    owners = list(range(len(components)))
    for first, second in nearby_pairs(components, BROKEN_STROKE_GAP * height):
        one, other = owners[first], owners[second]
        if one == other or joint_height(joined[one], joined[other]) > TALLEST * height:
            continue
        joined[one] = union(joined[one], joined[other])
        del joined[other]
        owners = [one if owner == other else owner for owner in owners]
    return list(joined.values())


def joint_height(one: Box, other: Box) -> int:
    return max(one.bottom, other.bottom) - min(one.top, other.top)


def nearby_pairs(components: Sequence[Component], limit: float) -> list[tuple[int, int]]:
    """Indices of those whose boxes are no further apart, the nearest first."""
    boxes = edges(components)
    pairs = [(index, distances(boxes[:, index], boxes[:, index + 1 :])) for index in range(len(components))]
    first = np.concatenate([np.full(int((to_others <= limit).sum()), index) for index, to_others in pairs])
    second = np.concatenate([index + 1 + np.flatnonzero(to_others <= limit) for index, to_others in pairs])
    apart = np.concatenate([to_others[to_others <= limit] for _, to_others in pairs])
    order = np.argsort(apart, kind="stable")
    return list(zip(first[order].tolist(), second[order].tolist(), strict=True))


def distances(box: NDArray[np.intp], others: NDArray[np.intp]) -> NDArray[np.float64]:
    """In pixels between the edges of one box (4,) and those of others (4, n); 0 where they overlap."""
    x = np.maximum(box[0], others[0]) - np.minimum(box[2], others[2])
    y = np.maximum(box[1], others[1]) - np.minimum(box[3], others[3])
    return np.asarray(np.hypot(np.maximum(0, x), np.maximum(0, y)), np.float64)


def edges(components: Sequence[Box]) -> NDArray[np.intp]:
    """(4, n): left, top, right and bottom of each."""
    boxes = [(component.left, component.top, component.right, component.bottom) for component in components]
    return np.array(boxes, np.intp).reshape(-1, 4).T


def union(one: Component, other: Component) -> Component:
    around = bounding_box((one, other))
    area = one.area + other.area
    return Component(around.left, around.top, around.right, around.bottom, area, one.labels + other.labels)


def chain_into_lines(components: Sequence[Component]) -> list[list[Component]]:
    """Lines, which may slope: each component follows the one on its left that it shares the most rows with."""
    lines: list[list[Component]] = []
    ends = np.empty((4, len(components)), np.intp)  # the edges of each line's last component
    for component in sorted(components, key=lambda component: component.left):
        shared = overlaps(edges([component])[:, 0], ends[:, : len(lines)])
        best = int(shared.argmax()) if lines else 0
        if not lines or shared[best] < LEAST_OVERLAP:
            best = len(lines)
            lines.append([])
        lines[best].append(component)
        ends[:, best] = edges([component])[:, 0]
    return lines


def overlaps(box: NDArray[np.intp], others: NDArray[np.intp]) -> NDArray[np.float64]:
    """The rows that a box (4,) and each of others (4, n) both have, as a share of the lower one's."""
    (top, bottom), (tops, bottoms) = box[1::2], others[1::2]
    shared = np.minimum(bottom, bottoms) - np.maximum(top, tops)
    return np.asarray(shared / np.minimum(bottom - top, bottoms - tops), np.float64)


def attach_small(small: Sequence[Component], lines: list[list[Component]]) -> list[Component]:
    """Appends each to the line that it lies in; returns those that lie in none."""
    unattached = []
    boxes = edges([component for line in lines for component in line])
    line_of = np.array([index for index, line in enumerate(lines) for _ in line], np.intp)
    for component in small:
        box = edges([component])
        reach = SMALL_REACH * (boxes[3] - boxes[1])
        apart = np.where(is_beside(box[:, 0], boxes), distances(box[:, 0], boxes), np.inf)
        if (apart <= reach).any():
            nearest = np.flatnonzero(apart == apart.min())
            chosen = line_of[nearest].min()  # of several that are as near, the one in the upper line
            lines[chosen].append(component)
            line_of, boxes = np.append(line_of, chosen), np.concatenate([boxes, box], axis=1)
        else:
            unattached.append(component)
    return unattached


def is_beside(small: NDArray[np.intp], members: NDArray[np.intp]) -> NDArray[np.bool_]:
    """Whether a box (4,) is in the rows of each of others (4, n), or hangs below its base as a comma does."""
    (top, bottom), (tops, bottoms) = small[1::2], members[1::2]
    heights = bottoms - tops
    begins = ((tops + bottoms) / 2 < top) & (top < bottoms + HANGING[0] * heights)
    hangs = begins & (bottom < bottoms + HANGING[1] * heights)
    return np.asarray(hangs | (overlaps(small, members) >= LEAST_OVERLAP), np.bool_)


def is_inside(point: Box, component: Component, labels: Labels) -> bool:
    """Whether a component has ink on both sides of a point, in its rows."""
    within = component.left < point.left and point.right < component.right
    if not (within and component.top < point.bottom and point.top < component.bottom):
        return False  # as for most of a page: the pixels, which take long to look at, cannot tell otherwise
    rows = labels[point.top : point.bottom, component.left : component.right]
    columns = np.flatnonzero(np.isin(rows, component.labels).any(axis=0)) + component.left
    return len(columns) > 0 and columns[0] < point.left and point.right <= columns[-1]


def attach_points(points: Sequence[Component], lines: Sequence[list[Component]]) -> None:
    """Appends each to the line whose digits it stands between or behind, no higher than they and hardly lower."""
    members = [component for line in lines for component in line]
    line_of = np.array([index for index, line in enumerate(lines) for _ in line], np.intp)
    left, top, right, bottom = edges(members)
    heights = np.array([typical_height(line) for line in lines])[line_of]
    for point in points:
        x = (point.left + point.right) / 2
        beside = np.maximum(left - x, x - right)
        in_rows = (point.top >= top + POINT_ROWS[0] * heights) & (point.bottom <= bottom + POINT_ROWS[1] * heights)
        near = in_rows & (beside <= SMALL_REACH * heights) & (bottom - top > SMALL * heights)
        if near.any():
            lines[line_of[int(np.where(near, beside, np.inf).argmin())]].append(point)
