"""Underlines, and lines that strike a number through: level strokes longer than any in a digit.

A component wide enough is sheared by a series of slopes. Ink that goes on along a row for longer than a digit is wide
belongs to such a stroke, whatever touches or crosses it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

import cv2
import numpy as np

from app.arrays import Mask
from app.preprocessing.components import Box, label_components
from app.segmentation.decorations.erasure import loose_ends
from app.segmentation.decorations.regions import Region, components_of

# Lengths are in heights of the page's digits.
LENGTH = 1.5
THICKEST = 0.25
SLOPES: list[float] = np.linspace(-0.2, 0.2, 21).tolist()
SIDE = 0.35  # how far above and below a stroke ink is counted
LOOSE_REACH = 0.1  # what is left of a stroke is no further from it
TOLERANCE = np.ones((3, 1), np.uint8)
INK_ABOVE = 0.03  # of the area above a stroke, one digit high
FOOT = 0.25  # the least length of a digit's foot,
THICKER = 0.2  # and so much thicker, of the line, it makes the underline that it lies on
THROUGH = 0.3  # of the ink on one side: a line that strikes a number through has as much on the other


class LongStrokes(NamedTuple):
    mask: Mask  # (H, W)
    strikes: list[Box]  # of those that strike something through
    underlines: list[Box]  # the others


def find_long_strokes(page: Mask, height: float) -> LongStrokes:
    """On a binarized page. `height`: of its digits, in pixels."""
    found = LongStrokes(np.zeros_like(page), [], [])
    for component in components_of(page, lambda box, _: box.width >= LENGTH * height):
        for box, stroke in strokes_of(component, height):
            if not has_ink_above(page, box, height):
                continue
            is_strike = strikes_through(stroke, component.mask, SIDE * height)
            (found.strikes if is_strike else found.underlines).append(box)
            feet = np.zeros_like(stroke) if is_strike else feet_on(stroke, component.mask, FOOT * height)
            line = stroke & ~feet
            found.mask[component.within] |= line | loose_ends(
                line, component.mask & ~line, THICKEST * height, LOOSE_REACH * height
            )
    return found


def has_ink_above(page: Mask, box: Box, height: float) -> bool:
    """Whether something is underlined or struck through. A long stroke above all ink is the bar of a 5 or a 7."""
    above = page[max(0, box.top - round(height)) : box.top, box.left : box.right]
    return cv2.countNonZero(above) > INK_ABOVE * box.width * height if above.size else False


def strokes_of(component: Region, height: float) -> Iterator[tuple[Box, Mask]]:
    """Where each is on the page, and its mask in the component's part of it."""
    runs = long_runs(component.mask, round(LENGTH * height))
    count, labels, stats, _ = label_components(runs)
    rows, columns = component.within
    for label in range(1, count):
        left, top, width, tall, area = stats[label].tolist()
        if area <= THICKEST * height * width:
            x, y = columns.start + left, rows.start + top
            yield Box(x, y, x + width, y + tall), np.where(labels == label, np.uint8(255), np.uint8(0))


def feet_on(underline: Mask, component: Mask, length: float) -> Mask:
    """What of an underline may be the foot of a digit as well: where the ink below a stroke is thicker for `length`."""
    rows = np.arange(len(underline))[:, np.newaxis]
    inked = np.asarray(underline.any(axis=0), np.bool_)
    top = np.where(underline > 0, rows, len(underline)).min(axis=0)
    bottom = np.where(underline > 0, rows, -1).max(axis=0)
    typical = float(np.median((bottom - top + 1)[inked]))
    reach = math.ceil(THICKER * typical)
    near = (rows >= top - reach) & (rows <= bottom + reach) & inked
    thickness = np.count_nonzero((component > 0) & near, axis=0)
    is_thick = (thickness >= (1 + THICKER) * typical).astype(np.uint8)[np.newaxis]
    closed = cv2.morphologyEx(is_thick, cv2.MORPH_CLOSE, np.ones((1, 3), np.uint8))
    feet = cv2.morphologyEx(closed, cv2.MORPH_OPEN, np.ones((1, max(2, round(length))), np.uint8))
    above = (component > 0) & (rows < top - reach) & (rows >= top - reach - length)
    _, runs = cv2.connectedComponents(feet)
    of_digits = np.unique(runs[:, above.any(axis=0)])
    return np.where(np.isin(runs, of_digits[of_digits > 0]), underline, np.uint8(0))


def long_runs(mask: Mask, length: int) -> Mask:
    """Where ink goes on for so many columns along one of `SLOPES`."""
    runs = np.zeros_like(mask)
    height, width = mask.shape
    kernel = np.ones((1, length), np.uint8)
    for slope in SLOPES:
        shear = np.array([[1, 0, 0], [-slope, 1, max(0.0, slope * width)]])
        sheared = cv2.warpAffine(mask, shear, (width, height + round(abs(slope) * width)), flags=cv2.INTER_NEAREST)
        # A stroke that is not quite straight, or has a slightly different slope, still fills a gap of a pixel.
        opened = cv2.erode(cv2.morphologyEx(cv2.dilate(sheared, TOLERANCE), cv2.MORPH_OPEN, kernel), TOLERANCE)
        back = cv2.warpAffine(opened, shear, (width, height), flags=cv2.INTER_NEAREST | cv2.WARP_INVERSE_MAP)
        runs = np.asarray(cv2.bitwise_or(runs, back), np.uint8)
    return np.asarray(cv2.bitwise_and(runs, mask), np.uint8)


def strikes_through(stroke: Mask, component: Mask, reach: float) -> bool:
    """Whether the stroke's component has much ink both above it and below it."""
    rest = cv2.bitwise_and(component, cv2.bitwise_not(cv2.dilate(stroke, np.ones((3, 3), np.uint8))))
    y, x = np.nonzero(rest)
    columns = np.asarray(stroke.any(axis=0), np.bool_)
    middles = np.where(columns, (np.arange(len(stroke)) @ (stroke > 0)) / np.maximum(1, (stroke > 0).sum(axis=0)), 0)
    distances = np.asarray(y - middles[x], np.float64)[columns[x]]
    above = np.count_nonzero((distances < 0) & (distances >= -reach))
    below = np.count_nonzero((distances > 0) & (distances <= reach))
    return bool(min(above, below) > THROUGH * max(above, below))
