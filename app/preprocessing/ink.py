"""Brightness becomes ink: what differs from the paper and was drawn, whatever the picture's colours and its light."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from app.arrays import Grayscale, Ink, Mask
from app.errors import BlankPicture
from app.preprocessing.background import border, even_paper, is_light_on_dark, paper_of
from app.preprocessing.decode import MIN_CONTRAST, reduced
from app.preprocessing.frames import sheet_in, surroundings, within_rim

Indices = NDArray[np.intp]

BOX_LEVEL = 48  # of 255: fainter ink (soft edges, JPEG's ringing) is kept, but does not widen the box
FULL_INK = 254  # MNIST's own digits end at 254 or 255
EVEN = 12  # of 255: a border that varies less is of one paper
DARKEST_PAPER = 40  # of 255: in deeper shadow nothing can be told
FULL_INK_QUANTILE = 0.998  # of a photo's pixels: what is darker is a speck
EDGES_FROM, INSIDE = 64, 0.15  # from this size on, what the edge cuts goes if a part inside has this share of its ink
LINES_FROM, LINES_SIDE = 96, 320  # widths: no lines in smaller pictures; they are looked for in a copy of this size
STEEPEST = 0.14  # slope of a paper held askew by 8 degrees
SLOPES = np.linspace(-STEEPEST, STEEPEST, 29).tolist()
LINE_COVERS = 0.8  # of the picture's width
LINE_THICKNESS = 0.02  # of the picture's longer side: what is thicker was drawn with the pen
SPECK, STRONG = 0.04, 128  # a speck's share of the largest part's strong ink


def ink_of(picture: Grayscale) -> Ink:
    """What differs from the paper, where that lies on another ground or has a rim from that. Raises `BlankPicture`."""
    sheet = within_rim(picture)
    if sheet is None:
        strokes = outstanding(picture)
        sheet = sheet_in(picture, mask_of(strokes))
        if sheet is None:
            return strokes
    written = ink_of(sheet.pixels)
    strokes = np.zeros_like(picture)
    strokes[sheet.top : sheet.top + len(written), sheet.left : sheet.left + written.shape[1]] = written
    return strokes


def mask_of(strokes: Ink) -> Mask:
    """255 where there is ink enough to be seen."""
    return np.asarray(cv2.threshold(strokes, BOX_LEVEL, 255, cv2.THRESH_BINARY)[1], np.uint8)


def outstanding(picture: Grayscale) -> Ink:
    """What differs from what is around it. Raises `BlankPicture`."""
    edge = border(picture)
    paper = int(np.median(edge))
    if paper - int(edge.min()) <= EVEN and int(edge.max()) - paper <= EVEN:
        return ink_on_even_paper(picture, paper)
    even = even_paper(picture)
    strokes = ink_on_uneven_paper(picture) if even is None else ink_on_even_paper(picture, even)
    strokes = without_lines(strokes)
    if int(strokes.max()) <= BOX_LEVEL:  # there were lines alone
        raise blank()
    return strokes


def ink_on_even_paper(picture: Grayscale, paper: int) -> Ink:
    """Ink is what differs from the paper most, be it darker or lighter."""
    darker, lighter = paper - int(picture.min()), int(picture.max()) - paper
    if max(darker, lighter) < MIN_CONTRAST:
        raise blank()
    sheet = np.full_like(picture, paper)  # OpenCV may take a number beside one column for a colour
    away = cv2.subtract(sheet, picture) if darker > lighter else cv2.subtract(picture, sheet)
    return strengthened(np.asarray(away, np.uint8))


def ink_on_uneven_paper(picture: Grayscale) -> Ink:
    """A photo's, a noisy picture's, or of a drawing that reaches the edge: against the paper around each place."""
    if is_light_on_dark(picture):
        picture = np.asarray(cv2.bitwise_not(picture), np.uint8)
    paper = paper_of(picture)
    # What the paper throws back: the same ink in the shadow and in the light.
    share = np.asarray(cv2.divide(cv2.subtract(paper, picture), np.maximum(paper, DARKEST_PAPER), scale=255), np.uint8)
    full = int(np.quantile(share, FULL_INK_QUANTILE))
    noise = 1.5 * float(np.median(share))
    if full < max(MIN_CONTRAST, 2 * noise):
        raise blank()
    weakest = min(max(0.12 * full, 2.5 * noise), 0.5 * full)
    gain = 255 / max(1.0, 0.9 * full - weakest)
    strokes = np.clip((share.astype(np.float32) - weakest) * gain, 0, 255).astype(np.uint8)
    return strengthened(within_the_edges(strokes))


def blank() -> BlankPicture:
    return BlankPicture("The picture has no ink on it: send one with a digit drawn on it.")


def strengthened(strokes: Ink) -> Ink:
    """The darkest ink becomes full ink, unless it nearly is."""
    peak = int(strokes.max())
    return strokes if peak >= FULL_INK else np.asarray(cv2.convertScaleAbs(strokes, alpha=255 / peak), np.uint8)


def within_the_edges(strokes: Ink) -> Ink:
    """Without what the picture's edge cuts, a dark corner or a table's edge, where enough ink lies inside."""
    if max(strokes.shape) < EDGES_FROM:
        return strokes
    n, labels = cv2.connectedComponents(mask_of(strokes), connectivity=8, ltype=cv2.CV_32S)
    areas = np.bincount(labels[strokes > STRONG], minlength=n)
    cut = np.zeros(n, bool)
    cut[np.unique(border(labels))] = True
    cut[0] = False
    inside = areas[1:][~cut[1:]]
    if not cut.any() or not len(inside) or inside.max() < INSIDE * areas[cut].max():
        return strokes
    return without(strokes, np.where(cut, np.uint8(255), np.uint8(0))[labels])


def without_surroundings(strokes: Ink) -> Ink:
    """The digit without the box or ring it stands in, and without what the picture's edge cuts beside it."""
    around = surroundings(mask_of(strokes))
    return strokes if around is None else without(strokes, around)


