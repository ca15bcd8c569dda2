"""What a segment may be that is no digit, by its shape, its size and its place on the line.

Each mark is described by soft ranges: how well a segment fits it is the product over its measures, from 0 to 1. The
model knows only digits, and takes a slash for a 1 or a 7 and a bracket for a 1 without a doubt; so the fit decides
first how much of the probability is left for the digits. Lengths are in heights of the line's digits.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple, Self

import cv2
import numpy as np
from numpy.typing import NDArray

from app.arrays import Ink
from app.preprocessing.components import binarize
from app.segmentation.decoding.reading import SignKind
from app.segmentation.decoding.strokes import Stroke, single_stroke
from app.segmentation.decoding.writing import Writing
from app.segmentation.oversegmentation import Segment, Strip

MAX_FIT = 0.98  # of a mark: the digits keep a chance
LEAST_FIT = 0.01
SLASH_LEAN = 6.0  # log odds of a slash against a 1 for each column that it leans more for each row,
SLASH_HEIGHT = 25.0  # and for each height that it is longer than the digits
RING = 0.2  # heights: a lower part is a point and no ring of a percent sign
COMMA_LENGTH = 0.12  # heights: a low mark that is longer than the pen is wide by more is a comma rather than a point
COMMA_BOTTOM = 1.05  # heights: and one that reaches further down
SMALL_PART = 0.5  # pens: smaller parts of a segment are specks


class Mark(NamedTuple):
    """A mark that a segment may be."""

    kind: SignKind
    text: str
    fit: float  # from 0 to 1


def possible_marks(strip: Strip, segments: Sequence[Segment], slant: float) -> list[list[Mark]]:
    """For each segment the marks that it may be. `slant`: the hand's."""
    writing = Writing.of(strip, slant)
    return [marks_of(segment, writing) for segment in segments]


def marks_of(segment: Segment, writing: Writing) -> list[Mark]:
    shape = Shape.of(segment, writing)
    fits = small_marks(shape) if shape.height < 0.9 else tall_marks(shape, writing)
    return [Mark(kind, text, min(fit, MAX_FIT)) for kind, text, fit in fits if fit >= LEAST_FIT]


class Shape(NamedTuple):
    """A segment's measures in heights of the line's digits. Rows count from 0, the digits' top, to 1, their base."""

    width: float
    height: float
    top: float
    bottom: float
    pen: float
    ink: Ink  # 255 where there is some
    parts: list[tuple[float, float, float, float]]  # x, y, width and height of each, specks apart, in its own box

    @classmethod
    def of(cls, segment: Segment, writing: Writing) -> Self:
        x, y, width, height = segment.box
        slope, offset = writing.base
        top = 1 + (y - slope * (x + width / 2) - offset) / writing.height
        mask = binarize(segment.ink)
        return cls(
            width / writing.height,
            height / writing.height,
            top,
            top + height / writing.height,
            writing.pen / writing.height,
            mask,
            parts_of(mask, writing),
        )


def parts_of(mask: Ink, writing: Writing) -> list[tuple[float, float, float, float]]:
    """The connected components, from the top to the bottom."""
    _, _, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=8, ltype=cv2.CV_32S)
    least = max(1.0, (SMALL_PART * writing.pen) ** 2)
    boxes = stats[1:][stats[1:, cv2.CC_STAT_AREA] >= least, :4] / writing.height
    return sorted((tuple(box) for box in boxes.tolist()), key=lambda box: box[1])


def between(value: float, low: float, high: float, softness: float) -> float:
    """1 well inside the range, 1/2 at its ends, 0 well outside."""
    below, above = (low - value) / softness, (value - high) / softness
    return 1 / ((1 + math.exp(min(50.0, 4 * below))) * (1 + math.exp(min(50.0, 4 * above))))


# --- lower than digits -----------------------------------------------------------------------------------------------


