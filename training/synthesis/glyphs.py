"""What is written: digits, letters and what is put together of them, as ink alone, each some tens of pixels high.

Every maker draws from a generator and gives a `Glyph` (H, W) uint8, 255 = ink, and its label, 10 for no digit.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from training.config import Distortion
from training.datasets.fonts import Font, render_character
from training.datasets.mnist import Digits
from training.synthesis.augment import distort
from training.thinning import thin

Glyph = NDArray[np.uint8]  # (H, W), 255 = ink
Points = NDArray[np.float64]  # (n, 2): x and y

T = TypeVar("T")

NO_DIGIT = 10
# Letters that a digit may look like in one hand or another are left out: nobody could tell them apart.
LETTERS = "ACEFGHKLMNPRTUVWXYabcdefhkmnprtuvwxyBSZsgq@&?%$#+*"
WARP = Distortion(rotation=10, scale=0.15, shear=0.25, shift=1, elastic_alpha=(5, 25), elastic_sigma=(4, 6))
DRAWN = 112  # pixels: characters and shapes are drawn at this height and reduced later


@dataclass(frozen=True)
class Sources:
    """What the makers draw from: digits, characters of fonts, each drawn once, and photos of other things."""

    digits: Digits
    fonts: tuple[Font, ...]
    photos: tuple[Glyph, ...]

    @functools.cached_property
    def by_label(self) -> list[NDArray[np.intp]]:
        return [np.flatnonzero(self.digits.labels == digit) for digit in range(10)]


Maker = Callable[[Sources, Generator], tuple[Glyph, int]]


def written(sources: Sources, rng: Generator) -> tuple[Glyph, int]:
    """An MNIST digit, distorted and enlarged."""
    index = rng.integers(len(sources.digits))
    image = distort(sources.digits.images[index : index + 1], WARP, rng)[0]
    return enlarged(image, rng), int(sources.digits.labels[index])


def enlarged(image: NDArray[np.uint8], rng: Generator) -> Glyph:
    """Cubically, its soft edge made as sharp as a pen's."""
    large = cv2.resize(image, None, fx=4, fy=4, interpolation=cv2.INTER_CUBIC)
    threshold, sharpness = rng.uniform(70, 170), rng.uniform(1, 4)
    if rng.random() < 0.3:
        return np.asarray(large, np.uint8)
    sharp: Glyph = np.clip((large.astype(np.float32) - threshold) * sharpness + 128, 0, 255).astype(np.uint8)
    return sharp


def penned(sources: Sources, rng: Generator) -> tuple[Glyph, int]:
    """An MNIST digit's centre line, drawn anew with another pen."""
    index = rng.integers(len(sources.digits))
    image = distort(sources.digits.images[index : index + 1], WARP, rng)[0]
    lines = segments(thin(cv2.resize(image, None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC) > 127))
    return drawn(lines / 56, rng), int(sources.digits.labels[index])


def drawn(lines: NDArray[np.float64], rng: Generator) -> Glyph:
    """Segments (n, 2, 2) in the unit square as strokes of one pen."""
    width = int(np.exp(rng.uniform(math.log(2), math.log(22))))
    sheet = np.zeros((DRAWN + 32, DRAWN + 32), np.uint8)
    points = np.rint((lines * DRAWN + 16) * 16).astype(np.int32)
    how = cv2.LINE_AA if rng.random() < 0.8 else cv2.LINE_8
    cv2.polylines(sheet, list(points), False, (255,), width, how, shift=4)
    return sheet


def segments(skeleton: NDArray[np.bool_]) -> NDArray[np.float64]:
    """(n, 2, 2): from each pixel of a skeleton to its neighbours on the right and below, smoothed a little."""
    inked = np.pad(skeleton, 1)
    y, x = np.nonzero(inked)
    place = smoothed(inked, y, x)
    number = np.full(inked.shape, -1)
    number[y, x] = np.arange(len(y))
    pairs = []
    for down, right in ((0, 1), (1, 0), (1, 1), (1, -1)):
        other = number[y + down, x + right]
        if down and right:  # a diagonal beside a corner would draw the corner twice
            other = np.where((number[y + down, x] < 0) & (number[y, x + right] < 0), other, -1)
        pairs.append(np.stack([np.flatnonzero(other >= 0), other[other >= 0]], axis=1))
    ends = np.concatenate(pairs)
    if not len(ends):  # a dot
        ends = np.zeros((1, 2), np.intp)
    lines: NDArray[np.float64] = place[ends] - 1
    return lines


def smoothed(inked: NDArray[np.bool_], y: NDArray[np.intp], x: NDArray[np.intp]) -> Points:
    """Each pixel's place as the mean of its neighbourhood's, so that a slanted line has no stairs."""
    rows, columns = np.mgrid[: inked.shape[0], : inked.shape[1]].astype(np.float32)
    weight = inked.astype(np.float32)
    n, sum_y, sum_x = (
        cv2.boxFilter(each, -1, (5, 5), normalize=False) for each in (weight, weight * rows, weight * columns)
    )
    return np.stack([sum_x[y, x] / n[y, x], sum_y[y, x] / n[y, x]], axis=1).astype(np.float64)


