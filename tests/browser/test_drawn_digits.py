"""Digits of MNIST and of a plotter, drawn on the page along their centre lines, in many sizes and positions."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from playwright.sync_api import Page, expect

from tests.support.browser_actions import Stroke, draw
from tests.support.mnist_pictures import mnist_digit
from training.thinning import thin

NEIGHBOURS = [(-1, 0), (-1, 1), (0, 1), (1, 1), (1, 0), (1, -1), (0, -1), (-1, -1)]  # rows, columns
ENLARGED_SIDE = 84  # pixels: thinning a digit three times as large makes smoother lines
MIN_STROKE = 4  # of these pixels; shorter ones are remainders at corners
MOMENTUM = 0.6  # how far a stroke keeps its previous direction


@pytest.mark.slow
def test_200_drawn_digits_are_read_correctly(page: Page) -> None:
    assert accuracy_of_drawings(page, 200) >= 0.97


def test_drawn_digits_are_read_correctly(page: Page) -> None:
    assert accuracy_of_drawings(page, 10) >= 0.9


def accuracy_of_drawings(page: Page, count: int) -> float:
    """Every fifth digit is drawn as a plotter draws it."""
    rng = np.random.default_rng(0)
    mnist_digits = [mnist_digit(int(index)) for index in rng.choice(10_000, count, replace=False)]
    drawings = [(pen_strokes(pixels), label) for pixels, label in mnist_digits]
    drawings[::5] = [(plotted(number % 10, rng), number % 10) for number in range(len(drawings[::5]))]
    results = [(label, read_drawing(page, placed(strokes, rng))) for strokes, label in drawings]
    misread = [(number, label, text) for number, (label, text) in enumerate(results) if text != str(label)]
    print(f"misread (number, label, read as): {misread}")
    return 1 - len(misread) / count


def read_drawing(page: Page, strokes: list[Stroke]) -> str:
    for stroke in strokes:
        draw(page, stroke, steps=1)
    expect(page.locator("#answer")).to_have_attribute("aria-busy", "false")
    text = page.locator("#digit").inner_text()
    page.get_by_role("button", name="Clear").click()
    return text


def placed(strokes: list[Stroke], rng: np.random.Generator) -> list[Stroke]:
    """Anywhere on the pad; the longer side takes 40 to 85 % of it."""
    points = np.array([point for stroke in strokes for point in stroke])
    corner, extent = points.min(axis=0), np.ptp(points, axis=0)
    scale = rng.uniform(0.4, 0.85) / extent.max()
    position = rng.uniform(0.05, 0.95 - extent * scale)
    return [[tuple((np.array(point) - corner) * scale + position) for point in stroke] for stroke in strokes]


# --- the digits of a plotter, in a box of 10 x 20 ---------------------------------------------------------------------


def arc(centre: tuple[float, float], radius_x: float, radius_y: float, start: float, end: float) -> Stroke:
    """Part of an ellipse between two angles in degrees: 0 points right, 90 down."""
    angles = np.radians(np.linspace(start, end, 16))
    x, y = centre
    return [(x + radius_x * float(np.cos(angle)), y + radius_y * float(np.sin(angle))) for angle in angles]


PLOTTED: list[list[Stroke]] = [
    [arc((5, 10), 5, 10, -90, 270)],
    [[(1, 4), (5, 0), (5, 20)]],
    [[*arc((5, 5), 5, 5, -180, 40), (0, 20), (10, 20)]],
    [[*arc((5, 5), 5, 5, -160, 90), *arc((5, 15), 5, 5, -90, 160)]],
    [[(7, 20), (7, 0), (0, 14), (10, 14)]],
    [[(9, 0), (1, 0), (0, 9), *arc((5, 14), 5, 6, -140, 150)]],
    [[*arc((10, 14), 10, 14, -100, -180), *arc((5, 14), 5, 6, 180, -180)]],
    [[(0, 0), (10, 0), (3, 20)]],
    [[*arc((5, 5), 4.5, 5, 90, -270), *arc((5, 15), 5, 5, -90, 270)]],
    [[*arc((5, 6), 5, 6, 0, -360), *arc((0, 6), 10, 14, 0, 80)]],
]


def plotted(label: int, rng: np.random.Generator) -> list[Stroke]:
    """Narrow or wide, upright or slanted."""
    width, slant = rng.uniform(0.7, 1.3), rng.uniform(0, 0.3)
    return [[(x * width - y * slant, y) for x, y in stroke] for stroke in PLOTTED[label]]


# --- the strokes of a pen along the centre lines of a digit -----------------------------------------------------------

Pixel = tuple[int, int]  # row, column


def pen_strokes(pixels: NDArray[np.uint8]) -> list[Stroke]:
    """The centre lines of a digit's ink, as fractions of the image's width and height."""
    enlarged = cv2.resize(pixels, (ENLARGED_SIDE, ENLARGED_SIDE), interpolation=cv2.INTER_CUBIC)
    skeleton = thin(enlarged > 127)
    remaining = {(int(row), int(column)) for row, column in np.argwhere(skeleton)}
    strokes = []
    while remaining:
        path = follow(min(remaining, key=lambda pixel: (degree(pixel, remaining), pixel)), remaining)
        if len(path) > MIN_STROKE:
            strokes.append([(column / ENLARGED_SIDE, row / ENLARGED_SIDE) for row, column in [*path[:-1:3], path[-1]]])
    return strokes


def follow(pixel: Pixel, remaining: set[Pixel]) -> list[Pixel]:
    """Walks from neighbour to neighbour, as straight as possible, and removes every pixel that it passes."""
    path = [pixel]
    direction = np.zeros(2)
    while True:
        remaining.discard(path[-1])
        row, column = path[-1]
        steps = [step for step in NEIGHBOURS if (row + step[0], column + step[1]) in remaining]
        if not steps:
            return path
        step = max(steps, key=lambda step: float(np.dot(step, direction)) / np.hypot(*step))
        direction = direction * MOMENTUM + step
        path.append((row + step[0], column + step[1]))


def degree(pixel: Pixel, remaining: set[Pixel]) -> int:
    """How many neighbours remain."""
    return sum((pixel[0] + row, pixel[1] + column) in remaining for row, column in NEIGHBOURS)
