"""A picture with several digits becomes lines of text.

    find(picture) -> Page -> (the model reads `images` as one batch) -> Page.read -> lines of digits

The connected parts of the ink are gathered into lines here; `cuts` makes digits of each line.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from app.arrays import Images, Ink, Probabilities
from app.errors import BlankPicture, TooManyDigits
from app.preprocessing.decode import Picture, decode
from app.preprocessing.frames import Box, gap
from app.preprocessing.ink import BOX_LEVEL, erased, ink_of, mask_of, strengthened
from app.preprocessing.normalize import thick_enough
from app.segmentation import oversegmentation as cuts
from app.segmentation.form_lines import lines_of_forms
from app.segmentation.oversegmentation import Cuts, Span, Strip

Labels = NDArray[np.int32]  # (H, W)

# Lengths are in heights of the page's digits.
SPECK = 0.2  # parts that are shorter are dust, or points
SMALL = 0.4  # parts that are lower are no digits, but pieces of one, or dashes
BROKEN = 0.12  # pieces of one digit are at most so far apart
TALLEST = 1.25  # pieces of one digit together
SHARED = 0.4  # of the lower one's rows: two neighbours on one line have so many in common
MOST_PARTS = 1000  # of the ink that are looked at: what is smaller than so many others is noise
DOTS = 12  # fewer are not a dotted pen's

STRIP_HEIGHT = 64  # pixels: larger digits are made smaller before they are cut; 40 costs two points where digits touch
MARGIN = 4  # empty columns on both sides of a strip


class Digit(NamedTuple):
    digit: int
    confidence: float
    box: tuple[int, int, int, int]  # x, y, width, height, in pixels of the picture as it was sent, upright


class Line(NamedTuple):
    """One line, cut."""

    strip: Strip
    cuts: Cuts
    spans: list[Span]
    x: float  # where the strip's first pixel lies on the picture
    y: float
    scale: float  # the picture's pixels for one of the strip's

    def read(self, probabilities: Probabilities) -> list[Digit]:
        readings = cuts.choose(self.strip, self.cuts, self.spans, probabilities)
        return [Digit(digit, confidence, self.on_picture(span.box)) for digit, confidence, span in readings]

    def on_picture(self, box: tuple[int, int, int, int]) -> tuple[int, int, int, int]:
        x, y, width, height = (each * self.scale for each in box)
        return round(self.x + x), round(self.y + y), max(1, round(width)), max(1, round(height))


class Page(NamedTuple):
    """Everything on a picture that may be a digit."""

    lines: list[Line]

    @property
    def images(self) -> Images:
        """(n, 28, 28), for the model to read."""
        return np.stack([span.image for line in self.lines for span in line.spans])

    def read(self, probabilities: Probabilities) -> list[list[Digit]]:
        """The digits of each line that has any, given a row (10,) for each of `images`."""
        ends = np.cumsum([len(line.spans) for line in self.lines])[:-1]
        read = [line.read(rows) for line, rows in zip(self.lines, np.split(probabilities, ends), strict=True)]
        return [digits for digits in read if digits]


def find(picture: Picture, max_digits: int) -> Page:
    """Raises `UnsupportedPicture`, `BlankPicture` or `TooManyDigits`."""
    longer_side = max(picture.width, picture.height)
    grey = decode(picture)
    return find_on(ink_of(grey), max_digits, longer_side / max(grey.shape))


def find_on(ink: Ink, max_digits: int, scale: float = 1.0) -> Page:
    """`scale`: pixels of the picture for one of the ink's. Raises `BlankPicture` or `TooManyDigits`."""
    ink = without_forms(ink)
    parts, labels = parts_of(ink)
    parts = without_dust(parts)
    if not parts:
        raise BlankPicture("The picture has no ink on it: send one with digits on it.")
    lines = into_lines(put_together(parts, typical_height(parts)))
    room = sum(max(1, round(group.width / group.height)) for line in lines for group in line)
    if room > max_digits:
        raise TooManyDigits(f"There is ink for more than the {max_digits} digits we read at once: send a part of it.")
    return Page([line_of(line, ink, labels, scale) for line in lines])


