"""Rings, boxes and lines that a hand draws around, under and over a digit, with its pen or with another one."""

from __future__ import annotations

import math
from collections.abc import Callable

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from app.arrays import Ink
from training.evaluation.single_digits.grounds import FloatColour, colour_far_from, coloured
from training.evaluation.testsets.base import RenderDigit
from training.evaluation.testsets.centreline import draw_centreline, extract_centreline
from training.evaluation.testsets.rendering import Placement, crop_to_ink, encode, resize_to_height

Points = NDArray[np.float64]  # (n, 2): x and y
Shape = Callable[[float, float, Generator], list[Points]]  # half the width, half the height -> strokes around 0, 0

# Between the digit and an outline, in heights of the digit. An outline that crosses the digit is off its middle.
APART, CLOSE, TOUCHING, CROSSED = (0.2, 0.6), (0.06, 0.2), (-0.05, 0.02), (0.02, 0.12)
BEYOND = (0.07, 0.25)  # of the digit's height: how far a stroke extends beyond an outline that it crosses
PENS = (0.05, 0.12)  # of the digit's height
THICKEST = 0.11  # of the digit's height: a thicker outline that crosses a digit hides it
SHEET = 3.0  # digit heights
LEGIBLE = 45  # distance in CIE Lab


def ring(across: float, down: float, rng: Generator) -> list[Points]:
    """An ellipse by hand: bowed, turned, open or overlapping at its ends."""
    turn = 2 * math.pi * float(rng.uniform(0.92, 1.08))
    angles = np.linspace(0, turn, 90) + float(rng.uniform(0, 6.3))
    radius = np.linspace(1, float(rng.uniform(0.96, 1.06)), 90)
    radius += float(rng.uniform(0, 0.025)) * np.cos(3 * angles + float(rng.uniform(0, 6)))
    return [np.stack([np.cos(angles) * across * radius, np.sin(angles) * down * radius], 1)]


def box(across: float, down: float, rng: Generator) -> list[Points]:
    """Four sides in one stroke or in four, that miss each other's ends a little."""
    off = 0.05 * min(across, down)
    corners = np.array([(-across, -down), (across, -down), (across, down), (-across, down)]) + rng.normal(
        0, off, (4, 2)
    )
    if rng.random() < 0.5:
        closing = corners[0] + rng.normal(0, off, 2)
        return [np.concatenate([corners, [closing]])]
    return [
        np.array([start, end]) + rng.normal(0, off / 2, (2, 2))
        for start, end in zip(corners, np.roll(corners, -1, axis=0), strict=True)
    ]


def line(above: bool) -> Shape:
    def draw(across: float, down: float, rng: Generator) -> list[Points]:
        y, rise = (-down if above else down), float(rng.normal(0, 0.03)) * across
        longer = across + float(rng.uniform(0.05, 0.5)) * down
        return [np.array([(-longer, y - rise), (longer * float(rng.uniform(0.8, 1)), y + rise)])]

    return draw


def around(shape: Shape, gap: tuple[float, float], other_pen: bool = False) -> RenderDigit:
    def render(digit: Ink, rng: Generator) -> bytes:
        height = int(np.exp(rng.uniform(np.log(28), np.log(220))))
        ink = with_any_pen(digit, height, rng)
        pen = mean_stroke(ink) * float(rng.uniform(0.3, 1.2) if other_pen else rng.uniform(0.8, 1.1))
        pen = max(1.0, min(pen, THICKEST * height))
        distance = height * float(rng.uniform(*gap)) + pen / 2
        outline = draw_outline(ink, shape, distance, pen, rng)
        sheet = np.zeros_like(outline)
        shift = outwards(ink, rng) * (distance + height * float(rng.uniform(*BEYOND))) if gap is CROSSED else (0, 0)
        top, left = (
            round((room - side) / 2 + by) for room, side, by in zip(sheet.shape, ink.shape, shift, strict=True)
        )
        sheet[top : top + ink.shape[0], left : left + ink.shape[1]] = ink
        return encode(crop_margin(colour(sheet, outline, other_pen, rng), sheet | outline, rng))

    return render


