"""The printed outlines of a form's fields are erased where the template says that they are.

So writing that touches an outline, and a slash from its top to its bottom, are told from it.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable

import cv2
import numpy as np
from numpy.typing import NDArray

from app.arrays import Ink, Mask
from app.observability.request_context import check_deadline
from app.preprocessing.components import Box, binarize
from app.preprocessing.ruled_lines import erase_lines
from app.segmentation.fields.regions import Region

REACH = 0.008  # of the document's longer side: an outline is so near to its place
PIECE = 1.5  # heights of the field: in pieces so long an outline is level and straight, and no digit's bar is as long
COVERED = 0.8  # of a piece: a row of the outline has ink along it
LEAST_PIECES = 0.7  # of a side: a printed line
THICKEST = 0.15  # heights of the field: no printed line is thicker,
THIN = 3.0  # pixels: or thicker than this
ASIDE = 0.08  # heights of the field, or a pixel and a half: a piece of the line is no further from the rest
MOST_CELLS = 40  # of a comb: boxes for one sign each
NARROWEST, WIDEST = 0.45, 1.8  # heights: a cell


def erase_outlines_of(ink: Ink, regions: Iterable[Region]) -> Ink:
    mask = binarize(ink)
    level, upright = np.zeros_like(mask), np.zeros_like(mask)
    reach = max(2, round(REACH * max(ink.shape)))
    for region in regions:
        check_deadline()
        for lines, boxes in zip((level, upright), outline_of(mask, region, reach), strict=True):
            for box in boxes:
                lines[box.top : box.bottom, box.left : box.right] = 255
    return erase_lines(ink, with_soft_edges(level), with_soft_edges(upright)) if level.any() else ink


def with_soft_edges(lines: Mask) -> Mask:
    return np.asarray(cv2.dilate(lines, np.ones((3, 3), np.uint8)), np.uint8)


def outline_of(mask: Mask, region: Region, reach: int) -> tuple[list[Box], list[Box]]:
    """The level lines and the uprights of a field's box or cells; none if one of its four sides is not printed."""
    level = [line_near(mask, y, region, reach) for y in (region.top, region.bottom)]
    ends = [upright_near(mask, x, region, reach) for x in (region.left, region.right)]
    if not all(level + ends):
        return [], []
    uprights = ends + inner_lines(mask, region, reach // 2 + 1)
    return list(itertools.chain.from_iterable(level)), list(itertools.chain.from_iterable(uprights))


def line_near(mask: Mask, y: float, region: Region, reach: int) -> list[Box]:
    """The pieces of the printed line that is near a row along a region; none if there is no such line."""
    top, bottom = max(0, round(y) - reach), min(len(mask), round(y) + reach + 1)
    start, end = max(0, round(region.left) - reach // 2), min(mask.shape[1], round(region.right) + reach // 2 + 1)
    if top >= bottom or start >= end:
        return []
    # A row higher and lower, so that a line that is not quite level covers one.
    band = cv2.dilate(mask[top:bottom, start:end], np.ones((3, 1), np.uint8)) > 0
    thickness = min(region.width, region.height)
    middle = float(np.mean(np.flatnonzero(band.mean(axis=1) >= band.mean(axis=1).max() - 0.05)))
    count = max(1, round((end - start) / max(1.0, PIECE * thickness)))
    edges = np.linspace(0, end - start, count + 1).round().astype(int).tolist()
    found = []
    for left, right in itertools.pairwise(edges):
        rows = rows_of_line(band[:, left:right], middle, thickness)
        if rows:
            found.append(Box(start + left, top + rows[0], start + right, top + rows[1]))
    return found if len(found) >= LEAST_PIECES * count else []


def rows_of_line(piece: NDArray[np.bool_], middle: float, height: float) -> tuple[int, int] | None:
    """The first row and the one after the last of the line nearest to a row in a piece that was dilated."""
    covered = np.flatnonzero(piece.mean(axis=1) >= COVERED)
    runs = np.split(covered, np.flatnonzero(np.diff(covered) > 1) + 1) if len(covered) else []
    lines = [(int(run[0]) + 1, int(run[-1])) if len(run) > 2 else (int(run[0]), int(run[-1]) + 1) for run in runs]
    thin = [line for line in lines if line[1] - line[0] <= max(THIN, THICKEST * height)]
    nearest = min(thin, key=lambda line: abs(sum(line) / 2 - 0.5 - middle), default=None)
    if nearest and abs(sum(nearest) / 2 - 0.5 - middle) <= max(1.5, ASIDE * height):
        return nearest
    return None


def upright_near(mask: Mask, x: float, region: Region, reach: int) -> list[Box]:
    found = line_near(mask.T, x, region.transposed, reach)
    return [Box(box.top, box.left, box.bottom, box.right) for box in found]


def inner_lines(mask: Mask, region: Region, reach: int) -> list[list[Box]]:
    """Those between the cells of a comb; none if the field is one box. A one is not as high as a cell."""
    fewest = max(2, math.ceil(region.width / (WIDEST * region.height)))
    most = min(MOST_CELLS, math.floor(region.width / (NARROWEST * region.height)))
    for count in range(fewest, most + 1):
        places = (region.left + np.arange(1, count) * region.width / count).tolist()
        lines = itertools.takewhile(bool, (upright_near(mask, x, region, reach) for x in places))
        if len(found := list(lines)) == count - 1:
            return found
    return []