def without_forms(ink: Ink) -> Ink:
    """Without the lines of the boxes, combs and tables that digits are written into, whether they touch or not."""
    form = lines_of_forms(mask_of(ink))
    return erased(ink, form.level, form.upright) if form else ink


# --- parts and groups of them ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Group(Box):
    """Connected parts of the ink that belong together, first of all each alone."""

    area: int  # in pixels
    labels: tuple[int, ...]


def edges(groups: Sequence[Group]) -> NDArray[np.intp]:
    """(4, n): left, top, right and bottom of each."""
    return np.array([(group.left, group.top, group.right, group.bottom) for group in groups], np.intp).reshape(-1, 4).T


def parts_of(ink: Ink) -> tuple[list[Group], Labels]:
    """All connected parts, and for each pixel the label of its part, 0 if it has none."""
    mask = np.asarray(cv2.threshold(ink, BOX_LEVEL, 1, cv2.THRESH_BINARY)[1], np.uint8)
    parts, labels = connected(mask)
    if is_dotted(parts):
        reach = round(typical_height(parts))
        parts, labels = connected(np.asarray(cv2.dilate(mask, np.ones((2 * reach + 1,) * 2, np.uint8)), np.uint8))
    return parts, labels


def connected(mask: Ink) -> tuple[list[Group], Labels]:
    """The parts of a mask, those with the most ink."""
    _, labels, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=8, ltype=cv2.CV_32S)
    largest = 1 + np.argsort(-stats[1:, cv2.CC_STAT_AREA], kind="stable")[:MOST_PARTS]
    parts = zip(largest.tolist(), stats[largest].tolist(), strict=True)
    return [Group(x, y, x + w, y + h, area, (label,)) for label, (x, y, w, h, area) in parts], np.asarray(
        labels, np.int32
    )


def is_dotted(parts: Sequence[Group]) -> bool:
    """Whether most of the ink is in dots, about as wide as they are high and at least as full as a diamond."""
    dots = [
        part.area
        for part in parts
        if 4 * min(part.width, part.height) >= 3 * max(part.width, part.height)
        and 2 * part.area >= part.width * part.height
    ]
    return len(dots) >= DOTS and 2 * sum(dots) > sum(part.area for part in parts)


def typical_height(groups: Sequence[Group]) -> float:
    """The median, with each group counted by its ink, at most a square's: specks and long lines weigh little."""
    ordered = sorted(groups, key=lambda group: group.height)
    weights = np.cumsum([min(group.area, group.height**2) for group in ordered])
    return ordered[int(np.searchsorted(weights, weights[-1] / 2))].height


def without_dust(parts: Sequence[Group]) -> list[Group]:
    """Without specks and points, and without what is left of ruled paper's lines."""
    if not parts:
        return []
    height = typical_height(parts)
    large = [part for part in parts if max(part.width, part.height) >= SPECK * height]
    return [part for part in large if part.height > SMALL * height or part.width <= height]


def into_lines(groups: list[Group]) -> list[list[Group]]:
    """From the top to the bottom. Smaller writing makes lines of its own, unless it lies within larger."""
    lines: list[list[Group]] = []
    while groups:
        height = typical_height(groups)
        new = chained([group for group in groups if group.height > SMALL * height])
        groups = add_small([group for group in groups if group.height <= SMALL * height], new)
        lines += new
    return sorted(lines, key=lambda line: sum(group.middle for group in line) / len(line))


def put_together(parts: Sequence[Group], height: float) -> list[Group]:
    """The pieces of broken strokes. That two digits near each other come together too does no harm."""
    groups = dict(enumerate(parts))
    owners = list(range(len(parts)))
    for first, second in near_pairs(parts, BROKEN * height):
        one, other = owners[first], owners[second]
        if one == other or (both := union(groups[one], groups[other])).height > TALLEST * height:
            continue
        groups[one] = both
        del groups[other]
        owners = [one if owner == other else owner for owner in owners]
    return list(groups.values())


