"""The lines of ruled and squared paper are found in the ink and erased from it."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from app.arrays import Ink, Mask
from app.preprocessing.components import FOREGROUND_LEVEL, binarize, stroke_width
from app.preprocessing.constants import integer, number
from app.preprocessing.scaling import shrink

Indices = NDArray[np.intp]

MIN_RULED_WIDTH = integer("MIN_RULED_WIDTH")
RULED_SIDE = integer("RULED_SIDE")
MAX_LINE_SLOPE = number("MAX_LINE_SLOPE")
LINE_SLOPES: list[float] = np.linspace(-MAX_LINE_SLOPE, MAX_LINE_SLOPE, integer("SLOPE_COUNT")).tolist()
LINE_COVERAGE = number("LINE_COVERAGE")
STROKE_DARKNESS = number("STROKE_DARKNESS")
STROKE_THICKNESS = number("STROKE_THICKNESS")
MAX_LINE_THICKNESS = number("MAX_LINE_THICKNESS")

FAINTEST_LINE = integer("FAINTEST_LINE")
FAINT_LINE = integer("FAINT_LINE")
DARKEST_LINE = integer("DARKEST_LINE")
LINE_QUANTILE = number("LINE_QUANTILE")
LINE_MARGIN = integer("LINE_MARGIN")
MIN_FAINT_LENGTH = integer("MIN_FAINT_LENGTH")
FAINT_LENGTH = integer("FAINT_LENGTH")
THICK_FAINT = integer("THICK_FAINT")
FAINT_AREA = integer("FAINT_AREA")
LEAST_FAINT_LINES = number("LEAST_FAINT_LINES")


def remove_ruled_lines(ink: Ink) -> Ink:
    """Without the lines that cross the picture, level or upright, unless they are strokes of the digit."""
    level, upright = find_level_lines(ink), find_level_lines(np.ascontiguousarray(ink.T))
    if level is None and upright is None:
        return ink
    none = np.zeros_like(ink)
    level = none if level is None else level
    upright = none if upright is None else np.ascontiguousarray(upright.T)
    rest = np.asarray(cv2.bitwise_and(ink, cv2.bitwise_not(cv2.bitwise_or(level, upright))), np.uint8)
    if not has_foreground(rest):
        return ink if is_single_line(upright.T) and not level.any() else rest  # a one, or ruled paper
    return erase_lines(
        ink,
        none if is_stroke(ink, level, rest) else level,
        none if is_stroke(ink.T, upright.T, rest) else upright,
    )


def is_stroke(ink: Ink, level: Mask, rest: Ink) -> bool:
    """Whether level lines are a single one, as thick and as dark as the rest of the ink: the bar of a seven."""
    if not is_single_line(level):
        return False
    width = stroke_width(rest)
    around = cv2.dilate(level, np.ones((2 * round(width) + 1, 1), np.uint8))
    line = np.asarray(cv2.bitwise_and(ink, around), np.uint8)
    thicknesses = np.sort(np.count_nonzero(binarize(line), axis=0)[count_starts(level) == 1])
    thickness = int(thicknesses[len(thicknesses) // 2])
    if level[0].any() or level[-1].any():  # the picture's edge may cut half of it
        thickness *= 2
    return mean_ink(line) > STROKE_DARKNESS * mean_ink(rest) and thickness > STROKE_THICKNESS * width


def is_single_line(level: Mask) -> bool:
    """Whether an eighth of the columns that they cross, or more, have one line only. A seven may have a second bar."""
    counts = count_starts(level)
    counts = np.sort(counts[counts > 0])
    return len(counts) > 0 and int(counts[len(counts) // 8]) == 1


def mean_ink(ink: Ink) -> float:
    """Of the foreground."""
    return float(cv2.mean(ink, binarize(ink))[0])


def remove_faint_lines(ink: Ink) -> Ink:
    """Without faint stains, and lines so faint, beside a pencil's strokes, that they break and do not reach the edges.

    Where there are any, whatever is nowhere darker than they are goes with them, unless that is more than they
    are: a part of a display is fainter than the rest.
    """
    faint = cv2.inRange(ink, np.array([FAINTEST_LINE]), np.array([FAINT_LINE]))
    length, side = max(MIN_FAINT_LENGTH, ink.shape[1] // FAINT_LENGTH), max(THICK_FAINT, max(ink.shape) // FAINT_AREA)
    level = cv2.morphologyEx(faint, cv2.MORPH_OPEN, np.ones((1, length), np.uint8))
    upright = cv2.morphologyEx(faint, cv2.MORPH_OPEN, np.ones((length, 1), np.uint8))
    stains = grown(cv2.morphologyEx(faint, cv2.MORPH_OPEN, np.ones((side, side), np.uint8)), 3)
    lines = cv2.bitwise_and(cv2.bitwise_or(level, upright), cv2.bitwise_not(stains))
    soft_edges = grown(cv2.threshold(ink, DARKEST_LINE, 255, cv2.THRESH_BINARY)[1], 2 * side + 1)
    alone = np.asarray(cv2.bitwise_and(lines, cv2.bitwise_not(soft_edges)), np.uint8)
    if cv2.countNonZero(cv2.bitwise_or(alone, stains)) < LEAST_FAINT_LINES * ink.size:
        return ink
    darkest = darkest_of_lines(ink, alone)
    of_lines = ((grown(lines, 3) > 0) & (ink <= darkest)) | ((stains > 0) & (ink <= FAINT_LINE))
    rest = np.where(of_lines, np.uint8(0), ink)
    count, labels = cv2.connectedComponents((rest > FOREGROUND_LEVEL).astype(np.uint8), connectivity=8)
    is_dark = np.zeros(count, np.bool_)
    is_dark[np.unique(labels[rest > darkest])] = True
    is_dark[0] = True
    kept = np.where(is_dark[labels], rest, np.uint8(0))
    goes_with_lines = np.count_nonzero((rest > FOREGROUND_LEVEL) & (kept == 0))
    return kept if goes_with_lines <= np.count_nonzero(of_lines & (ink > FOREGROUND_LEVEL)) else ink


def grown(mask: cv2.typing.MatLike, side: int) -> Mask:
    """Each pixel the greatest in a square around it."""
    return np.asarray(cv2.dilate(mask, np.ones((side, side), np.uint8)), np.uint8)


def darkest_of_lines(ink: Ink, lines: Mask) -> int:
    """The level of ink that faint lines reach in their middles. `lines`: away from the pen's strokes."""
    middles = grown(ink, 3)[lines > 0]
    reached = float(np.quantile(middles, LINE_QUANTILE)) + LINE_MARGIN if len(middles) else 0.0
    return round(min(max(FAINT_LINE, reached), DARKEST_LINE))