def outwards(ink: Ink, rng: Generator) -> Points:
    """The direction, as row and column, of one of the strokes that are farthest from the middle."""
    pixels = np.argwhere(ink > 128) - np.array(ink.shape) / 2
    lengths = np.linalg.norm(pixels, axis=1)
    chosen = rng.choice(pixels[lengths >= np.quantile(lengths, 0.93)])
    return np.asarray(chosen / np.linalg.norm(chosen))


def with_any_pen(digit: Ink, side: int, rng: Generator) -> Ink:
    """The digit as MNIST has it or its centre line, its longer side of so many pixels."""
    if rng.random() < 0.2:
        ink = crop_to_ink(digit)
        return resize_to_height(ink, max(10, round(side * ink.shape[0] / max(ink.shape))))
    pen = max(2, round(side * float(rng.uniform(*PENS))))
    placement = Placement((side + pen + 2,) * 2, side - pen, ((pen + 2) / 2,) * 2)
    return crop_to_ink(draw_centreline(extract_centreline(digit), placement, pen))


def mean_stroke(ink: Ink) -> float:
    """The mean width of strokes in pixels: their area by the half of their outline."""
    strokes = np.where(ink > 128, np.uint8(255), np.uint8(0))
    outlines, _ = cv2.findContours(strokes, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
    return 2 * cv2.countNonZero(strokes) / sum(cv2.arcLength(outline, closed=True) for outline in outlines)


def draw_outline(ink: Ink, shape: Shape, gap: float, pen: float, rng: Generator) -> Ink:
    """On a sheet with the digit in its middle."""
    side = round(SHEET * max(ink.shape)) + 8
    sheet = np.zeros((side, side), np.uint8)
    across, down = half_sides(ink, shape, gap, rng)
    for points in shape(across, down, rng):
        fixed = np.rint((points + side / 2) * 16).astype(np.int32)
        cv2.polylines(sheet, [fixed], False, (255,), max(1, round(pen)), cv2.LINE_AA, 4)
    return sheet


def half_sides(ink: Ink, shape: Shape, gap: float, rng: Generator) -> tuple[float, float]:
    """Of an outline so far from the digit, and not narrower than people draw them."""
    height, width = ink.shape
    if shape is not ring:
        least = 0.0 if shape is not box else 0.3 * height
        return max(width / 2 + gap, least), height / 2 + gap
    aspect = float(rng.uniform(0.75, 1.1))  # width by height
    y, x = np.nonzero(ink > 128)
    farthest = float(np.hypot((x - width / 2) / aspect, y - height / 2).max())
    return aspect * (farthest + gap), farthest + gap


def colour(ink: Ink, outline: Ink, other_pen: bool, rng: Generator) -> NDArray[np.uint8]:
    """Of one pen, dark on light or light on dark; or the outline in another colour than the digit."""
    light, dark = rng.uniform(215, 255, 3), rng.uniform(0, 70, 3)
    ground, pen = (light, dark) if rng.random() < 0.75 else (dark, light)
    other: FloatColour = colour_far_from(rng, [ground], LEGIBLE) if other_pen else pen
    page = np.broadcast_to(ground, (*ink.shape, 3))
    share = outline[:, :, np.newaxis] / 255
    return coloured(ink, page * (1 - share) + other * share, pen, rng)


def crop_margin(pixels: NDArray[np.uint8], ink: Ink, rng: Generator) -> NDArray[np.uint8]:
    """The sheet around all ink, with a margin of 3 % to 40 %."""
    left, top, width, height = cv2.boundingRect(ink)
    margin = 2 + round(max(width, height) * float(rng.uniform(0.03, 0.4)))
    rows, columns = (
        slice(max(0, top - margin), top + height + margin),
        slice(max(0, left - margin), left + width + margin),
    )
    return np.ascontiguousarray(pixels[rows, columns])