def small_marks(shape: Shape) -> list[tuple[SignKind, str, float]]:
    if len(shape.parts) == 2:
        return [("colon", ":", fit_of_colon(shape)), ("equals", "=", fit_of_equals(shape))]
    if len(shape.parts) != 1:
        return []
    low, commas = fit_of_low_mark(shape), share_of_commas(shape)
    return [
        ("point", ".", low * (1 - commas)),
        ("comma", ",", low * commas),
        ("minus", "-", fit_of_minus(shape)),
        ("plus", "+", fit_of_plus(shape)),
    ]


def is_dot(width: float, height: float, pen: float) -> float:
    size, narrow = max(width, height), min(width, height)
    return between(size, 0.7 * pen, 1.9 * pen + 0.07, 0.04) * between(narrow / size, 0.5, 2, 0.15)


def fit_of_low_mark(shape: Shape) -> float:
    """A point or a comma: small, at the base line."""
    size = between(max(shape.width, shape.height), 0.7 * shape.pen, 0.6, 0.04) * between(shape.width, 0, 0.38, 0.06)
    return size * between(shape.bottom, 0.82, 1.6, 0.08) * between(shape.top, 0.62, 1.15, 0.06)


def share_of_commas(shape: Shape) -> float:
    """A comma is longer than a point, which is as long as the pen is wide, and reaches further down."""
    odds = (shape.height - shape.pen - COMMA_LENGTH) / 0.03 + (shape.bottom - COMMA_BOTTOM) / 0.05
    return 1 / (1 + math.exp(-odds))


def fit_of_minus(shape: Shape) -> float:
    return is_dash(shape.width, shape.height, shape.pen) * between((shape.top + shape.bottom) / 2, 0.25, 0.8, 0.08)


def is_dash(width: float, height: float, pen: float) -> float:
    slope = (height - pen) / max(width - pen, 0.01)
    return between(width, 0.18, 1.1, 0.05) * between(width / height, 1.6, 50, 0.4) * between(slope, -1, 0.35, 0.1)


def fit_of_plus(shape: Shape) -> float:
    """Ink along a row and a column near the middle, and none in the four corners."""
    size = between(shape.width, 0.25, 0.95, 0.06) * between(shape.height, 0.25, 0.9, 0.06)
    size *= between((shape.top + shape.bottom) / 2, 0.3, 0.75, 0.06)
    if size < LEAST_FIT:
        return 0.0
    ink = shape.ink > 0
    rows, columns = ink.mean(axis=1), ink.mean(axis=0)
    bar, stem = int(rows.argmax()), int(columns.argmax())
    reach = 0.6 * shape.pen / shape.height * len(ink) + 0.05 * len(ink)
    corners = ink.copy()
    corners[round(max(0, bar - reach)) : round(bar + reach) + 1] = False
    corners[:, round(max(0, stem - reach)) : round(stem + reach) + 1] = False
    crossing = between(bar / len(ink), 0.28, 0.72, 0.08) * between(stem / ink.shape[1], 0.25, 0.75, 0.08)
    full = between(float(rows.max()), 0.75, 2, 0.08) * between(float(columns.max()), 0.75, 2, 0.08)
    return size * crossing * full * between(float(corners.sum() / ink.sum()), -1, 0.08, 0.03)


def fit_of_colon(shape: Shape) -> float:
    (x, y, width, height), (other_x, other_y, other_width, other_height) = shape.parts
    dots = is_dot(width, height, shape.pen) * is_dot(other_width, other_height, shape.pen)
    beside = abs(x + width / 2 - other_x - other_width / 2)
    apart = other_y + other_height / 2 - y - height / 2
    place = between(shape.bottom, 0.7, 1.2, 0.08) * between(shape.top, 0.05, 0.75, 0.08)
    return dots * between(apart, 0.25, 0.9, 0.05) * between(beside, -1, 0.25, 0.06) * place


