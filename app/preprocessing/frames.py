"""What a digit was written on, where a picture shows more than that: a card on a table, or a cell cut out of a form."""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from app.arrays import Grayscale, Mask
from app.preprocessing.background import MIN_CONTRAST, border, other_tone, split_tones, upper_median
from app.preprocessing.components import find_outlines, is_rectangular
from app.preprocessing.constants import integer, number
from app.preprocessing.labels import extend_rows, is_label, is_written_on, without_rim

CARD_AT_BORDER = number("CARD_AT_BORDER")
MIN_CARD_SIDE = integer("MIN_CARD_SIDE")
CARD_SOLIDITY = number("CARD_SOLIDITY")
CARD_FILLED = number("CARD_FILLED")
CARD_ASPECT = number("CARD_ASPECT")
MIN_WRITING = number("MIN_WRITING")
HOLE_CONVEXITY = number("HOLE_CONVEXITY")
MIN_CELL_SIDE = integer("MIN_CELL_SIDE")
MAX_RIM = number("MAX_RIM")
RIM_SHARE = number("RIM_SHARE")
INNER_RIM_SHARE = number("INNER_RIM_SHARE")
SAMPLE_MARGIN = integer("SAMPLE_MARGIN")
SAMPLES = integer("SAMPLES")


class Region(NamedTuple):
    """A rectangle of a picture, cropped."""

    pixels: Grayscale
    top: int
    left: int


# --- a card on a table -----------------------------------------------------------------------------------------------


def find_card(picture: Grayscale, foreground: Mask) -> Region | None:
    """The card or page that stands out as `foreground` from what it lies on, without its rim; None if there is none.

    It is a rectangle, solid but for what is written on it; or solid throughout, and the writing is of another tone. A
    printed box whose lines are the picture's border is such a card too, and so is a label of another convex shape.
    """
    left, top, width, height = cv2.boundingRect(foreground)
    card = foreground[top : top + height, left : left + width]
    if max(foreground.shape) < MIN_CARD_SIDE or cv2.countNonZero(card) < CARD_SOLIDITY * card.size:
        return None
    outline, has_holes = card_outline(card)
    if outline is None:
        return None
    inside = without_rim(outline, card.shape)
    of_card = cv2.countNonZero(cv2.bitwise_and(inside, card))
    if not of_card:  # it is all rim
        return None
    is_solid = of_card >= CARD_FILLED * cv2.countNonZero(inside)
    x, y, width, height = cv2.boundingRect(inside)
    pixels, inside, card = (array[y : y + height, x : x + width] for array in (picture[top:, left:], inside, card))
    background = int(np.median(pixels[cv2.bitwise_and(inside, card) > 0]))
    if not is_rectangular(outline):
        return Region(extend_rows(pixels, inside), top + y, left + x) if is_written_on(pixels, inside) else None
    if not has_holes and not (is_solid and is_broad(outline) and is_convex(outline)):
        return None
    region = Region(np.where(inside > 0, pixels, np.uint8(background)), top + y, left + x)
    return region if has_holes or longest_writing(region.pixels, background) is not None else None


def is_broad(outline: cv2.typing.MatLike) -> bool:
    """Cards are; the stroke of a 1 is not."""
    _, sides, _ = cv2.minAreaRect(outline)
    return min(sides) >= CARD_ASPECT * max(sides)


def find_card_by_tone(picture: Grayscale) -> Region | None:
    """A card on an uneven surface, found as one of the picture's two tones; None if there is none."""
    tone, _, _ = split_tones(picture)
    return find_card(picture, tone) if border(tone).mean() <= CARD_AT_BORDER * 255 else None


