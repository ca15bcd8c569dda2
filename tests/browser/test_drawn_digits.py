"""Digits of many hands and of plotters, drawn on the page along their centre lines, in many sizes and places."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from playwright.sync_api import Page, expect

from tests.support.browser_actions import Stroke, digit, draw

NEIGHBOURS = [(-1, 0), (-1, 1), (0, 1), (1, 1), (1, 0), (1, -1), (0, -1), (-1, -1)]  # clockwise from above
ENLARGED = 84
SHORTEST = 4  # of its pixels: what is left at the corners of lines that were followed


@pytest.mark.slow
def test_200_drawn_digits_are_read_right(page: Page) -> None:
    assert share_read_right(page, 200) >= 0.97


def test_drawn_digits_are_read_right(page: Page) -> None:
    assert share_read_right(page, 15) >= 0.9


def share_read_right(page: Page, count: int) -> float:
    """Every fifth as a plotter draws it."""
    chance = np.random.default_rng(0)
    written = [digit(int(index)) for index in chance.choice(10_000, count, replace=False)]
    specimens = [(pen_path(pixels), label) for pixels, label in written]
    specimens[::5] = [(plotted(number % 10, chance), number % 10) for number in range(len(specimens[::5]))]
    read = [(label, read_drawn(page, placed(strokes, chance))) for strokes, label in specimens]
    wrong = [(number, label, said) for number, (label, said) in enumerate(read) if said != str(label)]
    print(f"read wrong (number, label, read): {wrong}")
    return 1 - len(wrong) / count


def read_drawn(page: Page, strokes: list[Stroke]) -> str:
    for stroke in strokes:
        draw(page, stroke, steps=1)
    expect(page.locator("#answer")).to_have_attribute("aria-busy", "false")
    read = page.locator("#digit").inner_text()
    page.get_by_role("button", name="Clear").click()
    return read


def placed(strokes: list[Stroke], chance: np.random.Generator) -> list[Stroke]:
    """Its longer side takes 40 to 85 % of the pad, anywhere on it."""
    points = np.array([point for stroke in strokes for point in stroke])
    least, extent = points.min(axis=0), np.ptp(points, axis=0)
    size = chance.uniform(0.4, 0.85) / extent.max()
    place = chance.uniform(0.05, 0.95 - extent * size)
    return [[tuple((np.array(point) - least) * size + place) for point in stroke] for stroke in strokes]


# --- a plotter's digits, in a box of 10 x 20 --------------------------------------------------------------------------


def arc(centre: tuple[float, float], across: float, down: float, begin: float, end: float) -> Stroke:
    """Of an ellipse, between two angles in degrees: 0 is on the right, 90 below."""
    angles = np.radians(np.linspace(begin, end, 16))
    x, y = centre
    return [(x + across * float(np.cos(angle)), y + down * float(np.sin(angle))) for angle in angles]


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


def plotted(label: int, chance: np.random.Generator) -> list[Stroke]:
    """Narrow or wide, upright or slanted."""
    wide, slant = chance.uniform(0.7, 1.3), chance.uniform(0, 0.3)
    return [[(x * wide - y * slant, y) for x, y in stroke] for stroke in PLOTTED[label]]


# --- the way a pen would have gone ------------------------------------------------------------------------------------


def pen_path(pixels: NDArray[np.uint8]) -> list[Stroke]:
    """The centre lines of a digit's ink, as shares of the image's width and height."""
    enlarged = cv2.resize(pixels, (ENLARGED, ENLARGED), interpolation=cv2.INTER_CUBIC)
    left = {(int(y), int(x)) for y, x in np.argwhere(thinned(enlarged > 127))}
    strokes = []
    while left:
        walk = follow(min(left, key=lambda point: (degree(point, left), point)), left)
        if len(walk) > SHORTEST:
            strokes.append([(x / ENLARGED, y / ENLARGED) for y, x in [*walk[:-1:3], walk[-1]]])
    return strokes


def thinned(ink: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Lines of one pixel: Zhang and Suen, A fast parallel algorithm for thinning digital patterns, 1984."""
    ink = ink.copy()
    while True:
        before = ink.sum()
        for corner in (0, 1):
            around = np.stack([np.roll(ink, (-y, -x), (0, 1)) for y, x in NEIGHBOURS])
            north, east, south, west = around[::2]
            crossings = (~around & np.roll(around, -1, axis=0)).sum(axis=0)
            edge = ~(east & south & (north | west)) if corner == 0 else ~(north & west & (east | south))
            ink &= ~(edge & (crossings == 1) & (around.sum(axis=0) >= 2) & (around.sum(axis=0) <= 6))
        if ink.sum() == before:
            return ink


def follow(point: tuple[int, int], left: set[tuple[int, int]]) -> list[tuple[int, int]]:
    """On from neighbour to neighbour, as straight as it goes, until there is none; what it passes is left no more."""
    walk = [point]
    direction = (0.0, 0.0)
    while True:
        left.discard(walk[-1])
        y, x = walk[-1]
        ways = [way for way in NEIGHBOURS if (y + way[0], x + way[1]) in left]
        if not ways:
            return walk
        step = max(ways, key=lambda way: float(np.dot(way, direction)) / np.hypot(*way))
        direction = (direction[0] * 0.6 + step[0], direction[1] * 0.6 + step[1])
        walk.append((y + step[0], x + step[1]))


def degree(point: tuple[int, int], left: set[tuple[int, int]]) -> int:
    return sum((point[0] + y, point[1] + x) in left for y, x in NEIGHBOURS)
