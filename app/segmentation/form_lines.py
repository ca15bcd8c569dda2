"""Boxes, combs and tables to write into: their lines are found although digits touch them."""

from __future__ import annotations

import math
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from app.arrays import Mask
from app.preprocessing.frames import is_rectangular
from app.preprocessing.ink import STEEPEST, counts_of_sheared_rows

SMALLEST = 32  # shorter side, in pixels
HOLLOW = 0.5  # of its box: no form has more ink, digits included
SLOPES: list[float] = np.linspace(-STEEPEST, STEEPEST, 71).tolist()  # finer than ruled paper's: a form's lines are long
LEVEL, UPRIGHT = 0.85, 0.9  # of the form's width, and from its top to its bottom: a line covers as much
THICKEST, THIN = 0.12, 6  # of a form's height, and in pixels: no line is thicker, and one so thin is none too thick
HIGH = 0.6  # of a form's height: its top line and its bottom line are so far apart
OPEN = 1.5  # as wide as high: a comb, which may have no top or no bottom
AS_HIGH = 0.4  # of its box: a digit
NOT_QUITE_STRAIGHT, NEAR = np.ones((3, 3), np.uint8), np.ones((7, 7), np.uint8)
AT_THE_ENDS = 1 / 6  # of a form's width: where its first upright and its last one are


class Lines(NamedTuple):
    """255 on them."""

    level: Mask
    upright: Mask


def lines_of_forms(inked: Mask) -> Lines | None:
    """Of all forms there are; None if there is none."""
    _, labels, stats, _ = cv2.connectedComponentsWithStats(inked, connectivity=8, ltype=cv2.CV_32S)
    found = Lines(np.zeros_like(inked), np.zeros_like(inked))
    for label, (left, top, width, height, area) in enumerate(stats.tolist()):
        if label == 0 or min(width, height) < SMALLEST or area > HOLLOW * width * height:
            continue
        here = slice(top, top + height), slice(left, left + width)
        own = np.where(labels[here] == label, np.uint8(255), np.uint8(0))
        lines = lines_of_form(own) if is_rectangular(cv2.findNonZero(own)) else None
        if lines and (width >= OPEN * height or holds_a_digit(lines, inked[here])):
            for whole, part in zip(found, lines, strict=True):
                whole[here] |= part
    return found if found.level.any() else None


def holds_a_digit(lines: Lines, inked: Mask) -> bool:
    """Whether there is ink as high as a digit is in a box. Else the box may be a digit: 0, or 8 with a line across."""
    _, _, _, height = cv2.boundingRect(cv2.bitwise_and(inked, cv2.bitwise_not(lines.level | lines.upright)))
    return height >= AS_HIGH * len(inked)


def lines_of_form(own: Mask) -> Lines | None:
    """Of ink that is connected; None if it is no form."""
    room = int(STEEPEST * own.shape[1]) + 3
    roomy = cv2.copyMakeBorder(own, room, room, room, room, cv2.BORDER_CONSTANT)
    size = roomy.shape[::-1]
    turn = cv2.getRotationMatrix2D((size[0] / 2, size[1] / 2), math.degrees(math.atan(slope_of(own))), 1)
    straight = cv2.threshold(cv2.warpAffine(roomy, turn, size), 100, 255, cv2.THRESH_BINARY)[1]
    straight = cv2.dilate(straight, NOT_QUITE_STRAIGHT)  # such a line has one row too
    left, top, width, height = cv2.boundingRect(straight)
    found = straight_lines(straight[top : top + height, left : left + width] > 0)
    if not found:
        return None

    def where_it_was(lines: NDArray[np.bool_]) -> Mask:
        drawn = np.zeros_like(straight)
        drawn[top : top + height, left : left + width][lines] = 255
        back = cv2.warpAffine(drawn, turn, size, flags=cv2.INTER_NEAREST | cv2.WARP_INVERSE_MAP)
        return np.asarray(back[room:-room, room:-room], np.uint8)

    level, upright = map(where_it_was, found)
    return Lines(level | beside(level | upright, own), upright)


def beside(lines: Mask, own: Mask) -> Mask:
    """What is left of a form's lines when they are taken away: connected ink that is near them everywhere."""
    rest = cv2.bitwise_and(own, cv2.bitwise_not(lines))
    _, labels = cv2.connectedComponents(rest, connectivity=8, ltype=cv2.CV_32S)
    elsewhere = np.unique(labels[cv2.dilate(lines, NEAR) == 0])
    return np.where(np.isin(labels, elsewhere), np.uint8(0), rest)


def slope_of(own: Mask) -> float:
    """That of `SLOPES` at which, sheared by it, the fewest rows hold the most ink."""
    y, x = np.nonzero(own[:, ::2])
    height, width = own.shape
    counts = counts_of_sheared_rows(y, 2 * x, height, width, SLOPES)
    return SLOPES[max(range(len(SLOPES)), key=lambda i: int(np.square(counts[i]).sum()))]


def straight_lines(inked: NDArray[np.bool_]) -> tuple[NDArray[np.bool_], NDArray[np.bool_]] | None:
    """The level lines and the uprights, where a form stands straight; None if it is no form."""
    height, width = inked.shape
    level = np.flatnonzero(inked.mean(axis=1) >= LEVEL)
    thickest = max(THIN, THICKEST * height)
    if not 0 < longest_run(level) <= thickest:
        return None
    top, bottom = int(level[0]), int(level[-1])
    if bottom - top < HIGH * height:
        if width < OPEN * height:
            return None
        top, bottom = (0, bottom) if top > height / 2 else (top, height - 1)
    upright = np.flatnonzero(inked[top : bottom + 1].mean(axis=0) >= UPRIGHT)
    if not 0 < longest_run(upright) <= thickest:
        return None
    if upright[0] > AT_THE_ENDS * width or upright[-1] < (1 - AT_THE_ENDS) * width:
        return None
    rows, columns = np.zeros_like(inked), np.zeros_like(inked)
    rows[level] = True
    columns[top : bottom + 1, upright] = True
    return rows, columns


def longest_run(places: NDArray[np.intp]) -> int:
    """Of neighbours, in ascending order."""
    return max(len(run) for run in np.split(places, np.flatnonzero(np.diff(places) > 1) + 1))