@functools.lru_cache(maxsize=20_000)
def character(font: Font, text: str) -> Glyph:
    glyph: Glyph = render_character(font, text, DRAWN)
    return glyph


def warped(glyph: Glyph, rng: Generator) -> Glyph:
    """Turned, slanted, stretched."""
    height, width = glyph.shape
    turn, slant = math.radians(rng.uniform(-10, 10)), rng.uniform(-0.2, 0.2)
    wide, high = rng.uniform(0.75, 1.2), rng.uniform(0.85, 1.15)
    matrix = np.array([[math.cos(turn), -math.sin(turn)], [math.sin(turn), math.cos(turn)]])
    matrix = matrix @ np.array([[wide, -slant], [0, high]])
    corners = np.array([[0, 0], [width, 0], [0, height], [width, height]]) @ matrix.T
    low, size = corners.min(axis=0), np.ceil(np.ptp(corners, axis=0)).astype(int) + 4
    affine = np.column_stack([matrix, 2 - low])
    return np.asarray(cv2.warpAffine(glyph, affine, (int(size[0]), int(size[1]))), np.uint8)


def printed(sources: Sources, rng: Generator) -> tuple[Glyph, int]:
    """A digit of a font."""
    digit = int(rng.integers(10))
    return warped(character(pick(sources.fonts, rng), str(digit)), rng), digit


def letter(sources: Sources, rng: Generator) -> tuple[Glyph, int]:
    text = pick(LETTERS, rng)
    return warped(character(pick(sources.fonts, rng), text), rng), NO_DIGIT


def word(sources: Sources, rng: Generator) -> tuple[Glyph, int]:
    font = pick(sources.fonts, rng)
    return beside([warped(character(font, pick(LETTERS, rng)), rng) for _ in range(rng.integers(2, 5))], rng), NO_DIGIT


def several(sources: Sources, rng: Generator) -> tuple[Glyph, int]:
    """Two or three digits beside each other or one above the other."""
    maker = pick((written, written, penned, printed), rng)
    glyphs = [tight(maker(sources, rng)[0]) for _ in range(2 if rng.random() < 0.7 else 3)]
    glyphs = [resized(glyph, int(DRAWN * rng.uniform(0.7, 1))) for glyph in glyphs]
    if rng.random() < 0.2:
        return np.ascontiguousarray(beside([glyph.T for glyph in glyphs], rng).T), NO_DIGIT
    return beside(glyphs, rng), NO_DIGIT


def half(sources: Sources, rng: Generator) -> tuple[Glyph, int]:
    """Half a digit, or one and a half: what a wrong cut between two digits leaves. A 1 or 7 has no half."""
    labels = np.array([0, 2, 3, 4, 5, 6, 8, 9])
    first, second = (
        tight(enlarged(sources.digits.images[rng.choice(sources.by_label[rng.choice(labels)])], rng)) for _ in range(2)
    )
    cut = int(second.shape[1] * rng.uniform(0.35, 0.65))
    part = second[:, :cut] if rng.random() < 0.5 else second[:, cut:]
    if rng.random() < 0.4:
        return part, NO_DIGIT
    return beside([first, part] if rng.random() < 0.5 else [part, first], rng), NO_DIGIT


def beside(glyphs: Sequence[Glyph], rng: Generator) -> Glyph:
    """From left to right, near each other or touching."""
    gap = int(DRAWN * rng.uniform(-0.08, 0.2))
    height = max(len(glyph) for glyph in glyphs) + 16
    sheet = np.zeros((height, sum(glyph.shape[1] for glyph in glyphs) + len(glyphs) * max(gap, 0)), np.uint8)
    left = 0
    for glyph in glyphs:
        top = rng.integers(height - len(glyph) + 1)
        place = sheet[top : top + len(glyph), left : left + glyph.shape[1]]
        np.maximum(place, glyph, out=place)
        left += max(1, glyph.shape[1] + gap)
    return sheet


def shuffled(sources: Sources, rng: Generator) -> tuple[Glyph, int]:
    """A digit's four quarters in another order: strokes like a digit's that make none."""
    image = sources.digits.images[rng.integers(len(sources.digits))][4:24, 4:24]
    quarters = [image[y : y + 10, x : x + 10] for y in (0, 10) for x in (0, 10)]
    order = rng.permutation(4)
    while (order == np.arange(4)).sum() > 1:
        order = rng.permutation(4)
    a, b, c, d = (quarters[i] for i in order)
    return enlarged(np.block([[a, b], [c, d]]), rng), NO_DIGIT


def tight(glyph: Glyph) -> Glyph:
    x, y, width, height = cv2.boundingRect(cv2.threshold(glyph, 32, 255, cv2.THRESH_BINARY)[1])
    return glyph[y : y + height, x : x + width] if width else glyph


def resized(glyph: Glyph, height: int) -> Glyph:
    """To this height, a wide one to at most three times its width."""
    width = min(3 * height, max(1, round(glyph.shape[1] * height / len(glyph))))
    how = cv2.INTER_AREA if height < len(glyph) else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(glyph, (width, height), interpolation=how), np.uint8)


def pick(among: Sequence[T], rng: Generator) -> T:
    return among[int(rng.integers(len(among)))]
