"""What is written: digits and what is none, as ink alone, each some tens of pixels high.

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

from training.augment import Distortion, distort
from training.data import Digits
from training.fonts import Font, draw

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
    lines = segments(thinned(cv2.resize(image, None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC)))
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


NEIGHBOURS = np.array([[128, 1, 2], [64, 0, 4], [32, 16, 8]], np.float32)  # clockwise from above


@functools.cache
def deletable(first: bool) -> NDArray[np.bool_]:
    """(256,): for each neighbourhood, whether its middle may go in this half of a pass (Zhang and Suen, 1984)."""
    answers = []
    for code in range(256):
        p = [code >> i & 1 for i in range(8)]  # N, NE, E, SE, S, SW, W, NW
        changes = sum(p[i] == 0 and p[(i + 1) % 8] == 1 for i in range(8))
        n, e, s, w = p[0], p[2], p[4], p[6]
        sides = (n * e * s, e * s * w) if first else (n * e * w, n * s * w)
        answers.append(2 <= sum(p) <= 6 and changes == 1 and sides == (0, 0))
    return np.array(answers)


def thinned(image: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """The skeleton of what is darker than half, one pixel wide (Zhang and Suen, 1984)."""
    inked = np.pad((image > 127).astype(np.float32), 1)
    while True:
        before = inked.sum()
        for first in (True, False):
            code = cv2.filter2D(inked, -1, NEIGHBOURS, borderType=cv2.BORDER_CONSTANT).astype(np.intp)
            inked[(inked > 0) & deletable(first)[code]] = 0
        if inked.sum() == before:
            return inked[1:-1, 1:-1] > 0


@functools.lru_cache(maxsize=20_000)
def character(font: Font, text: str) -> Glyph:
    glyph: Glyph = draw(font, text, DRAWN)
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


def scribble(_: Sources, rng: Generator) -> tuple[Glyph, int]:
    """A smooth line of many turns."""
    corners = rng.uniform(0, 1, (rng.integers(5, 14), 2))
    return drawn(joined(curve(corners)), rng), NO_DIGIT


def curve(corners: Points, steps: int = 12) -> Points:
    """Through all corners (Catmull-Rom)."""
    padded = np.concatenate([corners[:1], corners, corners[-1:]])
    t = np.linspace(0, 1, steps, endpoint=False)[:, None]
    parts = []
    for a, b, c, d in zip(padded, padded[1:], padded[2:], padded[3:], strict=False):
        parts.append(0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - a - 3 * c + d) * t**3))
    return np.concatenate(parts)


def joined(points: Points) -> NDArray[np.float64]:
    return np.stack([points[:-1], points[1:]], axis=1)


def circle(x: float, y: float, radius: float, start: float = 0, end: float = 2 * math.pi) -> Points:
    angles = np.linspace(start, end, 30)
    return np.stack([x + radius * np.cos(angles), y + radius * np.sin(angles)], axis=1)


def star(points: int, inner: float) -> Points:
    angles = np.linspace(0, 2 * math.pi, 2 * points + 1) - math.pi / 2
    radii = np.where(np.arange(2 * points + 1) % 2, inner * 0.5, 0.5)
    return np.stack([0.5 + radii * np.cos(angles), 0.5 + radii * np.sin(angles)], axis=1)


def polygon(corners: int) -> Points:
    return star(corners, math.cos(math.pi / corners))


SHAPES: dict[str, list[Points]] = {
    "triangle": [polygon(3)],
    "square": [np.array([(0, 0), (1, 0), (1, 1), (0, 1), (0, 0)])],
    "pentagon": [polygon(5)],
    "hexagon": [polygon(6)],
    "star": [star(5, 0.4)],
    "pentagram": [polygon(5)[[0, 4, 8, 2, 6, 0]]],
    "asterisk": [
        np.array([(0.5 - x, 0.5 - y), (0.5 + x, 0.5 + y)]) for x, y in ((0.5, 0), (0.25, 0.43), (-0.25, 0.43))
    ],
    "plus": [np.array([(0.5, 0), (0.5, 1)]), np.array([(0, 0.5), (1, 0.5)])],
    "cross": [np.array([(0, 0), (1, 1)]), np.array([(1, 0), (0, 1)])],
    "tick": [np.array([(0, 0.6), (0.35, 1), (1, 0)])],
    "arrow": [np.array([(0, 0.5), (1, 0.5)]), np.array([(0.65, 0.2), (1, 0.5), (0.65, 0.8)])],
    "house": [np.array([(0, 0.4), (0.5, 0), (1, 0.4), (1, 1), (0, 1), (0, 0.4), (1, 0.4)])],
    "heart": [curve(np.array([(0.5, 1), (0, 0.4), (0.2, 0), (0.5, 0.25), (0.8, 0), (1, 0.4), (0.5, 1)]))],
    "level line": [np.array([(0, 0.5), (1, 0.5)])],
    "equals": [np.array([(0, 0.3), (1, 0.3)]), np.array([(0, 0.7), (1, 0.7)])],
    "hash": [
        np.array(p) for p in ([(0.3, 0), (0.3, 1)], [(0.7, 0), (0.7, 1)], [(0, 0.3), (1, 0.3)], [(0, 0.7), (1, 0.7)])
    ],
    "zigzag": [np.array([(0, 0.3), (0.2, 0.7), (0.4, 0.3), (0.6, 0.7), (0.8, 0.3), (1, 0.7)])],
    "wave": [np.stack([np.linspace(0, 1, 40), 0.5 + 0.2 * np.sin(np.linspace(0, 12, 40))], axis=1)],
    "spiral": [
        np.stack([0.5 + t / 40 * np.cos(t), 0.5 + t / 40 * np.sin(t)], axis=1) for t in [np.linspace(0, 18, 90)]
    ],
    "smiley": [
        circle(0.5, 0.5, 0.5),
        circle(0.33, 0.35, 0.05),
        circle(0.67, 0.35, 0.05),
        circle(0.5, 0.5, 0.3, 0.5, 2.6),
    ],
    "target": [circle(0.5, 0.5, 0.5), circle(0.5, 0.5, 0.22)],
    "crossed circle": [circle(0.5, 0.5, 0.5), np.array([(0.15, 0.15), (0.85, 0.85)])],
    "flash": [np.array([(0.6, 0), (0.1, 0.55), (0.5, 0.55), (0.3, 1), (0.9, 0.4), (0.5, 0.4), (0.6, 0)])],
    "two bars": [np.array([(0.3, 0), (0.3, 1)]), np.array([(0.7, 0), (0.7, 1)])],
}


def shape(_: Sources, rng: Generator) -> tuple[Glyph, int]:
    """A figure, its corners a little off as a hand draws them, as an outline or filled."""
    parts = [part + rng.normal(0, 0.02, part.shape) for part in SHAPES[pick(sorted(SHAPES), rng)]]
    glyph = drawn(np.concatenate([joined(part) for part in parts]), rng)
    if rng.random() < 0.25:
        for part in parts:
            cv2.fillPoly(glyph, [np.rint(part * DRAWN + 16).astype(np.int32)], (255,))
    return warped(glyph, rng), NO_DIGIT


def blob(_: Sources, rng: Generator) -> tuple[Glyph, int]:
    """A filled shape with an irregular outline and a texture, as objects in photographs leave."""
    n = rng.integers(5, 12)
    angles = np.sort(rng.uniform(0, 2 * math.pi, n))
    radii = rng.uniform(0.15, 0.5, n)
    corners = np.stack([0.5 + radii * np.cos(angles), 0.5 + radii * np.sin(angles)], axis=1)
    outline = curve(np.concatenate([corners, corners[:2]]))
    sheet = np.zeros((DRAWN + 32, DRAWN + 32), np.uint8)
    cv2.fillPoly(sheet, [np.rint(outline * DRAWN + 16).astype(np.int32)], (255,))
    if rng.random() < 0.6:
        sheet = np.asarray(cv2.multiply(sheet, texture(len(sheet), rng), scale=1 / 255), np.uint8)
    return sheet, NO_DIGIT


def silhouette(_: Sources, rng: Generator) -> tuple[Glyph, int]:
    """A filled shape that is the same on both sides, as most things that people make and wear are."""
    heights = np.linspace(0, 1, int(rng.integers(3, 9)))
    right = curve(np.stack([0.5 + rng.uniform(0.08, 0.5, len(heights)), heights], axis=1))
    outline = np.concatenate([right, right[::-1] * (-1, 1) + (1, 0)])
    tone = int(rng.integers(90, 256))
    sheet = np.zeros((DRAWN + 32, DRAWN + 32), np.uint8)
    cv2.fillPoly(sheet, [np.rint(outline * DRAWN + 16).astype(np.int32)], (tone,))
    if rng.random() < 0.5:  # legs, a handle, a collar: a gap
        left, top = 0.5 - rng.uniform(0.02, 0.15), rng.uniform(-0.2, 0.8)
        gap = np.array([(left, top), (1 - left, top + rng.uniform(0.2, 0.8))]) * DRAWN + 16
        cv2.rectangle(sheet, gap[0].astype(int).tolist(), gap[1].astype(int).tolist(), (int(rng.integers(0, 120)),), -1)
    if rng.random() < 0.7:
        sheet = np.asarray(cv2.multiply(sheet, np.maximum(texture(len(sheet), rng), 60), scale=1 / 255), np.uint8)
    return sheet, NO_DIGIT


def view(_: Sources, rng: Generator) -> tuple[Glyph, int]:
    """Things of many tones before and beside each other, to every edge, as in any photograph of the world."""
    side = DRAWN
    sheet = texture(side, rng)
    for _thing in range(rng.integers(1, 7)):
        centre, size = rng.uniform(0, side, 2), rng.uniform(0.1, 0.7) * side
        corners = rng.uniform(-1, 1, (rng.integers(2, 7), 2)) * size + centre
        outline = curve(np.concatenate([corners, corners[:1]])) if rng.random() < 0.5 else corners
        tone = (int(rng.integers(256)),)
        if rng.random() < 0.6:
            cv2.fillPoly(sheet, [np.rint(outline).astype(np.int32)], tone)
        else:
            cv2.polylines(sheet, [np.rint(outline).astype(np.int32)], True, tone, int(rng.integers(1, 12)))
    grain = cv2.addWeighted(sheet, 0.8, texture(side, rng), 0.2, 0)
    return np.asarray(cv2.GaussianBlur(grain, (0, 0), rng.uniform(0.4, 2.5)), np.uint8), NO_DIGIT


def excerpt(sources: Sources, rng: Generator) -> tuple[Glyph, int]:
    """A piece of a photo, large or small, sometimes stretched."""
    photo = pick(sources.photos, rng)
    size = np.exp(rng.uniform(math.log(24), np.log(photo.shape)))
    height, width = size.astype(int) if rng.random() < 0.3 else (int(size.min()),) * 2
    top, left = rng.integers(len(photo) - height + 1), rng.integers(photo.shape[1] - width + 1)
    piece = photo[top : top + height, left : left + width]
    piece = resized(piece, min(height, DRAWN))
    return 255 - piece if rng.random() < 0.5 else piece, NO_DIGIT


def texture(side: int, rng: Generator) -> Glyph:
    """(side, side): noise of several sizes laid over each other, from 0 to 255."""
    total = np.zeros((side, side), np.float32)
    for cells in (3, 6, 12, 24, 48):
        noise = rng.normal(size=(cells, cells)).astype(np.float32)
        total += cv2.resize(noise, (side, side), interpolation=cv2.INTER_CUBIC) * cells ** -rng.uniform(0, 1.2)
    return np.asarray(cv2.normalize(total, total, 0, 255, cv2.NORM_MINMAX), np.uint8)


def surface(_: Sources, rng: Generator) -> tuple[Glyph, int]:
    """A texture alone, soft or in black and white."""
    side = int(rng.integers(28, DRAWN))
    grain = texture(side, rng)
    if rng.random() < 0.5:
        grain = np.asarray(cv2.threshold(grain, float(rng.uniform(60, 200)), 255, cv2.THRESH_BINARY)[1], np.uint8)
    return grain, NO_DIGIT


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
