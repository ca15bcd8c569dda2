"""The printed lines of boxes, combs and tables to write into, found although digits touch and cross them.

A form is a connected component that is mostly hollow. It is made straight; its level lines are the rows that have ink
along almost all of its width, its uprights the columns that have ink from its top to its bottom, or a comb's teeth.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple, Self

import cv2
import numpy as np
from numpy.typing import NDArray

from app.arrays import Mask
from app.preprocessing.components import is_rectangular, label_components
from app.preprocessing.ruled_lines import MAX_LINE_SLOPE, counts_of_sheared_rows
from app.segmentation.decorations.combs import find_comb
from app.segmentation.decorations.regions import Region

SMALLEST_FORM = 32  # pixels: its height
LOWEST_COMB = 12  # pixels: with teeth that no digit touches
MOST_INK = 0.5  # of a form's box, its digits included
# Finer steps than for ruled paper: a form's lines are long.
SLOPES: list[float] = np.linspace(-MAX_LINE_SLOPE, MAX_LINE_SLOPE, 71).tolist()
# Columns for each row: in perspective uprights are not quite square to level lines.
SLANTS: list[float] = np.linspace(-0.1, 0.1, 21).tolist()
LEVEL_COVERS = 0.85  # of the form's width: a level line
UPRIGHT_COVERS = 0.9  # of the form's height: an upright
THICKEST = 0.12  # of a form's height: no line is thicker,
THIN = 6  # pixels: or thicker than this in a low form
TOP_TO_BOTTOM = 0.6  # of a form's height: the least between its top line and its bottom line
MOST_FORMS = 4  # areas of the page: frames within each other are not looked through one by one
OPEN_WIDTH = 1.5  # heights: a form is so wide
END_UPRIGHTS = 1 / 6  # of a form's width: the first and the last upright are so near its ends
LINE_TOLERANCE = np.ones((3, 3), np.uint8)  # a line that is not quite straight
REMAINS_REACH = np.ones((7, 7), np.uint8)  # how far the soft edges of an erased line reach


class FormLines(NamedTuple):
    """(H, W) each, 255 on the lines."""

    level: Mask
    upright: Mask


def find_form_lines(page: Mask) -> FormLines | None:
    """The lines of all forms on a binarized page; None if there is no form."""
    found = FormLines(np.zeros_like(page), np.zeros_like(page))
    for region in possible_forms(page):
        lines = lines_of_form(page, region)
        if lines:
            found.level[region.within] |= lines.level
            found.upright[region.within] |= lines.upright
    return found if found.level.any() else None


def possible_forms(page: Mask) -> Iterator[Region]:
    """The connected components that are wide and hollow, and rectangular or hardly more than a line."""
    _, labels, stats, _ = label_components(page)
    unseen = MOST_FORMS * page.size  # pixels
    for label, (left, top, width, height, area) in enumerate(stats.tolist()):
        if label == 0 or height < LOWEST_COMB or width < OPEN_WIDTH * height or area > MOST_INK * width * height:
            continue
        unseen -= width * height
        if unseen < 0:
            return
        within = slice(top, top + height), slice(left, left + width)
        component = np.where(labels[within] == label, np.uint8(255), np.uint8(0))
        if is_thin(component) or (height >= SMALLEST_FORM and is_rectangular(cv2.findNonZero(component))):
            yield Region(within, component)


def is_thin(component: Mask) -> bool:
    """Whether most columns have hardly more ink than a line: between the teeth of a comb."""
    counts = np.count_nonzero(component, axis=0)
    return float(np.median(counts)) <= max(THIN, THICKEST * len(component))


def lines_of_form(page: Mask, region: Region) -> FormLines | None:
    """None if the component is not a form."""
    straightened = Straightened.of(page, region)
    lines = straightened.comb() or straight_lines(straightened.form > 0)
    if not lines:
        return None
    level, upright = map(straightened.turned_back, lines)
    return FormLines(level | remains(level | upright, region.mask), upright)


class Straightened(NamedTuple):
    """A component whose lines were made level and upright, with room around it."""

    mask: Mask
    page: Mask  # all ink there
    matrix: cv2.typing.MatLike  # (2, 3): from the component, with room around it, to `mask`
    room: int  # pixels on each side
    within: tuple[slice, slice]  # the form's box in `mask`

    @classmethod
    def of(cls, page: Mask, region: Region) -> Self:
        height, width = region.mask.shape
        room = int(MAX_LINE_SLOPE * width) + 3
        size = (width + 2 * room, height + 2 * room)
        matrix = straightening(region.mask, room)
        roomy = cv2.copyMakeBorder(region.mask, room, room, room, room, cv2.BORDER_CONSTANT)
        mask = np.asarray(cv2.dilate(warped(np.asarray(roomy, np.uint8), matrix, size), LINE_TOLERANCE), np.uint8)
        top, left = (part.start - room for part in region.within)
        around = warped(page, matrix @ np.array([[1, 0, -left], [0, 1, -top], [0, 0, 1]]), size)
        left, top, width, height = cv2.boundingRect(mask)
        return cls(mask, around, matrix, room, (slice(top, top + height), slice(left, left + width)))

    @property
    def form(self) -> Mask:
        return self.mask[self.within]

    def comb(self) -> tuple[NDArray[np.bool_], NDArray[np.bool_]] | None:
        """The lines of `form` if it is a comb. What is written in it may be higher."""
        rows, columns = self.within
        lines = find_comb(self.mask[:, columns] > 0, self.page[:, columns] > 0)
        return lines and (lines[0][rows], lines[1][rows])

    def turned_back(self, lines: NDArray[np.bool_]) -> Mask:
        """Lines of `form`, where they were on the component."""
        drawn = np.zeros_like(self.mask)
        drawn[self.within][lines] = 255
        flags = cv2.INTER_NEAREST | cv2.WARP_INVERSE_MAP
        back = cv2.warpAffine(drawn, self.matrix, self.mask.shape[::-1], flags=flags)
        return np.asarray(back[self.room : -self.room, self.room : -self.room], np.uint8)


def warped(mask: Mask, matrix: cv2.typing.MatLike, size: tuple[int, int]) -> Mask:
    return np.asarray(cv2.threshold(cv2.warpAffine(mask, matrix, size), 100, 255, cv2.THRESH_BINARY)[1], np.uint8)


def straightening(component: Mask, room: int) -> NDArray[np.float64]:
    """(2, 3): turns a component with room around it so that its lines are level, and shears its uprights upright."""
    height, width = component.shape
    middle = (width / 2 + room, height / 2 + room)
    turn = np.asarray(cv2.getRotationMatrix2D(middle, math.degrees(math.atan(slope_of(component))), 1), np.float64)
    y, x = np.nonzero(component[::2])
    across, down = turn @ np.stack([x + room, 2 * y + room, np.ones_like(x)])
    slant = slant_of(across, down - middle[1])
    shear = np.array([[1, -slant, slant * middle[1]], [0, 1, 0]])
    return np.asarray(shear @ np.concatenate([turn, [[0, 0, 1]]]), np.float64)


def slant_of(across: NDArray[np.float64], down: NDArray[np.float64]) -> float:
    """The one of `SLANTS` at which, sheared by it, the fewest columns hold the most ink. Given the places of ink."""
    columns = [(across - slant * down).astype(np.intp) for slant in SLANTS]
    return SLANTS[max(range(len(SLANTS)), key=lambda i: int(np.square(np.bincount(columns[i])).sum()))]


def remains(lines: Mask, component: Mask) -> Mask:
    """What is left of a form's lines once they are erased: connected ink that is near them everywhere."""
    rest = cv2.bitwise_and(component, cv2.bitwise_not(lines))
    _, labels = cv2.connectedComponents(rest, connectivity=8, ltype=cv2.CV_32S)
    elsewhere = np.unique(labels[cv2.dilate(lines, REMAINS_REACH) == 0])
    return np.where(np.isin(labels, elsewhere), np.uint8(0), rest)