def near_pairs(parts: Sequence[Group], limit: float) -> list[tuple[int, int]]:
    """Those whose boxes are no further apart, the nearest first."""
    left, top, right, bottom = edges(parts)
    x = np.maximum(0, np.maximum.outer(left, left) - np.minimum.outer(right, right))
    y = np.maximum(0, np.maximum.outer(top, top) - np.minimum.outer(bottom, bottom))
    apart = np.hypot(x, y)
    first, second = np.nonzero(np.triu(apart <= limit, 1))
    order = np.argsort(apart[first, second], kind="stable")
    return list(zip(first[order].tolist(), second[order].tolist(), strict=True))


def union(one: Group, other: Group) -> Group:
    return Group(
        min(one.left, other.left),
        min(one.top, other.top),
        max(one.right, other.right),
        max(one.bottom, other.bottom),
        one.area + other.area,
        one.labels + other.labels,
    )


def chained(groups: Sequence[Group]) -> list[list[Group]]:
    """Lines, which may slope: each group follows on the one on its left that has most of its rows in common."""
    lines: list[list[Group]] = []
    for group in sorted(groups, key=lambda group: group.left):
        best = max(lines, key=lambda line: shared_rows(line[-1], group), default=[])
        if best and shared_rows(best[-1], group) >= SHARED:
            best.append(group)
        else:
            lines.append([group])
    return lines


def shared_rows(one: Group, other: Group) -> float:
    """As a share of the lower one's."""
    return (min(one.bottom, other.bottom) - max(one.top, other.top)) / min(one.height, other.height)


def add_small(small: Sequence[Group], lines: list[list[Group]]) -> list[Group]:
    """Puts each on the line it lies in; what lies in none comes back."""
    left = []
    for group in small:
        nearest = min(lines, key=lambda line: min(gap(group, each) for each in line))
        neighbour = min(nearest, key=lambda each: gap(group, each))
        if gap(group, neighbour) <= neighbour.height and shared_rows(group, neighbour) >= SHARED:
            nearest.append(group)
        else:
            left.append(group)
    return left


# --- from groups to a strip ------------------------------------------------------------------------------------------


def line_of(groups: Sequence[Group], ink: Ink, labels: Labels, scale: float) -> Line:
    left, top = min(group.left for group in groups), min(group.top for group in groups)
    here = slice(top, max(group.bottom for group in groups)), slice(left, max(group.right for group in groups))
    height = typical_height(groups)
    own = own_ink(groups, ink[here], labels[here])
    strokes = thick_enough(own, height)
    around = (len(strokes) - len(own)) // 2
    left, top = left - around, top - around
    factor = min(1.0, STRIP_HEIGHT / height)
    size = (max(1, round(strokes.shape[1] * factor)), max(1, round(strokes.shape[0] * factor)))
    strokes = np.pad(cv2.resize(strokes, size, interpolation=cv2.INTER_AREA), ((0, 0), (MARGIN, MARGIN)))
    columns = (np.arange(-MARGIN, size[0] + MARGIN) + 0.5) / factor + left
    middle = np.clip((middle_at(columns, groups) - top) * factor, 0, size[1] - 1).astype(np.intp)
    strip = Strip(strengthened(strokes), height * factor, middle)
    found = cuts.cut(strip)
    x, y = left - MARGIN / factor, top
    return Line(strip, found, cuts.spans(strip, found), x * scale, y * scale, scale / factor)


def own_ink(groups: Sequence[Group], ink: Ink, labels: Labels) -> Ink:
    """Without what does not belong to these groups, and its soft edges."""
    own = np.isin(labels, [label for group in groups for label in group.labels])
    others = cv2.dilate(((labels > 0) & ~own).astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    return np.where(others & ~own, np.uint8(0), ink)


def middle_at(columns: NDArray[np.float64], groups: Sequence[Group]) -> NDArray[np.float64]:
    """The row in which the line's middle lies, for each column: a straight line through its digits' middles."""
    x, y = np.array([((group.left + group.right) / 2, group.middle) for group in groups]).T
    weights = np.array([group.height for group in groups], float)
    x0, y0 = np.average(x, weights=weights), np.average(y, weights=weights)
    spread = np.average((x - x0) ** 2, weights=weights)
    slope = np.average((x - x0) * (y - y0), weights=weights) / spread if spread else 0.0
    return np.asarray(y0 + slope * (columns - x0), np.float64)