def without(strokes: Ink, gone: Mask) -> Ink:
    """Soft edges go along. Where nothing would be left, nothing goes."""
    kept = cv2.bitwise_not(cv2.dilate(gone, np.ones((5, 5), np.uint8)))
    left = np.asarray(cv2.bitwise_and(strokes, kept), np.uint8)
    return left if int(left.max()) > BOX_LEVEL else strokes


def without_specks(strokes: Ink) -> Ink:
    """Parts that are tiny beside the largest are dust and noise; where there are such, all around the rest goes."""
    top, bottom, left, right = box(strokes, level=BOX_LEVEL)
    strokes = strokes[top:bottom, left:right]
    n, labels = cv2.connectedComponents(mask_of(strokes), connectivity=8, ltype=cv2.CV_32S)
    if n <= 2:
        return strokes
    areas = np.bincount(labels[strokes > STRONG], minlength=n)  # of their strong ink: a shadow's rest has little
    kept = areas >= SPECK * areas.max()
    kept[0] = False
    if kept.sum() == n - 1:
        return strokes
    mask = np.where(kept, np.uint8(255), np.uint8(0))[labels]
    return np.asarray(cv2.bitwise_and(strokes, cv2.dilate(mask, np.ones((5, 5), np.uint8))), np.uint8)


def box(strokes: Ink, level: int) -> tuple[int, int, int, int]:
    """Top, bottom, left and right (ends exclusive) of the pixels above `level`."""
    x, y, width, height = cv2.boundingRect(cv2.threshold(strokes, level, 255, cv2.THRESH_BINARY)[1])
    return y, y + height, x, x + width


def without_lines(strokes: Ink) -> Ink:
    """Ruled and squared paper's lines removed: those that cross the picture, level or upright."""
    level, upright = level_lines(strokes), level_lines(np.ascontiguousarray(strokes.T))
    if level is None and upright is None:
        return strokes
    nothing = np.zeros_like(strokes)
    level = nothing if level is None else level
    upright = nothing if upright is None else np.ascontiguousarray(upright.T)
    return erased(strokes, level, upright)


def erased(strokes: Ink, level: Mask, upright: Mask) -> Ink:
    """Lines taken away, each mask 255 on its own; a stroke that goes on at both sides of one is mended."""
    rest = np.asarray(cv2.bitwise_and(strokes, cv2.bitwise_not(cv2.bitwise_or(level, upright))), np.uint8)
    across_level = cv2.morphologyEx(rest, cv2.MORPH_CLOSE, np.ones((thickness(level) + 2, 3), np.uint8))
    across_upright = cv2.morphologyEx(rest, cv2.MORPH_CLOSE, np.ones((3, thickness(upright.T) + 2), np.uint8))
    mended = cv2.max(cv2.min(across_level, level), cv2.min(across_upright, upright))
    return np.asarray(cv2.max(rest, cv2.min(mended, strokes)), np.uint8)


