"""Windows: solid rectangles that digits are cut out of, one in each of a row or several in one, as those of a counter;
and solid discs with a number, as those of badges.

The page's ink is what differs from its ground, so the windows are ink, and the digits in them are holes.
"""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from app.arrays import Ink, Mask
from app.preprocessing.components import Box, binarize, is_rectangular, label_components
from app.preprocessing.ruled_lines import MAX_LINE_SLOPE
from app.segmentation.decorations.regions import Region, Slices, components_of

SMALLEST = 24  # pixels: a window's shorter side
LEAST_WINDOWS = 2  # if each has a single digit
SOLID = 0.72  # of a window is ink at least: of a block letter less
ROUND = 0.88  # of the circle around a disc
SOLID_DISC = 0.55  # of a disc is ink at least
CONCAVE = 0.9  # of its convex hull: a digit covers less, unless it is a 1; the counter of a round 0 more
UPRIGHT_SOLID = 0.5  # of the upright box around one that is tilted
HOLE_HEIGHT = 0.3  # of a window: a digit in it is as high
NARROW = 0.15  # heights: a hole that may be a line between digits
ALIKE = 1.25  # times as high as another: windows of one counter, digits in one window
LEAST_DIGITS = 2  # in a window that is alone
OFF_LINE = 0.15  # of the digits' height: they end no further from one straight line
PALE = 128  # of 255: what differs less from the ground is another shade of it, such as a red wheel
RIM = 2  # pixels: a window's soft edge


class Window(NamedTuple):
    """A part of the page with a window, and a mask of the window with its digits."""

    within: Slices
    filled: Mask
    height: int  # pixels
    digit_height: float  # pixels; 0 if it has no row of them
    is_disc: bool = False
    has_concave_hole: bool = False

    @property
    def has_row(self) -> bool:
        return self.digit_height > 0


def invert_windows(page: Ink) -> Ink:
    """The page with the digits of its windows as ink, in place of the windows; as it is if there are none."""
    found = [window for region in components_of(binarize(page), may_be_window) if (window := window_of(region))]
    windows, discs = ([window for window in found if window.is_disc == is_disc] for is_disc in (False, True))
    if not are_alike(windows):
        windows = [window for window in windows if window.has_row]
    if any(disc.has_concave_hole for disc in discs):  # else they are round zeros
        windows += discs
    if not windows:
        return page
    inverted = page.copy()
    for window in windows:
        inverted[window.within] = inverted_part(page[window.within], window)
    return inverted


def are_alike(windows: list[Window]) -> bool:
    heights = [window.height for window in windows]
    return len(windows) >= LEAST_WINDOWS and max(heights) <= ALIKE * min(heights)


def inverted_part(part: Ink, window: Window) -> Ink:
    soft_edge = np.ones((2 * RIM + 1,) * 2, np.uint8)
    inside = cv2.erode(window.filled, soft_edge, borderValue=(0,)) > 0
    whole = cv2.dilate(window.filled, soft_edge) > 0
    return np.where(inside, digits_as_ink(part, window), np.where(whole, np.uint8(0), part))


def digits_as_ink(part: Ink, window: Window) -> Ink:
    """In a window with a row of digits its ground may be of several shades, and lines may divide it."""
    if not window.has_row:
        return np.asarray(cv2.bitwise_not(part), np.uint8)
    side = round(window.digit_height)
    filled = cv2.max(part, cv2.bitwise_not(window.filled))
    ground = np.maximum(cv2.morphologyEx(filled, cv2.MORPH_CLOSE, np.ones((side, side), np.uint8)), 1)
    share = cv2.divide(cv2.subtract(ground, part), ground, scale=255)
    ink = np.asarray(cv2.convertScaleAbs(cv2.subtract(share, np.full_like(share, PALE)), alpha=255 / (255 - PALE)))
    _, labels, stats, _ = label_components(binarize(np.asarray(ink, np.uint8)))
    is_line = stats[:, cv2.CC_STAT_HEIGHT] > ALIKE * window.digit_height
    is_line &= stats[:, cv2.CC_STAT_WIDTH] < NARROW * stats[:, cv2.CC_STAT_HEIGHT]
    is_line[0] = False
    lines = cv2.dilate(np.where(is_line[labels], np.uint8(255), np.uint8(0)), np.ones((3, 3), np.uint8))
    return np.asarray(cv2.bitwise_and(ink, cv2.bitwise_not(lines)), np.uint8)


def may_be_window(box: Box, area: int) -> bool:
    return min(box.width, box.height) >= SMALLEST and area >= UPRIGHT_SOLID * box.width * box.height


def window_of(region: Region) -> Window | None:
    """None if the component is neither a rectangle nor a disc, or has no hole as high as a digit."""
    (outline, *_), _ = cv2.findContours(region.mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    filled = np.asarray(cv2.drawContours(np.zeros_like(region.mask), [outline], 0, (255,), cv2.FILLED), np.uint8)
    sides, ink = cv2.minAreaRect(outline)[1], cv2.countNonZero(region.mask)
    is_window = ink >= SOLID * sides[0] * sides[1] and is_rectangular(outline)
    is_disc = not is_window and is_round(outline) and ink >= SOLID_DISC * cv2.countNonZero(filled)
    if not is_window and not is_disc:
        return None
    holes = np.asarray(cv2.bitwise_and(filled, cv2.bitwise_not(region.mask)), np.uint8)
    height = cv2.boundingRect(filled)[3]
    if cv2.boundingRect(holes)[3] < HOLE_HEIGHT * height:
        return None
    if is_disc:
        return Window(region.within, filled, height, 0, is_disc=True, has_concave_hole=is_concave(holes, height))
    return Window(region.within, filled, height, row_height(label_components(holes)[2][1:], min(sides)))


def is_round(outline: cv2.typing.MatLike) -> bool:
    _, radius = cv2.minEnclosingCircle(outline)
    return cv2.contourArea(outline) >= ROUND * np.pi * radius**2


def is_concave(holes: Mask, height: int) -> bool:
    """Whether a hole as high as a digit is no counter of a letter or a zero."""
    outlines, _ = cv2.findContours(holes, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    high = [outline for outline in outlines if cv2.boundingRect(outline)[3] >= HOLE_HEIGHT * height]
    return any(cv2.contourArea(outline) < CONCAVE * cv2.contourArea(cv2.convexHull(outline)) for outline in high)


def row_height(holes: NDArray[np.int32], height: float) -> float:
    """How high the digits are whose holes are beside each other in a window of this height; 0 if there is no such row.

    `holes`: (n, 5), the stats of each.
    """
    high = holes[holes[:, cv2.CC_STAT_HEIGHT] >= HOLE_HEIGHT * height]
    left, top, width, tall, _ = high[high[:, cv2.CC_STAT_WIDTH] >= NARROW * high[:, cv2.CC_STAT_HEIGHT]].T
    if len(tall) < LEAST_DIGITS or (width > ALIKE * tall).any() or tall.max() > ALIKE * tall.min():
        return 0.0
    order = np.argsort(left)
    right, bottom = (left + width)[order], (top + tall)[order]
    slope, start = np.polyfit(right, bottom, 1)
    off = bottom - slope * right - start
    typical = float(np.median(tall))
    is_line = abs(slope) <= MAX_LINE_SLOPE and np.abs(off).max() <= OFF_LINE * typical
    return typical if is_line and (left[order][1:] >= right[:-1] - OFF_LINE * typical).all() else 0.0
