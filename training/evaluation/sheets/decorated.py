"""What hands draw around and through numbers: strikes, underlines, rings, tables."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.random import Generator

from app.arrays import Grayscale
from training.evaluation.sheets.handwriting import Hand, smooth_noise
from training.evaluation.sheets.layouts import (
    HEIGHT,
    STRUCK,
    WIDTH,
    Bounds,
    Drawn,
    blank,
    column,
    number,
    short_number,
)

Point = tuple[float, float]


def freehand(hand: Hand, ink: Grayscale, start: Point, end: Point, bow: float = 0.02) -> None:
    """A line drawn without a ruler. `bow`: how far it is from straight, of its length, at most."""
    along = np.linspace(0, 1, 24)[:, np.newaxis]
    points = np.array(start) + along * (np.array(end) - start)
    across = np.array([start[1] - end[1], end[0] - start[0]])
    points += np.sin(math.pi * along) * across * float(hand.rng.uniform(-bow, bow))
    hand.stroke(ink, points + smooth_noise(24, hand.rng) * 0.02 * hand.height)


def strike(hand: Hand, ink: Grayscale, box: Bounds) -> None:
    """One line, level or slanted, or two."""
    left, top, right, bottom = box
    rng, height = hand.rng, bottom - top
    slope = float(rng.uniform(-0.35, 0.35)) * min(1.0, (right - left) / height / 3) * height
    offsets = (-0.12, 0.12) if rng.random() < 0.3 else (0.0,)
    for offset in offsets:
        y = top + height * (float(rng.uniform(0.4, 0.6)) + offset)
        start, end = left - float(rng.uniform(0.02, 0.25)) * height, right + float(rng.uniform(0.02, 0.25)) * height
        freehand(hand, ink, (start, y + slope / 2), (end, y - slope / 2))


def underline(low: float, high: float) -> Callable[[Hand, Grayscale, Bounds], None]:
    """`low`, `high`: how far below the digits' feet, in heights."""

    def decorate(hand: Hand, ink: Grayscale, box: Bounds) -> None:
        left, _, right, bottom = box
        y, reach = bottom + hand.height * float(hand.rng.uniform(low, high)), 0.2 * hand.height
        rise = float(hand.rng.normal(0, 0.012)) * (right - left)
        freehand(hand, ink, (left - reach, y + rise / 2), (right + reach, y - rise / 2), 0.01)

    return decorate


def struck(rng: Generator) -> Drawn:
    """One number of three is struck through."""
    crossed: list[bool] = []

    def decorate(hand: Hand, ink: Grayscale, box: Bounds) -> None:
        crossed.append(hand.rng.random() < 1 / 3)
        if crossed[-1]:
            strike(hand, ink, box)

    drawn = column(rng, number, blank(), 230, decorate)
    lines = [STRUCK if is_crossed else text for text, is_crossed in zip(drawn.lines, crossed, strict=True)]
    return drawn._replace(lines=lines)


def partly_struck(rng: Generator) -> Drawn:
    """Three numbers on a line, and one of them struck through on most lines."""
    hand = Hand(rng, height=float(rng.uniform(75, 110)))
    ink, texts = np.zeros((HEIGHT, WIDTH), np.uint8), []
    for row in range(7):
        x, y, words = float(rng.uniform(120, 200)), 180 + row * 240.0, []
        chosen = int(rng.integers(4))
        for place in range(3):
            words.append(short_number(rng))
            right = hand.write(ink, words[-1], x, y)
            if place == chosen:
                strike(hand, ink, (x, y, right, y + hand.height))
                words[-1] = STRUCK
            x = right + float(rng.uniform(0.9, 1.3)) * hand.height
        texts.append(" ".join(words))
    return Drawn(blank(), ink, texts)


def underlined_closely(rng: Generator) -> Drawn:
    """The line runs through the feet of the digits."""
    return column(rng, number, blank(), 230, underline(-0.06, 0.06))


def one_ringed(rng: Generator) -> Drawn:
    """A ring around some of the numbers, the others without one; rings touch digits at times and are not closed."""

    def decorate(hand: Hand, ink: Grayscale, box: Bounds) -> None:
        if hand.rng.random() < 0.5:
            left, top, right, bottom = box
            turn = 2 * math.pi * float(hand.rng.uniform(0.96, 1.08))
            angles = np.linspace(0, turn, 60) + float(hand.rng.uniform(0, 6))
            across = (right - left) / 2 + float(hand.rng.uniform(0.3, 0.7)) * hand.height
            down = (bottom - top) / 2 + float(hand.rng.uniform(0.2, 0.45)) * hand.height
            points = np.stack([np.cos(angles) * across, np.sin(angles) * down], 1)
            points *= np.linspace(1, float(hand.rng.uniform(0.95, 1.08)), 60)[:, np.newaxis]
            hand.stroke(ink, points + ((left + right) / 2, (top + bottom) / 2) + smooth_noise(60, hand.rng) * 5)

    return column(rng, short_number, blank(), 300, decorate)


def drawn_table(rng: Generator) -> Drawn:
    """Numbers in the cells of a table that was drawn by hand."""
    hand = Hand(rng, height=float(rng.uniform(62, 85)))
    ink, texts = np.zeros((HEIGHT, WIDTH), np.uint8), []
    columns, rows = int(rng.integers(1, 4)), int(rng.integers(4, 8))
    wide, high, left, top = 380.0, hand.height * float(rng.uniform(1.6, 2)), 140.0, float(rng.uniform(150, 300))
    beyond = 0.15 * hand.height
    for row in range(rows + 1):
        y = top + row * high + float(rng.normal(0, 3))
        freehand(hand, ink, (left - beyond, y), (left + columns * wide + beyond, y + float(rng.normal(0, 5))), 0.008)
    for place in range(columns + 1):
        x = left + place * wide + float(rng.normal(0, 4))
        freehand(hand, ink, (x, top - beyond), (x + float(rng.normal(0, 5)), top + rows * high + beyond), 0.008)
    for row in range(rows):
        cells = [short_number(rng) for _ in range(columns)]
        for place, cell in enumerate(cells):
            x = left + place * wide + float(rng.uniform(0.35, 0.7)) * hand.height
            hand.write(ink, cell, x, top + row * high + (high - hand.height) / 2)
        texts.append(" ".join(cells))
    return Drawn(blank(), ink, texts)