def erase_lines(ink: Ink, level: Mask, upright: Mask) -> Ink:
    """Without the lines of two masks. A stroke that continues on both sides of a line is closed across it."""
    rest = np.asarray(cv2.bitwise_and(ink, cv2.bitwise_not(cv2.bitwise_or(level, upright))), np.uint8)
    across_level = cv2.morphologyEx(rest, cv2.MORPH_CLOSE, np.ones((line_thickness(level) + 2, 3), np.uint8))
    across_upright = cv2.morphologyEx(rest, cv2.MORPH_CLOSE, np.ones((3, line_thickness(upright.T) + 2), np.uint8))
    closed = cv2.max(cv2.min(across_level, level), cv2.min(across_upright, upright))
    return np.asarray(cv2.max(rest, cv2.min(closed, ink)), np.uint8)


def line_thickness(level: Mask) -> int:
    """The mean thickness of level lines in rows."""
    return round(np.count_nonzero(level) / max(1, int(count_starts(level).sum())))


def count_starts(level: Mask) -> Indices:
    """How often a line starts in each column, from the top down."""
    return np.asarray(np.count_nonzero(np.diff(level.astype(np.int16), axis=0, prepend=0) > 0, axis=0), np.intp)


def find_level_lines(ink: Ink) -> Mask | None:
    """The mask of the lines that run from the left edge to the right; None if there are none."""
    height, width = ink.shape
    if width < MIN_RULED_WIDTH or not (has_foreground(ink[:, :2]) and has_foreground(ink[:, -2:])):
        return None
    small = shrink(ink, RULED_SIDE)
    slopes = slopes_of_lines(small)
    if not slopes:
        return None
    lines = find_long_runs(small, slopes)
    lines[pen_strokes(small)] = 0
    if not cv2.countNonZero(lines):
        return None
    grown = cv2.resize(cv2.dilate(lines, np.ones((3, 1), np.uint8)), (width, height), interpolation=cv2.INTER_NEAREST)
    return np.asarray(grown, np.uint8)


