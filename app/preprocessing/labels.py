"""A label that is no rectangle: a round sticker, a badge, a ball, a label with five sides or more.

A thick zero is as round, and solid but for its hole. Writing is told from a hole by its strokes, which are thinner than
the margin around them and cover little of their convex hull. A one covers most of it, as the slit of a zero whose pen
was very thick: but around a slit the margin is of one width, and a round label is rounder than most zeros.
"""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from app.arrays import Grayscale, Mask
from app.preprocessing.background import other_tone
from app.preprocessing.components import find_outlines
from app.preprocessing.constants import number
from app.preprocessing.enclosures import distances_to, distances_within, fill, longest, outlines_of

CARD_RIM = number("CARD_RIM")
LABEL_CONVEXITY = number("LABEL_CONVEXITY")
LABEL_EDGE = number("LABEL_EDGE")
LABEL_COMPACTNESS = number("LABEL_COMPACTNESS")
LEAST_MARGIN = number("LEAST_MARGIN")
WRITING_BY_MARGIN = number("WRITING_BY_MARGIN")
WRITING_COVERAGE = number("WRITING_COVERAGE")
ONE_BY_MARGIN = number("ONE_BY_MARGIN")
UNEVEN_MARGIN = number("UNEVEN_MARGIN")
ROUND_LABEL = number("ROUND_LABEL")
MIN_WRITING = number("MIN_WRITING")


def is_label(outline: cv2.typing.MatLike) -> bool:
    """Whether it is convex and as compact as a disc, a broad ellipse or a polygon of five sides or more."""
    hull = cv2.convexHull(outline)
    area, perimeter = cv2.contourArea(hull), cv2.arcLength(hull, True)
    is_compact = 4 * math.pi * area >= LABEL_COMPACTNESS * perimeter * perimeter
    return is_compact and cv2.contourArea(outline) + LABEL_EDGE * perimeter >= LABEL_CONVEXITY * area


def extend_rows(pixels: Grayscale, inside: Mask) -> Grayscale:
    """What is beside the label in each row becomes as bright as its edge is there: a ball is darker at the edge."""
    is_inside, columns = inside > 0, np.arange(inside.shape[1])
    first, last = is_inside.argmax(axis=1), len(columns) - 1 - is_inside[:, ::-1].argmax(axis=1)
    return np.take_along_axis(pixels, columns.clip(first[:, np.newaxis], last[:, np.newaxis]), axis=1)


def without_rim(outline: cv2.typing.MatLike, shape: tuple[int, ...]) -> Mask:
    """The mask of what an outline encloses, eroded by the width of a card's rim."""
    filled = cv2.drawContours(np.zeros(shape, np.uint8), [outline], 0, (255,), cv2.FILLED)
    rim = 3 + 2 * round(CARD_RIM * max(shape))
    padded = cv2.copyMakeBorder(filled, 1, 1, 1, 1, cv2.BORDER_CONSTANT)
    return np.asarray(cv2.erode(padded, np.ones((rim, rim), np.uint8))[1:-1, 1:-1], np.uint8)


def is_written_on(pixels: Grayscale, label: Mask, *, may_be_nested: bool = True) -> bool:
    """Whether what is of another tone in a label is writing, or a smaller label with writing, as on a billiard ball."""
    background = int(np.median(pixels[label > 0]))
    writing = other_tone(np.where(label > 0, pixels, np.uint8(background)), background)
    outlines, _ = find_outlines(writing, cv2.RETR_EXTERNAL)
    if not outlines:  # or too many to be traced
        return False
    outline = longest(list(outlines))
    if max(cv2.boundingRect(outline)[2:]) <= MIN_WRITING * max(label.shape):
        return False
    if may_be_nested and is_label(outline):
        nested = without_rim(outline, label.shape)
        if nested.any() and is_written_on(pixels, nested, may_be_nested=False):
            return True
    strokes = np.asarray(cv2.bitwise_and(fill([outline], writing), writing), np.uint8)
    return is_writing(strokes, cv2.convexHull(outline), label)


def is_writing(strokes: Mask, hull: cv2.typing.MatLike, label: Mask) -> bool:
    """Whether these strokes are a digit's, given their convex hull and the label that they are on."""
    margins, thickness = margins_around(strokes, label), 2 * float(distances_within(strokes).max())
    narrowest, median, widest = (float(margins[i]) for i in (0, len(margins) // 2, -1))
    if narrowest < LEAST_MARGIN * max(label.shape) or thickness > WRITING_BY_MARGIN * median:
        return False
    if cv2.countNonZero(strokes) < WRITING_COVERAGE * cv2.contourArea(hull):
        return True
    is_one = thickness <= ONE_BY_MARGIN * median and widest > UNEVEN_MARGIN * narrowest
    return is_one and is_round(longest(outlines_of(label)))


def is_round(outline: cv2.typing.MatLike) -> bool:
    _, sides, _ = cv2.minAreaRect(outline)
    return min(sides) >= ROUND_LABEL * max(sides)


def margins_around(strokes: Mask, label: Mask) -> NDArray[np.float32]:
    """The distances from the label's edge to what is written on it, in ascending order."""
    edge = longest(outlines_of(label))[:, 0]
    return np.sort(distances_to(strokes)[edge[:, 1], edge[:, 0]])
