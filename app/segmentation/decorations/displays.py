"""The segments of the digits on a display, which have gaps between them, are joined to digits."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from app.arrays import Ink, Mask
from app.preprocessing.components import FOREGROUND_LEVEL, binarize, find_outlines, stroke_width
from app.preprocessing.scaling import scaled_size
from app.segmentation import layout

BAR_WIDTH = 2  # strokes: no segment is wider
BAR_FILL = 0.65  # of the smallest rectangle around a segment: pointed ends leave the corners empty
SHARE_OF_BARS = 0.6  # of all that outlines enclose
SEGMENT_HEIGHT = 0.75  # of a digit: a segment of it is lower
# Gaps between segments, in mean widths of their strokes, which the ends of short ones lower.
CORNER_GAP = 1.3
MIDDLE_GAP = 2.0  # from the upper half to the lower half of a one
WIDEST_CLOSED = 10.0  # pixels: of strokes whose gaps are closed
BRIDGE = np.uint8(FOREGROUND_LEVEL + 1)  # ink: just enough to join two segments


def join_segments(page: Ink) -> Ink:
    """The page with the gaps closed between the segments of its digits, as on displays, if it has such digits.

    Digits have segments if most components are bars or dots, and closing gaps as wide as their strokes makes them much
    higher.
    """
    mask = binarize(page)
    width = stroke_width(page)
    if not is_of_bars(mask, BAR_WIDTH * width):
        return page
    closed = with_closed_gaps(mask, width)
    segments, _ = layout.largest_components(mask)
    digits, _ = layout.largest_components(closed)
    if not segments or layout.typical_height(segments) > SEGMENT_HEIGHT * layout.typical_height(digits):
        return page
    return np.maximum(page, np.minimum(closed, BRIDGE))  # so faint that the segments still show


def is_of_bars(mask: Mask, width: float) -> bool:
    """Whether most of what the outlines enclose is in bars and dots: narrow, and filling the rectangle around them."""
    outlines, _ = find_outlines(mask, cv2.RETR_EXTERNAL)
    areas = np.array([cv2.contourArea(outline) + len(outline) / 2 for outline in outlines])
    sides = np.array([cv2.minAreaRect(outline)[1] for outline in outlines]).reshape(-1, 2) + 1
    if not any(width > height for _, _, width, height in map(cv2.boundingRect, outlines)):
        return False  # ones below each other
    is_bar = (areas >= BAR_FILL * sides.prod(axis=1)) & (sides.min(axis=1) <= width)
    return bool(areas[is_bar].sum() > SHARE_OF_BARS * areas.sum())


def with_closed_gaps(mask: Mask, width: float) -> Mask:
    """`width`: of the strokes. Wide ones are reduced first: a closing takes time in proportion to its kernel."""
    scale = min(1.0, WIDEST_CLOSED / width)
    small = cv2.resize(mask, scaled_size(mask, scale), interpolation=cv2.INTER_AREA) if scale < 1 else mask
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (1 + round(CORNER_GAP * width * scale),) * 2)
    column = np.ones((1 + round(MIDDLE_GAP * width * scale), 1), np.uint8)
    closed = closed_with(closed_with(np.asarray(small, np.uint8), np.asarray(disc, np.uint8)), column)
    if scale < 1:
        closed = binarize(np.asarray(cv2.resize(closed, mask.shape[::-1], interpolation=cv2.INTER_LINEAR), np.uint8))
    return np.asarray(cv2.bitwise_or(mask, closed), np.uint8)


def closed_with(mask: Mask, kernel: NDArray[np.uint8]) -> Mask:
    """The morphological closing; nothing is closed towards the page's edges."""
    margin = max(kernel.shape)
    roomy = cv2.copyMakeBorder(mask, margin, margin, margin, margin, cv2.BORDER_CONSTANT)
    closed = cv2.morphologyEx(roomy, cv2.MORPH_CLOSE, kernel)[margin:-margin, margin:-margin]
    return np.asarray(closed, np.uint8)
