"""What is around a digit and no part of it, found among the connected components of the ink."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from app.arrays import Ink, Mask
from app.preprocessing.background import SOFT_EDGE
from app.preprocessing.components import (
    FOREGROUND_LEVEL,
    Component,
    binarize,
    connected_components,
    cut_by_edge,
    find_guide_lines,
    find_printed_frame,
)
from app.preprocessing.constants import integer
from app.preprocessing.punched_holes import find_punched_holes

STRONG_INK = integer("STRONG_INK")


def remove_clutter(ink: Ink) -> Ink:
    """Without the box, ring or lines around the digit, punched holes, and what the picture's edge cuts beside it."""
    components = connected_components(binarize(ink))
    if len(components) not in (1, 2):  # two holes and a digit; or none, since there are too many
        without_holes = remove_punched_holes(ink)
        if without_holes is not ink:
            ink, components = without_holes, connected_components(binarize(without_holes))
    clutter = find_clutter(components, ink.shape)
    return erase(ink, fill_components(clutter, ink.shape)) if clutter else ink


def remove_punched_holes(ink: Ink) -> Ink:
    """Holes are dark: ruled lines that touch them, and shadows, are mostly not."""
    strong = np.asarray(cv2.threshold(ink, STRONG_INK, 255, cv2.THRESH_BINARY)[1], np.uint8)
    holes = find_punched_holes(connected_components(strong), ink.shape)
    return erase(ink, fill_components(holes, ink.shape)) if holes else ink


def find_clutter(components: list[Component], shape: tuple[int, ...]) -> list[Component]:
    """All components that are not part of the digit in a picture of this shape."""
    clutter = cut_by_edge(components, *shape)
    clutter += find_printed_frame([component for component in components if component not in clutter])
    clutter += find_guide_lines([component for component in components if component not in clutter])
    return clutter


def fill_components(components: Sequence[Component], shape: tuple[int, ...]) -> Mask:
    mask = np.zeros(shape, np.uint8)
    for component in components:
        cv2.drawContours(mask, component.outlines, -1, (255,), cv2.FILLED)
    return mask


def erase(ink: Ink, mask: Mask) -> Ink:
    """Without the ink within a mask and its soft edges. If no foreground would be left, nothing is erased."""
    kept = cv2.bitwise_not(cv2.dilate(mask, SOFT_EDGE))
    rest = np.asarray(cv2.bitwise_and(ink, kept), np.uint8)
    return rest if int(rest.max()) > FOREGROUND_LEVEL else ink
