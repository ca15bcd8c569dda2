"""A row of punched holes, or of the holes of a spiral, along an edge of the paper."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from statistics import median_low
from typing import NamedTuple

import cv2

from app.preprocessing.components import CRUMB_SHARE, Component, is_line
from app.preprocessing.constants import number

LARGEST_HOLE = number("LARGEST_HOLE")
HOLE_ASPECT = number("HOLE_ASPECT")
HOLE_ROUNDNESS = number("HOLE_ROUNDNESS")
HOLE_AT_EDGE = number("HOLE_AT_EDGE")
HOLE_SIZES = number("HOLE_SIZES")
HOLE_DISTANCE = number("HOLE_DISTANCE")
ROW_SLOPE = number("ROW_SLOPE")


class Span(NamedTuple):
    """Where a component is, in pixels, seen from an edge of the picture."""

    component: Component
    along: float  # the middle, along the edge
    nearest: int  # from the edge
    furthest: int  # from the edge, exclusive

    @property
    def depth(self) -> float:
        """Of the middle, from the edge."""
        return (self.nearest + self.furthest) / 2


def find_punched_holes(components: list[Component], shape: tuple[int, ...]) -> list[Component]:
    """The holes along one edge of a picture of this shape, where all else is further inside; none without a row."""
    if len(components) < 3:  # two holes and a digit
        return []
    largest = LARGEST_HOLE * max(shape)
    if sum(is_hole(component, largest) for component in components) < 2:
        return []
    for spans, depth in views_from_edges(components, *shape):
        near = [span for span in spans if is_hole(span.component, largest) and span.depth <= HOLE_AT_EDGE * depth]
        row = row_of_one_size(sorted(near, key=lambda span: span.along))
        if len(row) >= 2 and is_apart(row, [span for span in spans if span not in row]):
            return [span.component for span in row]
    return []


def is_hole(component: Component, largest: float) -> bool:
    """Whether it is small and round: a blob or a ring."""
    shorter, longer = sorted((component.width, component.height))
    filled = cv2.contourArea(component.outlines[0]) + len(component.outlines[0]) / 2
    return longer <= largest and shorter >= HOLE_ASPECT * longer and filled >= HOLE_ROUNDNESS * shorter * longer


def views_from_edges(components: list[Component], height: int, width: int) -> Iterator[tuple[list[Span], int]]:
    """All components as seen from the left, the right, the top and the bottom, and the picture's depth from there."""
    middles = [((part.left + part.right) / 2, (part.top + part.bottom) / 2) for part in components]
    placed = list(zip(components, middles, strict=True))
    yield [Span(part, y, part.left, part.right) for part, (_, y) in placed], width
    yield [Span(part, y, width - part.right, width - part.left) for part, (_, y) in placed], width
    yield [Span(part, x, part.top, part.bottom) for part, (x, _) in placed], height
    yield [Span(part, x, height - part.bottom, height - part.top) for part, (x, _) in placed], height


def row_of_one_size(holes: list[Span]) -> list[Span]:
    """Those of one size in one line, which may slope with the paper, given in order; none if two are too close."""
    if not holes:
        return []
    size = median_low([span.component.height for span in holes])
    alike = [span for span in holes if abs(span.component.height - size) <= 1 + HOLE_SIZES * size]
    depth = median_low([span.depth for span in alike])
    in_line = [span for span in alike if abs(span.depth - depth) <= size / 2 + ROW_SLOPE * spread(alike)]
    is_spaced = all(after.along - before.along >= HOLE_DISTANCE * size for before, after in pairwise(in_line))
    return in_line if is_spaced else []


def spread(row: list[Span]) -> float:
    return row[-1].along - row[0].along


def is_apart(row: list[Span], others: list[Span]) -> bool:
    """Whether something longer than the holes is further inside than they are, and only lines and crumbs are not."""
    beyond = max(span.furthest for span in row)
    size = max(max(span.component.width, span.component.height) for span in row)
    least = CRUMB_SHARE * max((span.component.area for span in others), default=0)
    inside = [span.component for span in others if span.nearest >= beyond]
    written = [span for span in others if span.component.area > least and not is_line(span.component)]
    is_longer = any(max(component.width, component.height) > size for component in inside)
    return is_longer and all(span.nearest >= beyond for span in written)
