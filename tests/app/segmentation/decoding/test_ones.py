"""Slashes that are written as the page's ones are."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from app.segmentation.decoding.lattice import Edge
from app.segmentation.decoding.ones import LIKE_A_ONE, ones_of
from app.segmentation.decoding.search import Path
from app.segmentation.oversegmentation import Segment


def path(*strokes: tuple[str, float, float]) -> Path:
    """Each stroke's text, its columns to the right for each row up, and its height."""
    edges = []
    for place, (text, slant, height) in enumerate(strokes):
        ink = np.zeros((40, 60), np.uint8)
        cv2.line(ink, (round(30 + 20 * slant), 0), (round(30 - 20 * slant), 39), (255,), 4)
        edges.append(Edge(Segment(place, place + 1, (0, 0, 60, 40), height, ink), "digit", text, 1.0, 0.0))
    return Path(0.0, edges, "".join(text for text, *_ in strokes))


@pytest.mark.parametrize(
    ("slant", "height", "expected"), [(0.25, 1.0, LIKE_A_ONE), (0.45, 1.0, 0), (0.25, 1.3, 0), (0.05, 1.0, 0)]
)
def test_a_slash_with_the_slant_and_height_of_all_ones_is_unlikely(
    slant: float, height: float, expected: float
) -> None:
    ones = ones_of([path(("1", 0.25, 1.0), ("1", 0.3, 1.05)), path(("1", 0.2, 0.95))])
    assert ones
    assert ones.score(path(("9", 0.25, 1.0), ("/", slant, height))) == expected


@pytest.mark.parametrize("slants", [(0.25, 0.25), (0.0, 0.25, 0.5)])
def test_few_ones_or_those_of_many_hands_tell_nothing(slants: tuple[float, ...]) -> None:
    assert ones_of([path(*(("1", slant, 1.0) for slant in slants))]) is None
