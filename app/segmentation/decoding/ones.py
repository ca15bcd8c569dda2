"""A slash that is written as all of the page's ones are is a one.

A slanted one has the shape of a slash. A writer whose ones all have the same slant writes slashes with another slant.
If the ones of a page differ in slant, as those of several writers do, their slant tells nothing about its slashes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from app.preprocessing.components import binarize
from app.segmentation.decoding.search import Path
from app.segmentation.decoding.strokes import slant_of
from app.segmentation.oversegmentation import Segment

LEAST_ONES = 3  # that tell how the hand writes them
SPREAD = 0.08  # columns for each row up: the greatest standard deviation of the slants of ones that are alike
ALIKE_SLANT = 0.12  # columns for each row up: from their median
ALIKE_HEIGHT = 0.15  # heights
LIKE_A_ONE = -5.0  # score: of a slash that is alike


class Ones(NamedTuple):
    """How a page's ones are written."""

    slant: float  # columns to the right for each row up
    height: float  # in heights of the line's digits

    def score(self, path: Path) -> float:
        """What its slashes add to a path's score."""
        return LIKE_A_ONE * sum(self.is_like(edge.segment) for edge in path.edges if edge.text == "/")

    def is_like(self, segment: Segment) -> bool:
        lean = slant_of(binarize(segment.ink)) - self.slant
        return abs(lean) < ALIKE_SLANT and abs(segment.height - self.height) < ALIKE_HEIGHT


def ones_of(paths: Sequence[Path]) -> Ones | None:
    """Of a page, given the best path of each line; None if its ones are few or differ."""
    segments = [edge.segment for path in paths for edge in path.edges if edge.text == "1"]
    slants = [slant_of(binarize(segment.ink)) for segment in segments]
    if len(segments) < LEAST_ONES or np.std(slants) > SPREAD:
        return None
    return Ones(float(np.median(slants)), float(np.median([segment.height for segment in segments])))
