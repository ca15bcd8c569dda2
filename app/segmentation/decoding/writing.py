"""What is the same along a line: the height of its digits, where they stand, and the hand's pen and slant."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple, Self

import cv2
import numpy as np

from app.arrays import Ink
from app.preprocessing.components import binarize, label_components
from app.segmentation.decoding.strokes import single_stroke, slant_of
from app.segmentation.oversegmentation import Strip

# Lengths in heights of the line's digits.
LONG_LINE = 2.0  # a shorter line is taken to be level
BOWED = 0.06  # of its length: a stroke with such a bow is a bracket rather than a digit
LEANING = 0.2  # columns for each row more than the hand's slant: a slash rather than a digit
HIGH = 0.7  # a component as high as a digit
WIDEST = 1.0  # of a single digit


class Writing(NamedTuple):
    """What is the same along a line."""

    height: float  # of its digits, in pixels of the strip
    base: tuple[float, float]  # the slope and the offset of the line that they stand on
    pen: float  # the width of its strokes, in pixels
    slant: float  # columns to the right for each row up

    @classmethod
    def of(cls, strip: Strip, slant: float) -> Self:
        mask = binarize(strip.ink)
        pen = pen_width(mask)
        digits = boxes_of_digits(strip, mask, pen, slant)
        if not digits:
            return cls(strip.height, (0.0, float(strip.middle.mean()) + strip.height / 2), pen, slant)
        x, y, width, height = np.array(digits, np.float64).T
        middles, bottoms = x + width / 2, y + height
        slope = float(np.polyfit(middles, bottoms, 1)[0]) if np.ptp(middles) > LONG_LINE * strip.height else 0.0
        return cls(float(np.median(height)), (slope, float(np.median(bottoms - slope * middles))), pen, slant)


def pen_width(mask: Ink) -> float:
    """The mean distance of ink from a stroke's edge is a quarter of its width, and half a pixel."""
    distances = cv2.distanceTransform(np.pad(mask, 1), cv2.DIST_L2, 3)[1:-1, 1:-1]
    return max(1.0, 4 * float(cv2.mean(distances, mask)[0]) - 2)


def boxes_of_digits(strip: Strip, mask: Ink, pen: float, slant: float) -> list[tuple[int, int, int, int]]:
    """x, y, width and height of the components as high as digits; slashes and brackets only if there are no others."""
    _, labels, stats, _ = label_components(mask)
    high: list[tuple[int, int, int, int]] = []
    others: list[tuple[int, int, int, int]] = []
    for label, (x, y, width, height, _) in enumerate(stats.tolist()):
        if label and height >= HIGH * strip.height:
            own = labels[y : y + height, x : x + width] == label
            stroke = single_stroke(own, pen)
            is_mark = stroke and (abs(stroke.sagitta) > BOWED or stroke.slant - slant > LEANING)
            (others if is_mark else high).append((x, y, width, height))
    return high or others


def typical_slant(strips: Sequence[Strip]) -> float:
    """The median over the components as high as digits: slashes are fewer than digits."""
    slants = [slant for strip in strips for slant in slants_of(strip)]
    return float(np.median(slants)) if slants else 0.0


def slants_of(strip: Strip) -> Iterator[float]:
    """Of each component as high as a digit."""
    _, labels, stats, _ = label_components(binarize(strip.ink))
    for label, (x, y, width, height, _) in enumerate(stats.tolist()):
        if label and height >= HIGH * strip.height and width < WIDEST * strip.height:
            own = (labels[y : y + height, x : x + width] == label).astype(np.uint8)
            yield slant_of(own)