def has_foreground(ink: Ink) -> bool:
    return bool((ink > FOREGROUND_LEVEL).any())


def slopes_of_lines(ink: Ink) -> list[float]:
    """The one of `LINE_SLOPES` at which lines cross the picture, and its neighbours; none if no line does.

    Such a line has ink in nearly every column, and sheared by its slope it lies in one row.
    """
    y, x = np.nonzero(ink[:, ::2] > FOREGROUND_LEVEL)  # every other column is enough
    if len(y) > ink.size // 4:  # more than half of these pixels: noise, or a drawing
        return []
    rows, columns = ink.shape
    counts = counts_of_sheared_rows(y, 2 * x, (rows, columns), LINE_SLOPES)
    best = max(range(len(LINE_SLOPES)), key=lambda i: int(np.square(counts[i]).sum()))
    fullest = (counts[best][1:] + counts[best][:-1]).max(initial=0)  # a line may lie between two rows
    return LINE_SLOPES[max(0, best - 1) : best + 2] if fullest >= LINE_COVERAGE * columns / 2 else []


def counts_of_sheared_rows(y: Indices, x: Indices, shape: tuple[int, int], slopes: Sequence[float]) -> list[Indices]:
    """For each slope up to `MAX_LINE_SLOPE`, how many of the pixels at y, x are in each row once sheared by it."""
    rows, columns = shape
    margin = int(columns * MAX_LINE_SLOPE) + 1
    down, across = y.astype(np.float32) + margin, x.astype(np.float32) - columns / 2
    return [
        np.bincount((down - slope * across).astype(np.intp), minlength=rows + 2 * margin)[margin:-margin]
        for slope in slopes
    ]


def find_long_runs(ink: Ink, slopes: Sequence[float]) -> Mask:
    """Where foreground goes on along one of these slopes for half of the picture's width."""
    foreground = np.where(ink > FOREGROUND_LEVEL, np.uint8(255), np.uint8(0))
    # A line that is not quite straight, or has a slightly different slope, still fills a gap of a pixel.
    foreground = np.asarray(cv2.dilate(foreground, np.ones((2, 3), np.uint8)), np.uint8)
    runs = np.zeros_like(foreground)
    for slope in slopes:
        kernel = line_kernel(ink.shape[1] // 2, slope)
        runs |= np.asarray(cv2.morphologyEx(foreground, cv2.MORPH_OPEN, kernel), np.uint8)
    return runs


def line_kernel(length: int, slope: float) -> NDArray[np.uint8]:
    """A line of this length in columns."""
    rise = round(abs(slope) * length)
    kernel = np.zeros((rise + 1, length), np.uint8)
    ends = ((0, 0), (length - 1, rise)) if slope > 0 else ((0, rise), (length - 1, 0))
    return np.asarray(cv2.line(kernel, *ends, (1,), 1), np.uint8)


def pen_strokes(ink: Ink) -> NDArray[np.bool_]:
    """Where ink is thicker than ruled lines are."""
    side = max(3, round(MAX_LINE_THICKNESS * max(ink.shape)))
    strokes = cv2.morphologyEx(ink, cv2.MORPH_OPEN, np.ones((side, side), np.uint8))
    return np.asarray(cv2.dilate(strokes, np.ones((3, 3), np.uint8)) > FOREGROUND_LEVEL, np.bool_)