def fit_of_equals(shape: Shape) -> float:
    (_, y, width, height), (_, other_y, other_width, other_height) = shape.parts
    dashes = is_dash(width, height, shape.pen) * is_dash(other_width, other_height, shape.pen)
    alike = between(width / other_width, 0.6, 1.7, 0.1)
    middle = between((shape.top + shape.bottom) / 2, 0.25, 0.8, 0.08)
    return dashes * alike * middle * between(other_y - y, 0.1, 0.6, 0.04)


# --- as high as digits, and higher -----------------------------------------------------------------------------------


def tall_marks(shape: Shape, writing: Writing) -> list[tuple[SignKind, str, float]]:
    if shape.width > 0.45 and (percent := fit_of_percent(shape)) >= LEAST_FIT:
        return [("percent", "%", percent)]
    stroke = single_stroke(shape.ink > 0, writing.pen)
    if len(shape.parts) != 1 or stroke is None:
        return []
    opening, closing = fit_of_bracket(stroke, shape, opens=True), fit_of_bracket(stroke, shape, opens=False)
    slash = fit_of_slash(stroke, shape, writing)
    return [("slash", "/", slash), ("bracket", "(", opening), ("bracket", ")", closing)]


def fit_of_slash(stroke: Stroke, shape: Shape, writing: Writing) -> float:
    """Straight, more slanted than the hand, and longer than a digit."""
    straight = between(abs(stroke.sagitta), -1, 0.06, 0.02) * between(stroke.roughness, -1, 0.8, 0.3)
    lean = stroke.slant - writing.slant
    odds = SLASH_LEAN * (lean - 0.3) + SLASH_HEIGHT * (shape.height - 1.08)
    return straight * between(lean, 0.1, 1.2, 0.08) / (1 + math.exp(-odds))


def fit_of_bracket(stroke: Stroke, shape: Shape, *, opens: bool) -> float:
    """An even bow to one side, longer than a digit."""
    bow = -stroke.sagitta if opens else stroke.sagitta
    tall = between(shape.height, 1.06, 2, 0.06)
    return between(bow, 0.07, 0.5, 0.03) * tall * between(stroke.roughness, -1, 1.0, 0.3)


def fit_of_percent(shape: Shape) -> float:
    """A ring on the left above, a ring on the right below, and a stroke between them."""
    size = between(shape.width, 0.5, 1.1, 0.06) * between(shape.height, 0.85, 1.4, 0.06)
    high = [height for _, _, _, height in shape.parts if height > 0.7 * shape.height]
    rings = rings_of(shape) if size >= LEAST_FIT and len(high) == 1 else []
    if len(rings) != 2:
        return 0.0
    (x, y), (other_x, other_y) = rings
    places = between(y, 0, 0.42, 0.05) * between(other_y, 0.58, 1, 0.05)
    return size * places * between(other_x - x, 0.35, 1, 0.06)


def rings_of(shape: Shape) -> list[tuple[float, float]]:
    """The centres of the holes and of small parts, as shares of the box, from the left to the right."""
    scale = 1 / shape.height, 1 / shape.width
    small = [
        ((x + width / 2) * scale[1], (y + height / 2) * scale[0])
        for x, y, width, height in shape.parts
        if RING <= height < 0.6 * shape.height and 0.6 * height < width < 0.6 * shape.width
    ]
    holes = [centre for centre in hole_centres(shape.ink) if not any(near(centre, part) for part in small)]
    return sorted(small + holes)


def near(one: tuple[float, float], other: tuple[float, float]) -> bool:
    return math.dist(one, other) < 0.2


def hole_centres(mask: NDArray[np.uint8]) -> list[tuple[float, float]]:
    """As shares of the mask's width and height."""
    count, _, stats, centres = cv2.connectedComponentsWithStats(
        cv2.copyMakeBorder(cv2.bitwise_not(mask), 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=(255,)), connectivity=4
    )
    height, width = mask.shape
    surroundings = int(np.argmax(stats[1:, cv2.CC_STAT_WIDTH])) + 1 if count > 1 else 0
    return [
        (float(x) / width, float(y) / height)
        for label, (x, y) in enumerate(centres.tolist())
        if label not in (0, surroundings)
    ]