def slope_of(component: Mask) -> float:
    """The one of `SLOPES` at which, sheared by it, the fewest rows hold the most ink."""
    y, x = np.nonzero(component[:, ::2])
    height, width = component.shape
    counts = counts_of_sheared_rows(y, 2 * x, (height, width), SLOPES)
    return SLOPES[max(range(len(SLOPES)), key=lambda i: int(np.square(counts[i]).sum()))]


def straight_lines(form: NDArray[np.bool_]) -> tuple[NDArray[np.bool_], NDArray[np.bool_]] | None:
    """The level lines and the uprights of a closed form that stands straight; None if it is not one."""
    height, width = form.shape
    thickest = max(THIN, THICKEST * height)
    level = np.flatnonzero(form.mean(axis=1) >= LEVEL_COVERS)
    if not 0 < longest_run(level) <= thickest:
        return None
    top, bottom = int(level[0]), int(level[-1])
    if bottom - top < TOP_TO_BOTTOM * height:
        return None
    between = slice(top, bottom + 1)
    uprights = np.flatnonzero(form[between].mean(axis=0) >= UPRIGHT_COVERS)
    if not 0 < longest_run(uprights) <= thickest or not reach_the_ends(uprights, width):
        return None
    rows, columns = np.zeros_like(form), np.zeros_like(form)
    rows[level] = True
    columns[between, uprights] = True
    return rows, columns


def reach_the_ends(uprights: NDArray[np.intp], width: int) -> bool:
    return bool(uprights[0] <= END_UPRIGHTS * width and uprights[-1] >= (1 - END_UPRIGHTS) * width)


def longest_run(places: NDArray[np.intp]) -> int:
    """The longest run of neighbours among places in ascending order."""
    return max(len(run) for run in np.split(places, np.flatnonzero(np.diff(places) > 1) + 1))
