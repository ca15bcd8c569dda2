"""The printed outlines of a form's fields: they tell whether a placement is right, and improve one that nearly is.

Fields need not have outlines. Where most have some, a placement that finds none is wrong.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple, Self

import cv2
import numpy as np
from numpy.typing import NDArray

from app.arrays import Grayscale, Homography, Mask
from app.segmentation.fields.placement import Placement, Points, flatten, transform
from app.segmentation.fields.template import DocumentRegion

SEARCHED_SIDE = 900  # pixels, longer side: of the flat form that lines are looked for on
NEIGHBOURHOOD = 51  # pixels: whose mean a line is darker than,
DARKER = 10  # by so many levels
SHORTEST_LINE = 15  # pixels: a straight run of ink
THICKEST = 4  # pixels: a line
SAMPLES = np.linspace(0.06, 0.94, 24)  # along each side of a field
REACHES = (0.03, 0.02, 0.012, 0.008, 0.006)  # of the longer side, round by round: how far a line may be
NEAR, LOOSELY = 0.004, 0.012  # of the longer side: a line so near belongs to the field, or may belong to it
LEAST_SAMPLES = 48  # for a fit
LEAST_LINES = 2.0  # pixels of lines for each pixel of the picture's longer side
COARSE_SIDE = 160  # pixels: of the reduced form on which outlines are searched for all over,
COARSE_MARGIN = 0.1  # of it: they may be so far outside
SEARCHED_SCALES = np.linspace(0.6, 1.08, 13).tolist()
SEARCHED_DEGREES = np.linspace(-9, 9, 7).tolist()
ALL_FOUND = 0.97  # of the samples: it cannot become better
WORTHWHILE = 0.04  # by so much more of the outlines a fit must find


class Sides(NamedTuple):
    """Places along the sides of the fields, in shares of the document."""

    level: Points
    upright: Points

    @classmethod
    def of(cls, regions: Iterable[DocumentRegion]) -> Self:
        level: list[Points] = []
        upright: list[Points] = []
        for region in regions:
            along_x, along_y = region.x + SAMPLES * region.width, region.y + SAMPLES * region.height
            level += (np.column_stack([along_x, np.full_like(along_x, y)]) for y in (region.y, region.bottom))
            upright += (np.column_stack([np.full_like(along_y, x), along_y]) for x in (region.x, region.right))
        return cls(np.concatenate(level), np.concatenate(upright))


class Offsets(NamedTuple):
    """From places to the nearest line across, in pixels of the flat form; nan where there is none."""

    level: NDArray[np.float64]  # downwards
    upright: NDArray[np.float64]  # to the right

    def share_within(self, reach: float) -> float:
        both = np.concatenate(self)
        return float(np.mean(np.abs(np.nan_to_num(both, nan=np.inf)) <= reach))


class FlatLines(NamedTuple):
    """The printed lines of a form that was made flat: masks of one shape."""

    level: Mask
    upright: Mask

    @classmethod
    def of(cls, pixels: Grayscale) -> Self:
        ink = printed_ink(pixels)
        level = cv2.morphologyEx(ink, cv2.MORPH_OPEN, np.ones((1, SHORTEST_LINE), np.uint8))
        upright = cv2.morphologyEx(ink, cv2.MORPH_OPEN, np.ones((SHORTEST_LINE, 1), np.uint8))
        return cls(np.asarray(level, np.uint8), np.asarray(upright, np.uint8))

    def support(self, sides: Sides, near: float) -> float:
        reach = near * max(self.level.shape)
        return self.offsets(sides, near).share_within(reach)

    def offsets(self, sides: Sides, reach: float) -> Offsets:
        """`reach`: of the longer side of the form."""
        height, width = self.level.shape
        scale, steps = np.array([width, height]), round(reach * max(width, height))
        upright = nearest_line(self.upright.T, sides.upright[:, ::-1] * scale[::-1], steps)
        return Offsets(nearest_line(self.level, sides.level * scale, steps), upright)


def printed_ink(form: Grayscale) -> Mask:
    """Lines that are nearly closed become closed."""
    method, binary = cv2.ADAPTIVE_THRESH_MEAN_C, cv2.THRESH_BINARY_INV
    smooth = cv2.GaussianBlur(form, (3, 3), 0)
    ink = cv2.adaptiveThreshold(smooth, 255, method, binary, NEIGHBOURHOOD, DARKER)
    return np.asarray(cv2.morphologyEx(ink, cv2.MORPH_CLOSE, np.ones((3, 3), np.uint8)), np.uint8)


def nearest_line(level: Mask, points: Points, reach: int) -> NDArray[np.float64]:
    """The signed distance from each point, in rows, to the middle of the nearest line of a mask above or below it."""
    height, width = level.shape
    x, y = np.round(points).astype(np.intp).T
    steps = np.array(sorted(range(-reach, reach + 1), key=abs))
    rows, columns = y[:, np.newaxis] + steps, np.broadcast_to(x[:, np.newaxis], (len(x), len(steps)))
    is_inside = (rows >= 0) & (rows < height) & (columns >= 0) & (columns < width)
    is_line = is_inside & (level[rows.clip(0, height - 1), columns.clip(0, width - 1)] > 0)
    nearest = steps[is_line.argmax(axis=1)]
    of_line = is_line & (np.abs(steps - nearest[:, np.newaxis]) <= THICKEST)
    middle = (steps * of_line).sum(axis=1) / of_line.sum(axis=1).clip(1)
    return np.where(is_line.any(axis=1), middle, np.nan)


def support_of(picture: Grayscale, placement: Placement, sides: Sides, near: float = LOOSELY) -> float:
    """The share of the fields' outlines that is found. `near`: of the longer side of the form."""
    lines = FlatLines.of(flatten(picture, placement, SEARCHED_SIDE).pixels)
    return lines.support(sides, near)


