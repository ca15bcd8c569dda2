"""Strokes become a picture of handwriting: smooth curves, drawn with a pen on paper under uneven light."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from app.arrays import Ink
from training.evaluation.testsets.rendering import RGB, Size, colour_ink, encode, random_colours

Points = NDArray[np.float64]  # (n, 2): x to the right and y downwards
Widths = NDArray[np.float64]  # (n,): the width of the pen at each point

CURVE_STEPS = 12  # points of a curve for each control point
POINT_DISTANCE = 0.025  # between two points of a drawn stroke, in the longer side of the writing
CANVAS_SIDE = 400  # pixels: smaller pictures are drawn larger, by a whole factor, and reduced
LARGEST_SWELL = 1.5  # of a pen that writes thicker where the hand is slow
EDGE = 2  # pixels beyond the ink, for its soft edge
FRACTION_BITS = 4  # OpenCV draws at sixteenths of a pixel

PICTURE_SIDES = (60, 400)  # pixels
PEN_WIDTHS = (0.03, 0.11)  # from a fine liner to a felt pen, in the longer side of the writing
MIN_PEN = 1.3  # pixels
FAINTEST_INK = 0.75  # of full ink
DIMMEST_LIGHT = 0.7  # at one side of the picture, if it is 1 at the other
JPEG_SHARE = 0.5


@dataclass(frozen=True)
class Pen:
    width: float  # mean, in the longer side of the writing
    contrast: float  # 0: always as wide; 0.5: half as wide again where the hand is slow, half as wide where it is fast


def choose_pen(rng: Generator) -> Pen:
    """From fine to thick; every second pen writes thicker where the hand is slow."""
    width = float(np.exp(rng.uniform(*np.log(PEN_WIDTHS))))
    return Pen(width, rng.uniform(0.2, 0.5) if rng.random() < 0.5 else 0.0)


def write(strokes: Sequence[Points], rng: Generator) -> bytes:
    """A PNG or JPEG of strokes with any unit of length, with a random pen, paper, size and place."""
    size = choose_size(rng)
    ink = draw(strokes, choose_pen(rng), size, rng)
    background, colour = random_colours(rng)
    faint = np.rint(ink * rng.uniform(FAINTEST_INK, 1)).astype(np.uint8)
    pixels = illuminate(colour_ink(faint, background, colour), rng)
    if rng.random() < JPEG_SHARE:
        return encode(pixels, "JPEG", quality=int(rng.integers(50, 96)))
    return encode(pixels)


def choose_size(rng: Generator) -> Size:
    shorter, longer = PICTURE_SIDES
    side = np.exp(rng.uniform(*np.log(PICTURE_SIDES)))
    height, width = np.clip(side * rng.uniform(0.85, 1.15, 2), shorter, longer)
    return round(height), round(width)


def illuminate(pixels: RGB, rng: Generator) -> RGB:
    """Light that fades to one side, and the grain of paper and sensor."""
    height, width = pixels.shape[:2]
    across, down = rng.uniform(-1, 1, 2) * (1 - DIMMEST_LIGHT) / 2
    rows, columns = (np.linspace(-slope, slope, n, dtype=np.float32) for slope, n in ((down, height), (across, width)))
    light = np.add.outer(rows, columns) + np.float32(1 - abs(across) - abs(down))
    grain = rng.standard_normal((height, width), np.float32) * np.float32(rng.uniform(0, 5))
    lit = pixels * light[:, :, np.newaxis]
    lit += grain[:, :, np.newaxis]
    return np.clip(lit, 0, 255, out=lit).astype(np.uint8)


# --- curves ---


def smooth_curve(corners: Points, steps: int = CURVE_STEPS) -> Points:
    """Through all control points (Catmull and Rom, 1974); a point that stands twice is a sharp corner."""
    before, after = 2 * corners[0] - corners[1], 2 * corners[-1] - corners[-2]
    p0, p1, p2, p3 = (np.vstack([before, corners, after])[start : len(corners) - 1 + start] for start in range(4))
    t = np.linspace(0, 1, steps, endpoint=False)[:, np.newaxis, np.newaxis]
    curve = p1 + t / 2 * (p2 - p0 + t * (2 * p0 - 5 * p1 + 4 * p2 - p3 + t * (3 * (p1 - p2) + p3 - p0)))
    is_curve = (p1 != p2).any(axis=1)
    return np.vstack([curve.swapaxes(0, 1)[is_curve].reshape(-1, 2), corners[-1]])


def at_equal_distances(points: Points, distance: float) -> Points:
    """The same path with points that lie about `distance` apart."""
    lengths = np.hypot(*np.diff(points, axis=0).T)
    travelled = np.append(0, np.cumsum(lengths))
    places = np.linspace(0, travelled[-1], max(2, round(travelled[-1] / distance) + 1))
    return np.stack([np.interp(places, travelled, points[:, axis]) for axis in (0, 1)], axis=1)


# --- pen ---


def draw(strokes: Sequence[Points], pen: Pen, size: Size, rng: Generator) -> Ink:
    """(H, W) of `size`: the strokes as large as a part of the sheet, anywhere on it."""
    factor = max(1, CANVAS_SIDE // max(size))
    canvas = np.zeros((size[0] * factor, size[1] * factor), np.uint8)
    placed, side = place_strokes(strokes, canvas.shape, pen.width, rng)
    width = max(pen.width * side, MIN_PEN * factor)
    for stroke in placed:
        draw_stroke(canvas, at_equal_distances(stroke, POINT_DISTANCE * side), width, pen.contrast)
    return np.asarray(cv2.resize(canvas, size[::-1], interpolation=cv2.INTER_AREA), np.uint8)


def place_strokes(
    strokes: Sequence[Points], sheet: Sequence[int], pen: float, rng: Generator
) -> tuple[list[Points], float]:
    """The strokes in pixels, their ink completely on the sheet, and the length of their longer side."""
    points = np.concatenate(strokes)
    low, extent = points.min(axis=0), np.ptp(points, axis=0)
    room = np.array([sheet[1], sheet[0]])
    scale = rng.uniform(0.5, 0.85) * float((room / (extent + pen * extent.max())).min())
    side = scale * float(extent.max())
    margin = LARGEST_SWELL * pen * side / 2 + EDGE
    corner = margin + rng.uniform(0, 1, 2) * (room - scale * extent - 2 * margin)
    return [(stroke - low) * scale + corner for stroke in strokes], side


def draw_stroke(canvas: Ink, points: Points, width: float, contrast: float) -> None:
    pixels = np.rint(points * 2**FRACTION_BITS).astype(np.int32)
    if not contrast:
        cv2.polylines(canvas, [pixels], False, 255, max(1, round(width)), cv2.LINE_AA, FRACTION_BITS)
        return
    widths = np.maximum(1, np.rint(width * (1 - contrast * relative_speeds(points)))).astype(int)
    for start, end, thickness in zip(pixels[:-1].tolist(), pixels[1:].tolist(), widths.tolist(), strict=False):
        cv2.line(canvas, start, end, 255, thickness, cv2.LINE_AA, FRACTION_BITS)


def relative_speeds(points: Points) -> Widths:
    """From -1 in the sharpest turns to 1 where the path is straight, for points at equal distances.

    The speed of a hand falls with the third root of the curvature (Lacquaniti, Terzuolo and Viviani, 1983).
    """
    steps = np.diff(points, axis=0)
    headings = np.unwrap(np.arctan2(steps[:, 1], steps[:, 0]))
    turns = np.abs(np.diff(headings, prepend=headings[0], append=headings[-1]))
    speeds = np.cbrt(0.02 / (0.02 + np.convolve(turns, np.full(5, 0.2), "same")))
    return np.asarray(np.clip(4 * speeds - 2.5, -1, 1))
