"""A template proposed from a blank form: a field for each empty box, and for each row of equal boxes side by side.

Marks near the four corners are proposed too. A box is paper that a rectangle of lines encloses, so it is found as the
hole that it leaves in the ink.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from statistics import median

import cv2
import numpy as np

from app.arrays import Grayscale, Mask
from app.preprocessing.components import Box, bounding_box
from app.preprocessing.scaling import shrink
from app.segmentation.fields.corner_marks import find_mark_sets
from app.segmentation.fields.placement import UNIT_SQUARE
from app.segmentation.fields.printed_boxes import printed_ink
from app.segmentation.fields.template import MAX_FIELDS, CornerMark, Template, TemplateField
from app.segmentation.sheet import flatten, rim_of

SEARCHED_SIDE = 2000  # pixels, longer side: of the copy that boxes are looked for on
NEAR_CORNER = 0.25  # of the form's sides: a corner mark is no further from its corner
SHORTEST_SIDE = 0.012  # of the longer side of the form: smaller holes are those of printed letters
LARGEST = 0.4  # of the form: a frame around all of it
FULLNESS = 0.85  # of its upright rectangle: a box
NARROW = 1.6  # heights: a box for one digit is not wider,
SAME_SIZE = 0.15  # and the next one differs by no more,
THICKEST_LINE = 0.35  # heights: and is no further away
MIN_COMB = 2  # boxes


def propose(picture: Grayscale) -> Template | None:
    """None if no box is found."""
    sheet = flatten(picture)
    form = np.asarray(shrink(sheet.pixels if sheet else picture, SEARCHED_SIDE), np.uint8)
    rim = rim_of(form) if sheet else 0.0
    groups = combs(without_frames(boxes(printed_ink(form))))
    fields = {f"field{number}": field_of(group, form, rim) for number, group in enumerate(groups[:MAX_FIELDS], 1)}
    return Template(fields=fields, marks=corner_marks(form, rim)) if fields else None


def corner_marks(form: Grayscale, rim: float) -> tuple[CornerMark, ...] | None:
    """`rim`: pixels that the form lacks on each side. None if there is not one near each corner."""
    whole = np.array(form.shape[::-1]) + 2 * rim
    for marks in find_mark_sets(form):
        shares = (marks + 0.5 + rim) / whole
        if (np.abs(shares - UNIT_SQUARE) <= NEAR_CORNER).all():
            return tuple(CornerMark(x=round(x, 4), y=round(y, 4)) for x, y in shares.tolist())
    return None


def boxes(ink: Mask) -> list[Box]:
    """The holes that are rectangles."""
    outlines, levels = cv2.findContours(ink, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_SIMPLE)
    found = []
    for outline, (_, _, _, parent) in zip(outlines, levels[0] if outlines else (), strict=True):
        x, y, width, height = cv2.boundingRect(outline)
        large_enough = min(width, height) >= SHORTEST_SIDE * max(ink.shape) and width * height <= LARGEST * ink.size
        if parent >= 0 and large_enough and cv2.contourArea(outline) >= FULLNESS * width * height:
            found.append(Box(x, y, x + width, y + height))
    return found


def without_frames(found: Sequence[Box]) -> list[Box]:
    """Without those that others lie in."""
    return [box for box in found if not any(contains(box, other) for other in found if other is not box)]


def contains(box: Box, other: Box) -> bool:
    return box.left <= other.left and box.top <= other.top and box.right >= other.right and box.bottom >= other.bottom


def combs(found: Sequence[Box]) -> list[list[Box]]:
    """In reading order: boxes side by side that hold a digit each are one field."""
    groups: list[list[Box]] = []
    for box in itertools.chain.from_iterable(rows(found)):
        if groups and continues(groups[-1][-1], box):
            groups[-1].append(box)
        else:
            groups.append([box])
    return groups


def rows(found: Sequence[Box]) -> list[list[Box]]:
    """From the top to the bottom, each from the left to the right."""
    grouped: list[list[Box]] = []
    for box in sorted(found, key=lambda box: box.middle):
        if grouped and box.middle - grouped[-1][-1].middle < min(box.height, grouped[-1][-1].height) / 2:
            grouped[-1].append(box)
        else:
            grouped.append([box])
    return [sorted(row, key=lambda box: box.left) for row in grouped]


def continues(before: Box, box: Box) -> bool:
    size = median((before.height, box.height))
    same = abs(box.height - before.height) <= SAME_SIZE * size and abs(box.width - before.width) <= SAME_SIZE * size
    return same and max(before.width, box.width) <= NARROW * size and box.left - before.right <= THICKEST_LINE * size


def field_of(group: Sequence[Box], form: Grayscale, rim: float) -> TemplateField:
    """`rim`: pixels that the form lacks on each side. The length of a comb's text is known: a digit to a box."""
    around = bounding_box(group)
    height, width = (side + 2 * rim for side in form.shape)
    region = {
        "x": (around.left + rim) / width,
        "y": (around.top + rim) / height,
        "width": around.width / width,
        "height": around.height / height,
    }
    length = len(group) if len(group) >= MIN_COMB else None
    return TemplateField(**{name: round(share, 4) for name, share in region.items()}, length=length)