def refine(picture: Grayscale, placement: Placement, sides: Sides) -> Placement:
    """The placement with its support, moved to where the outlines are if that finds more of them."""
    best, moved = None, placement
    for reach in (*REACHES, 0.0):
        lines = FlatLines.of(flatten(picture, moved, SEARCHED_SIDE).pixels)
        supported = moved._replace(support=lines.support(sides, NEAR))
        if best is None or supported.support > best.support + (WORTHWHILE if best.found_by == "picture" else 0):
            best = supported
        is_done = not reach or best.support >= ALL_FOUND
        matrix = None if is_done else fit(lines.level.shape, sides, lines.offsets(sides, reach))
        if matrix is None:
            break
        moved = moved.moved(matrix)
        if not moved.is_plausible(picture):
            break
    return best or placement


def search(picture: Grayscale, whole: Placement, sides: Sides) -> Placement | None:
    """Where the outlines may be if nothing else tells: a placement of the picture made smaller, turned and shifted.

    None if the picture has too few lines.
    """
    found_lines = FlatLines.of(flatten(picture, whole, SEARCHED_SIDE).pixels)
    if cv2.countNonZero(cv2.bitwise_or(*found_lines)) < LEAST_LINES * max(found_lines.level.shape):
        return None
    best, found = 0.0, None
    for degrees in SEARCHED_DEGREES:
        leaning = about_middle(whole, degrees)
        lines = FlatLines.of(flatten(picture, leaning, SEARCHED_SIDE).pixels)
        height, width = (round(side * COARSE_SIDE / max(lines.level.shape)) for side in lines.level.shape)
        coarse = FlatLines(*(coarsened(mask, (width, height)) for mask in lines))
        for scale in SEARCHED_SCALES:
            share, x, y = best_shift(coarse, sides, scale)
            if share > best:
                shifted = np.array([[scale, 0, x / width], [0, scale, y / height], [0, 0, 1]])
                best, found = share, leaning.moved(shifted)
    return found


