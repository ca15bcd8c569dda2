"""Whether ink is a single stroke from the top to the bottom, and how that leans and bows."""

from __future__ import annotations

import math
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from app.arrays import Mask

THIN_STROKE = 1.7  # pens: a single stroke's ink, for each pixel of its length, is no more
WIDEST_RUN = 1.8  # pens, measured across: in a row of a single stroke,
FEWEST_ROWS = 8  # of a stroke whose bow is measured
SPLIT_ROWS = 0.06  # except in this share of its rows


class Stroke(NamedTuple):
    """A single stroke from the top to the bottom."""

    slant: float  # columns to the right for each row up
    sagitta: float  # of its bow: how far its middle lies to the right of its ends, as a share of its length


def single_stroke(ink: NDArray[np.bool_], pen: float) -> Stroke | None:
    """None if there is more: a loop, a corner or a bar."""
    height, width = ink.shape
    if (
        height < 2 * pen
        or height < FEWEST_ROWS
        or np.count_nonzero(ink) > THIN_STROKE * pen * math.hypot(height, width)
    ):
        return None
    counts = ink.sum(axis=1)
    inked = counts > 0
    runs = np.count_nonzero(np.diff(ink, axis=1, prepend=False), axis=1)  # beginnings and ends
    widest = WIDEST_RUN * pen * math.hypot(1, width / height)
    if np.mean(runs > 2) > SPLIT_ROWS or np.mean(counts > widest) > SPLIT_ROWS:
        return None
    rows = np.flatnonzero(inked)
    centres = (ink @ np.arange(width))[inked] / counts[inked]
    along = 2 * (rows - rows[0]) / max(1, rows[-1] - rows[0]) - 1  # -1 at its top, 1 at its bottom
    quadratic, linear, _ = np.polyfit(along, centres, 2)
    return Stroke(float(-2 * linear / height), float(-quadratic / height))


def slant_of(mask: Mask) -> float:
    """Columns to the right for each row up: the slope of the line through the rows' middles (least squares)."""
    moments = cv2.moments(mask, binaryImage=True)
    return -moments["mu11"] / moments["mu02"] if moments["mu02"] > 1 else 0.0