def card_outline(card: Mask) -> tuple[NDArray[np.int32] | None, bool]:
    """The longest outline, if it is one of a card or a label, and whether it has holes that are a card's writing."""
    outlines, hierarchy = find_outlines(card, cv2.RETR_TREE)
    if not outlines:
        return None, False
    longest = max(range(len(outlines)), key=lambda i: len(outlines[i]))
    _, _, child, parent = hierarchy[longest]
    if parent >= 0 or not (is_rectangular(outlines[longest]) or is_label(outlines[longest])):
        return None, False
    outline = np.asarray(outlines[longest], np.int32)
    while child >= 0:
        hole, (following, _, island, _) = outlines[child], hierarchy[child]
        is_long = max(cv2.boundingRect(hole)[2:]) > MIN_WRITING * max(card.shape)
        # The holes of a thick zero or eight are convex and empty.
        if is_long and (island >= 0 or not is_convex(hole)):
            return outline, True
        child = following
    return outline, False


def is_convex(outline: cv2.typing.MatLike) -> bool:
    return cv2.contourArea(outline) >= HOLE_CONVEXITY * cv2.contourArea(cv2.convexHull(outline))


# --- a cell cut out of a form ----------------------------------------------------------------------------------------


def find_cell(picture: Grayscale) -> Region | None:
    """The inside of a rim along all four edges, as where a form's cell was cut out by its lines; None without one.

    The inside must hold writing that is no rectangle: a printed zero without a margin is such a rim, around a hole.
    """
    if min(picture.shape) < MIN_CELL_SIDE:
        return None
    rim, background = upper_median(border(picture)), sampled_background(picture)
    if abs(background - rim) < MIN_CONTRAST:
        return None
    how = cv2.THRESH_BINARY if rim > background else cv2.THRESH_BINARY_INV
    like_rim = np.asarray(cv2.threshold(picture, (rim + background) // 2, 255, how)[1], np.uint8)
    height, width = picture.shape
    top, bottom, left, right = (rim_width(view) for view in views_from_edges(like_rim))
    inside = like_rim[top : height - bottom, left : width - right]
    if not min(top, bottom, left, right) or not is_open(inside):
        return None
    cell = picture[top + 1 : height - bottom - 1, left + 1 : width - right - 1]  # the rim's inner edge is soft
    return Region(cell, top + 1, left + 1) if holds_writing(cell, background) else None


def sampled_background(picture: Grayscale) -> int:
    """The median grey level of a sample of the pixels that are not near the edges."""
    margin, step = min(picture.shape) // SAMPLE_MARGIN, 1 + max(picture.shape) // SAMPLES
    return upper_median(picture[margin:-margin:step, margin:-margin:step].ravel())


def views_from_edges(mask: Mask) -> tuple[Mask, Mask, Mask, Mask]:
    """Views from the top, the bottom, the left and the right, whose first row is the outermost."""
    return mask, mask[::-1], mask.T, mask.T[::-1]


def row_means(mask: Mask) -> NDArray[np.float64]:
    return np.asarray(mask.mean(axis=1) / 255, np.float64)


def rim_width(like_rim: Mask) -> int:
    """How many rows the rim has in this view; 0 if there is no rim, or no end of it."""
    widest = int(MAX_RIM * min(like_rim.shape))
    others = np.flatnonzero(row_means(like_rim[: widest + 1]) < RIM_SHARE)
    return int(others[0]) if len(others) else 0


def is_open(inside: Mask) -> bool:
    """Whether the two outermost rows in each view are mostly background."""
    return all(row_means(view[:2]).max() <= INNER_RIM_SHARE for view in views_from_edges(inside))


def holds_writing(cell: Grayscale, background: int) -> bool:
    longest = longest_writing(cell, background)
    return longest is not None and not is_rectangular(longest)


def longest_writing(cell: Grayscale, background: int) -> cv2.typing.MatLike | None:
    """The longest outline of what differs from the background, if it is long enough."""
    outlines, _ = find_outlines(other_tone(cell, background), cv2.RETR_EXTERNAL)
    if not outlines:  # or too many to be traced
        return None
    longest = max(outlines, key=len)
    return longest if max(cv2.boundingRect(longest)[2:]) > MIN_WRITING * max(cell.shape) else None