def about_middle(placement: Placement, degrees: float) -> Placement:
    """Turned on the picture."""
    x, y = placement.corners.mean(axis=0).tolist()
    rotation = np.vstack([cv2.getRotationMatrix2D((x, y), degrees, 1), [0, 0, 1]])
    return placement._replace(to_picture=rotation @ placement.to_picture)


def coarsened(lines: Mask, size: tuple[int, int]) -> Mask:
    smaller = cv2.resize(cv2.dilate(lines, np.ones((5, 5), np.uint8)), size, interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.threshold(smaller, 40, 1, cv2.THRESH_BINARY)[1], np.uint8)


def best_shift(lines: FlatLines, sides: Sides, scale: float) -> tuple[float, int, int]:
    """The share of the sides that lie on lines, and the shift in pixels that makes it largest."""
    height, width = lines.level.shape
    size = max(1, round(scale * width)), max(1, round(scale * height))
    margin = round(COARSE_MARGIN * max(height, width))
    correlations = []
    for mask, points in zip(lines, sides, strict=True):
        drawn = np.zeros((size[1], size[0]), np.float32)
        x, y = np.round(points * size).astype(np.intp).T
        np.add.at(drawn, (y.clip(0, size[1] - 1), x.clip(0, size[0] - 1)), 1.0)
        roomy = cv2.copyMakeBorder(mask, margin, margin, margin, margin, cv2.BORDER_CONSTANT).astype(np.float32)
        correlations.append(cv2.matchTemplate(roomy, drawn, cv2.TM_CCORR))
    _, most, _, (x_shift, y_shift) = cv2.minMaxLoc(cv2.add(correlations[0], correlations[1]))
    return most / (len(sides.level) + len(sides.upright)), x_shift - margin, y_shift - margin


def fit(shape: tuple[int, ...], sides: Sides, offsets: Offsets) -> Homography | None:
    """The homography in shares that moves the sides onto their lines, by least squares; None if too few are found.

    A place on a level side tells how far it moves up or down alone, so each gives one equation.
    """
    height, width = shape
    level, upright = ~np.isnan(offsets.level), ~np.isnan(offsets.upright)
    places = np.concatenate([sides.upright[upright], sides.level[level]])
    targets = np.concatenate(
        [
            sides.upright[upright, 0] + offsets.upright[upright] / width,
            sides.level[level, 1] + offsets.level[level] / height,
        ]
    )
    is_upright = np.arange(len(places)) < np.count_nonzero(upright)
    if min(np.count_nonzero(is_upright), np.count_nonzero(~is_upright)) < LEAST_SAMPLES // 2:
        return None
    kept = np.ones(len(places), np.bool_)
    matrix = np.eye(3)
    for _ in range(3):
        matrix = solve(places[kept], targets[kept], is_upright[kept])
        moved = transform(matrix, places)
        residuals = np.abs(np.where(is_upright, moved[:, 0], moved[:, 1]) - targets)
        kept = residuals <= max(1e-3, 2.5 * float(np.median(residuals)))
    return matrix


def solve(places: Points, targets: NDArray[np.float64], is_upright: NDArray[np.bool_]) -> Homography:
    """The homography nearest to none at all that moves x of some places, and y of the others, to the targets."""
    x, y = places.T
    across, down = is_upright.astype(np.float64), (~is_upright).astype(np.float64)
    rows = np.stack([across * x, across * y, across, down * x, down * y, down, -targets * x, -targets * y], axis=1)
    identity = np.array([1.0, 0, 0, 0, 1, 0, 0, 0])
    weights = np.diag(np.array([1, 1, 1, 1, 1, 1, 3, 3]) * 0.02 * np.sqrt(len(x)))  # keeps what nothing determines
    equations = np.concatenate([rows, weights])
    right = np.concatenate([targets - rows @ identity, np.zeros(8)])
    change = np.linalg.lstsq(equations, right, rcond=None)[0]
    return np.append(identity + change, 1.0).reshape(3, 3)