def level_lines(strokes: Ink) -> Ink | None:
    """Where the lines are that run from left to right, 255 there; None if there are none."""
    height, width = strokes.shape
    if width < LINES_FROM or not (reaches(strokes[:, :2]) and reaches(strokes[:, -2:])):
        return None
    small = reduced(strokes, LINES_SIDE)
    slopes = slopes_of_lines(small)
    if not slopes:
        return None
    found = long_runs(small, slopes)
    found[thick_strokes(small)] = 0
    if not cv2.countNonZero(found):
        return None
    grown = cv2.resize(cv2.dilate(found, np.ones((3, 1), np.uint8)), (width, height), interpolation=cv2.INTER_NEAREST)
    return np.asarray(grown, np.uint8)


def slopes_of_lines(strokes: Ink) -> list[float]:
    """That of `SLOPES` at which lines cross the picture, and those beside it; none if no line does.

    Such a line inks nearly every column, sheared by its slope it lies in one row.
    """
    y, x = np.nonzero(strokes[:, ::2] > BOX_LEVEL)  # every other column tells enough
    if len(y) > strokes.size // 4:  # more than half of these pixels
        return []
    rows, columns = strokes.shape
    counts = counts_of_sheared_rows(y, 2 * x, rows, columns, SLOPES)
    best = max(range(len(SLOPES)), key=lambda i: int(np.square(counts[i]).sum()))
    fullest = (counts[best][1:] + counts[best][:-1]).max(initial=0)  # a line may lie between two rows
    return SLOPES[max(0, best - 1) : best + 2] if fullest >= LINE_COVERS * columns / 2 else []


def counts_of_sheared_rows(y: Indices, x: Indices, rows: int, columns: int, slopes: Sequence[float]) -> list[Indices]:
    """For each slope, up to `STEEPEST`, how many of the pixels at y, x are in each row once they are sheared by it."""
    margin = int(columns * STEEPEST) + 1
    down, across = y.astype(np.float32) + margin, x.astype(np.float32) - columns / 2
    return [
        np.bincount((down - slope * across).astype(np.intp), minlength=rows + 2 * margin)[margin:-margin]
        for slope in slopes
    ]


def long_runs(strokes: Ink, slopes: list[float]) -> Ink:
    """Where ink goes on along one of these slopes for half of the picture's width, 255 there."""
    inked = np.where(strokes > BOX_LEVEL, np.uint8(255), np.uint8(0))
    # A line that is not quite straight, or leans a little otherwise than most, still fills a gap of a pixel.
    inked = np.asarray(cv2.dilate(inked, np.ones((2, 3), np.uint8)), np.uint8)
    found = np.zeros_like(inked)
    for slope in slopes:
        kernel = line_kernel(strokes.shape[1] // 2, slope)
        found |= np.asarray(cv2.morphologyEx(inked, cv2.MORPH_OPEN, kernel), np.uint8)
    return found


def thick_strokes(strokes: Ink) -> NDArray[np.bool_]:
    """Where the pen drew: no line is that thick."""
    wide = max(3, round(LINE_THICKNESS * max(strokes.shape)))
    thick = cv2.morphologyEx(strokes, cv2.MORPH_OPEN, np.ones((wide, wide), np.uint8))
    return np.asarray(cv2.dilate(thick, np.ones((3, 3), np.uint8)) > BOX_LEVEL, np.bool_)


def reaches(edge: Ink) -> bool:
    return bool((edge > BOX_LEVEL).any())


def line_kernel(length: int, slope: float) -> NDArray[np.uint8]:
    rise = round(abs(slope) * length)
    kernel = np.zeros((rise + 1, length), np.uint8)
    ends = ((0, 0), (length - 1, rise)) if slope > 0 else ((0, rise), (length - 1, 0))
    return np.asarray(cv2.line(kernel, *ends, (1,), 1), np.uint8)


def thickness(lines: Ink) -> int:
    """Of level lines, in rows."""
    starts = int(np.count_nonzero(np.diff(lines.astype(np.int16), axis=0, prepend=0) > 0))
    return round(np.count_nonzero(lines) / max(1, starts))
