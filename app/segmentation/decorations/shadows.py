"""Shadows of an arm or a fold, and pale fills: broad areas that are fainter than what is written on them."""

from __future__ import annotations

import cv2
import numpy as np

from app.arrays import Ink, Mask
from app.preprocessing.components import FOREGROUND_LEVEL, label_components, stroke_width

STRONG = 210  # of 255: what is written is so dark, and a shadow is not
BROAD = 3.0  # widths of strokes: no stroke is so broad
LEAST_SIDE = 8.0  # widths of strokes: of a shadow's bounding box
COARSE = 4  # pixels: to see at a glance that a page has none
HOLE = 0.1  # of an area: what light digits in a window leave out of it is at least so much


def without_shadows(page: Ink) -> Ink:
    """The page without broad faint areas; what is written on them is as dark as elsewhere."""
    strong = np.asarray(cv2.threshold(page, STRONG, 255, cv2.THRESH_BINARY)[1], np.uint8)
    pen = stroke_width(strong) if cv2.countNonZero(strong) else 0.0
    if not pen or not has_broad_ink(page, pen):
        return page
    side = 1 + 2 * round(BROAD * pen / 2)
    broad = np.asarray(cv2.morphologyEx(page, cv2.MORPH_OPEN, np.ones((side, side), np.uint8)), np.uint8)
    shadows = find_shadows(broad, page, LEAST_SIDE * pen)
    if shadows is None:
        return page
    shade = np.asarray(cv2.bitwise_and(broad, cv2.dilate(shadows, np.ones((side, side), np.uint8))), np.uint8)
    written = cv2.subtract(page, shade)
    return np.asarray(cv2.divide(written, cv2.bitwise_not(shade), scale=255), np.uint8)


def has_broad_ink(page: Ink, pen: float) -> bool:
    size = (max(1, page.shape[1] // COARSE), max(1, page.shape[0] // COARSE))
    coarse = cv2.resize(page, size, interpolation=cv2.INTER_AREA)
    side = max(1, round(BROAD * pen / COARSE))
    return cv2.minMaxLoc(cv2.erode(coarse, np.ones((side, side), np.uint8), borderValue=(255,)))[1] >= FOREGROUND_LEVEL


def find_shadows(broad: Ink, page: Ink, least_side: float) -> Mask | None:
    """A mask of the areas that are faint all over and have no hole, None if there are none."""
    mask = np.asarray(cv2.threshold(broad, FOREGROUND_LEVEL, 255, cv2.THRESH_BINARY)[1], np.uint8)
    _, labels, stats, _ = label_components(mask)
    shadows = np.zeros_like(mask)
    for label, (x, y, width, height, area) in enumerate(stats.tolist()):
        if not label or min(width, height) < least_side:
            continue
        within = (slice(y, y + height), slice(x, x + width))
        own = np.asarray(labels[within] == label, np.uint8) * 255
        if broad[within][own > 0].max() < STRONG and not has_hole(own, area):
            shadows[within] |= own
    return shadows if shadows.any() else None


def has_hole(own: Mask, area: int) -> bool:
    outlines, _ = cv2.findContours(own, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    filled = np.asarray(cv2.drawContours(np.zeros_like(own), outlines, -1, (255,), cv2.FILLED), np.uint8)
    return cv2.countNonZero(filled) > (1 + HOLE) * area
