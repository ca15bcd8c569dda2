"""What is around the writing: a table it lies on, a rim, a box or a ring, lines, and what the picture's edge cuts."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from app.arrays import Grayscale, Mask
from app.preprocessing.background import border
from app.preprocessing.decode import MIN_CONTRAST

SMALLEST_SHEET = 64  # longer side, in pixels
SOLID = 0.5  # of its box: a sheet covers more of it, and hardly a drawing does
WRITTEN = 0.2  # of a sheet's longer side: writing is as long
CONVEX = 0.9  # of its hull: what a hole fills that may be a digit's own
RECTANGULAR, ROUND = 0.9, 0.74  # of its box, which may be turned: a circle fills 0.785 of it
AS_WIDE = 0.8  # as high, or nearly: a ring. A zero that holds a dot is narrower
HELD, AS_LONG = 0.2, 0.45  # of a frame's ink and of its height: what it holds has as much
INSIDE = 0.15  # of what the edge cuts: a part inside has this share of its ink, or it is no digit's
MOST_OUTLINES = 500  # of more, most are noise
SMALLEST_RIMMED, RIM_TO = 12, 0.15  # shorter side, in pixels; the rim's share of it on each side
RIM, INNER = 0.9, 0.34  # of a row's pixels: as many are like the rim in it, and at most so many in the two rows within
SAMPLES = 32  # along the longer side: so many pixels tell what is paper
STEEP, BEYOND = 0.15, 0.1  # of a line's length, its other side; and of a digit's, how far a line goes on beyond it
CRUMB = 0.04  # of the largest part: smaller ones do not tell where the digit is
NEAR = 0.05  # of the digit's longer side: what the edge cuts may be a piece of a digit so near


class Sheet(NamedTuple):
    """A piece of a picture."""

    pixels: Grayscale
    top: int
    left: int


def sheet_in(picture: Grayscale, inked: Mask) -> Sheet | None:
    """The card or page that stands out from another ground, given what stands out; None if that is no sheet.

    It is a rectangle, solid but for what is written on it. Its rim is left out: a box whose lines are the picture's
    border is such a sheet too.
    """
    if max(inked.shape) < SMALLEST_SHEET:
        return None
    left, top, width, height = cv2.boundingRect(inked)
    inked = inked[top : top + height, left : left + width]
    if cv2.countNonZero(inked) < SOLID * inked.size:
        return None
    outline = written_rectangle(inked)
    if outline is None:
        return None
    within = inner_part(outline, inked.shape)
    x, y, width, height = cv2.boundingRect(within)
    here, within, inked = (each[y : y + height, x : x + width] for each in (picture[top:, left:], within, inked))
    paper = np.uint8(np.median(here[cv2.bitwise_and(within, inked) > 0]))
    return Sheet(np.where(within > 0, here, paper), top + y, left + x)


def within_rim(picture: Grayscale) -> Sheet | None:
    """What a line along all four edges encloses, as where a box of a form was cut out by its lines; None without one.

    It holds writing that is no rectangle: a printed zero in its margin is such a line too, around a hole.
    """
    if min(picture.shape) < SMALLEST_RIMMED:
        return None
    rim, paper = middle(border(picture)), usual_inside(picture)
    if abs(paper - rim) < MIN_CONTRAST:
        return None
    how = cv2.THRESH_BINARY if rim > paper else cv2.THRESH_BINARY_INV
    like_rim = np.asarray(cv2.threshold(picture, (rim + paper) // 2, 255, how)[1], np.uint8)
    height, width = picture.shape
    top, bottom, left, right = (rim_depth(each) for each in sides(like_rim))
    inside = like_rim[top : height - bottom, left : width - right]
    if not min(top, bottom, left, right) or any(mean_of_rows(each[:2]).max() > INNER for each in sides(inside)):
        return None
    here = slice(top + 1, height - bottom - 1), slice(left + 1, width - right - 1)  # a line's edge is soft
    return Sheet(picture[here], top + 1, left + 1) if holds_writing(picture[here], paper) else None


def usual_inside(picture: Grayscale) -> int:
    """The brightness of most pixels that are not near the edges, as some of them tell."""
    away, step = min(picture.shape) // 6, 1 + max(picture.shape) // SAMPLES
    return middle(picture[away:-away:step, away:-away:step].ravel())


def middle(values: NDArray[np.uint8]) -> int:
    """The median, the upper one of two: NumPy's takes 10 us longer."""
    return int(np.partition(values, len(values) // 2)[len(values) // 2])


def sides(picture: Mask) -> tuple[Mask, Mask, Mask, Mask]:
    """Seen from the top, the bottom, the left and the right, as rows from the outside to the inside."""
    return picture, picture[::-1], picture.T, picture.T[::-1]


def mean_of_rows(mask: Mask) -> NDArray[np.float64]:
    return np.asarray(mask.mean(axis=1) / 255, np.float64)


def rim_depth(like_rim: Mask) -> int:
    """How many rows the rim has on this side; 0 if there is none, or no end of it."""
    most = int(RIM_TO * min(like_rim.shape))
    others = np.flatnonzero(mean_of_rows(like_rim[: most + 1]) < RIM)
    return int(others[0]) if len(others) else 0


def holds_writing(picture: Grayscale, paper: int) -> bool:
    away = np.asarray(cv2.absdiff(picture, np.full_like(picture, paper)), np.uint8)
    if int(away.max()) < MIN_CONTRAST:
        return False
    inked = cv2.threshold(away, int(away.max()) // 2, 255, cv2.THRESH_BINARY)[1]
    outlines, _ = cv2.findContours(inked, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    longest = max(outlines, key=len)
    return max(cv2.boundingRect(longest)[2:]) > WRITTEN * max(picture.shape) and not is_rectangular(longest)


def written_rectangle(inked: Mask) -> NDArray[np.int32] | None:
    """The outline of what is widest, if it is a rectangle and has holes that are writing."""
    outlines, kinship = cv2.findContours(inked, cv2.RETR_TREE, cv2.CHAIN_APPROX_NONE)
    widest = max(range(len(outlines)), key=lambda i: len(outlines[i]))
    _, _, child, parent = kinship[0][widest]
    if parent >= 0 or not is_rectangular(outlines[widest]):
        return None
    while child >= 0:
        hole, island = outlines[child], kinship[0][child][2]
        long_enough = max(cv2.boundingRect(hole)[2:]) > WRITTEN * max(inked.shape)
        # A thick zero's hole, or those of an eight, are convex and empty.
        if long_enough and (island >= 0 or cv2.contourArea(hole) < CONVEX * cv2.contourArea(cv2.convexHull(hole))):
            return np.asarray(outlines[widest], np.int32)
        child = kinship[0][child][0]
    return None


def is_rectangular(points: cv2.typing.MatLike) -> bool:
    """Whether their hull fills the corners of the smallest box around them, which may be turned."""
    _, (width, height), _ = cv2.minAreaRect(points)
    return cv2.contourArea(cv2.convexHull(points)) > RECTANGULAR * width * height


def inner_part(outline: NDArray[np.int32], shape: tuple[int, ...]) -> Mask:
    """What an outline encloses, without its rim."""
    filled = cv2.drawContours(np.zeros(shape, np.uint8), [outline], 0, (255,), cv2.FILLED)
    rim = 3 + 2 * round(0.01 * max(shape))
    roomy = cv2.copyMakeBorder(filled, 1, 1, 1, 1, cv2.BORDER_CONSTANT)
    return np.asarray(cv2.erode(roomy, np.ones((rim, rim), np.uint8))[1:-1, 1:-1], np.uint8)


@dataclass(frozen=True)
class Box:
    """Around some ink."""

    left: int
    top: int
    right: int  # ends exclusive
    bottom: int

    @property
    def width(self) -> int:
        return self.right - self.left

    @property
    def height(self) -> int:
        return self.bottom - self.top

    @property
    def middle(self) -> float:
        return (self.top + self.bottom) / 2


def gap(one: Box, other: Box) -> float:
    x = max(one.left, other.left) - min(one.right, other.right)
    y = max(one.top, other.top) - min(one.bottom, other.bottom)
    return math.hypot(max(0, x), max(0, y))


def is_within(one: Box, other: Box) -> bool:
    return one.left > other.left and one.top > other.top and one.right < other.right and one.bottom < other.bottom


@dataclass(frozen=True, eq=False)
class Part(Box):
    """Ink that is connected."""

    area: float  # in pixels
    outlines: list[cv2.typing.MatLike]  # its own, then its holes'


def surroundings(inked: Mask) -> Mask | None:
    """What is there beside a digit and is none of it, 255 there: what the picture's edge cuts, a frame, and lines."""
    parts = parts_of(inked)
    gone = cut_off(parts, *inked.shape)
    gone += frame_among([part for part in parts if part not in gone])
    gone += lines_beside([part for part in parts if part not in gone])
    if not gone:
        return None
    around = np.zeros_like(inked)
    for part in gone:
        cv2.drawContours(around, part.outlines, -1, (255,), cv2.FILLED)
    return around


def parts_of(inked: Mask) -> list[Part]:
    """Nothing where they are so many that most are noise."""
    outlines, kinship = cv2.findContours(inked, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
    if not 1 < len(outlines) <= MOST_OUTLINES:
        return []
    together: dict[int, list[cv2.typing.MatLike]] = {}
    for i, (outline, kin) in enumerate(zip(outlines, kinship[0].tolist(), strict=True)):
        together.setdefault(i if kin[3] < 0 else kin[3], []).append(outline)  # a hole has a parent, and comes after it
    return [part_of(each) for each in together.values()]


def part_of(outlines: list[cv2.typing.MatLike]) -> Part:
    left, top, width, height = cv2.boundingRect(outlines[0])
    # An outline runs through the middle of the ink's outermost pixels: half of each is outside of it, or in the hole.
    area = cv2.contourArea(outlines[0]) + sum(len(each) for each in outlines) / 2
    return Part(left, top, left + width, top + height, area - sum(map(cv2.contourArea, outlines[1:])), outlines)


def cut_off(parts: list[Part], height: int, width: int) -> list[Part]:
    """What the picture's edge cuts, a neighbour or the lines of a table, where a digit lies inside."""
    cut = [part for part in parts if part.left == 0 or part.top == 0 or part.right == width or part.bottom == height]
    whole = [part for part in parts if part not in cut]
    if max(height, width) < SMALLEST_SHEET or not cut or not whole:
        return []
    digit = max(whole, key=lambda part: part.area)
    if digit.area < INSIDE * max(part.area for part in cut):
        return []
    near = NEAR * max(digit.width, digit.height)
    return [part for part in cut if part.width == width or part.height == height or gap(part, digit) > near]


def frame_among(parts: list[Part]) -> list[Part]:
    """The box or ring that the others stand in, if there is one."""
    frame = max(parts, key=lambda part: part.width * part.height, default=None)
    if frame is None:
        return []
    held = [part for part in parts if is_within(part, frame)]
    longest = max((max(part.width, part.height) for part in held), default=0)
    if longest < AS_LONG * frame.height or sum(part.area for part in held) < HELD * frame.area:
        return []
    return [frame] if is_rectangular(frame.outlines[0]) or is_ring(frame.outlines[0]) else []


def lines_beside(parts: list[Part]) -> list[Part]:
    """Those that a digit was written on or between: straight and level or upright, and longer than it on both sides."""
    lines = [part for part in parts if is_line(part)]
    rest = [part for part in parts if part not in lines]
    if not lines or not rest:
        return []
    largest = max(part.area for part in rest)
    digit = box_around([part for part in rest if part.area > CRUMB * largest])
    return [line for line in lines if runs_along(line, digit)]


def is_line(part: Part) -> bool:
    return min(part.width, part.height) < STEEP * max(part.width, part.height)


def box_around(parts: list[Part]) -> Box:
    left, top = min(part.left for part in parts), min(part.top for part in parts)
    return Box(left, top, max(part.right for part in parts), max(part.bottom for part in parts))


def runs_along(line: Box, digit: Box) -> bool:
    """Above or below it, or on its left or right, from before its beginning to behind its end."""
    if line.width > line.height:
        away = BEYOND * digit.width
        is_longer = line.left < digit.left - away and line.right > digit.right + away
        return is_longer and (line.bottom <= digit.top or line.top >= digit.bottom)
    away = BEYOND * digit.height
    is_longer = line.top < digit.top - away and line.bottom > digit.bottom + away
    return is_longer and (line.right <= digit.left or line.left >= digit.right)


def is_ring(outline: cv2.typing.MatLike) -> bool:
    """Whether it is round, and as wide as high."""
    _, (width, height), _ = cv2.minAreaRect(outline)
    is_round = cv2.contourArea(outline) > ROUND * width * height
    return is_round and min(width, height) > AS_WIDE * max(width, height)
