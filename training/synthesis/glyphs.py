"""Glyphs: digits, letters and combinations of them, as ink without a background, each about a hundred pixels high.

A glyph maker draws its random numbers from a generator and returns a glyph (H, W) with its label, 10 for a non-digit.
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

from app.arrays import Grayscale, Image, Ink
from training.config import Distortion
from training.datasets.fonts import Font, render_character
from training.datasets.mnist import Digits
from training.datasets.pen_trajectories import NO_PEN_DIGITS, PenDigits
from training.synthesis.augment import distort
from training.thinning import Shape, thin

LabelledGlyph = tuple[Ink, int]  # (H, W), 255 = ink; and the digit, or NON_DIGIT
Points = NDArray[np.float64]  # (n, 2): x and y
Lines = NDArray[np.float64]  # (n, 2, 2): the two ends of each line, x and y
Indices = NDArray[np.intp]  # (n,)

T = TypeVar("T")

NON_DIGIT = 10  # the label of a picture that shows no digit
GLYPH_HEIGHT = 112  # pixels: 4 times MNIST's 28; glyphs are drawn at this height and reduced later
MARGIN = 16  # pixels on each side of what is drawn, for wide pens
# Without the letters that look like a digit in some handwriting: they have no right label.
LETTERS = "ACEFGHKLMNPRTUVWXYabcdefhkmnprtuvwxyBSZsgq@&?%$#+*"
HANDWRITING = Distortion(rotation=10, scale=0.15, shear=0.25, shift=1, elastic_alpha=(5, 25), elastic_sigma=(4, 6))
SLANT_SAMPLE = 200  # digits of each label
# A 1 or a 7 cut in half may still be that digit.
DIGITS_WITH_HALVES = np.array([0, 2, 3, 4, 5, 6, 8, 9])


@dataclass(frozen=True)
class Sources:
    """The material of the glyph makers."""

    digits: Digits
    fonts: tuple[Font, ...]
    photos: tuple[Grayscale, ...]  # of other things than digits
    pen_digits: PenDigits = NO_PEN_DIGITS

    @functools.cached_property
    def indices_by_label(self) -> list[Indices]:
        return [np.flatnonzero(self.digits.labels == digit) for digit in range(10)]

    @functools.cached_property
    def mean_slants(self) -> list[float]:
        """The mean slant of the digits of each label. It depends on their shape too, and not on the hand alone."""
        return [
            float(np.mean([slant(image) for image in self.digits.images[indices[:SLANT_SAMPLE]]]))
            for indices in self.indices_by_label
        ]


GlyphMaker = Callable[[Sources, Generator], LabelledGlyph]


# --- makers ---


def handwritten_digit(sources: Sources, rng: Generator) -> LabelledGlyph:
    """An MNIST digit, distorted and enlarged."""
    image, label = distorted_digit(sources, rng)
    return enlarge(image, rng), label


def redrawn_digit(sources: Sources, rng: Generator) -> LabelledGlyph:
    """The centre line of an MNIST digit, drawn again with another pen."""
    image, label = distorted_digit(sources, rng)
    doubled = cv2.resize(image, None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC)
    lines = skeleton_lines(thin(doubled > 127))
    return draw_lines(lines / len(doubled), rng), label


def printed_digit(sources: Sources, rng: Generator) -> LabelledGlyph:
    digit = int(rng.integers(10))
    return warp(character(choose(sources.fonts, rng), str(digit)), rng), digit


def letter(sources: Sources, rng: Generator) -> LabelledGlyph:
    text = choose(LETTERS, rng)
    return warp(character(choose(sources.fonts, rng), text), rng), NON_DIGIT


def word(sources: Sources, rng: Generator) -> LabelledGlyph:
    """Two to four letters of one font."""
    font = choose(sources.fonts, rng)
    letters = [warp(character(font, choose(LETTERS, rng)), rng) for _ in range(rng.integers(2, 5))]
    return side_by_side(letters, rng), NON_DIGIT


def several_digits(sources: Sources, rng: Generator) -> LabelledGlyph:
    """Two or three digits, side by side or one above the other."""
    maker = choose((handwritten_digit, handwritten_digit, redrawn_digit, printed_digit), rng)
    glyphs = [crop_to_ink(maker(sources, rng)[0]) for _ in range(2 if rng.random() < 0.7 else 3)]
    glyphs = [resize(glyph, int(GLYPH_HEIGHT * rng.uniform(0.7, 1))) for glyph in glyphs]
    if rng.random() < 0.2:
        return np.ascontiguousarray(side_by_side([glyph.T for glyph in glyphs], rng).T), NON_DIGIT
    return side_by_side(glyphs, rng), NON_DIGIT


def half_digit(sources: Sources, rng: Generator) -> LabelledGlyph:
    """Half a digit, or one and a half: what a wrong cut through a row of digits leaves."""
    first, second = (
        crop_to_ink(
            enlarge(sources.digits.images[rng.choice(sources.indices_by_label[rng.choice(DIGITS_WITH_HALVES)])], rng)
        )
        for _ in range(2)
    )
    cut = int(second.shape[1] * rng.uniform(0.35, 0.65))
    half = second[:, :cut] if rng.random() < 0.5 else second[:, cut:]
    if rng.random() < 0.4:
        return half, NON_DIGIT
    return side_by_side([first, half] if rng.random() < 0.5 else [half, first], rng), NON_DIGIT


def shuffled_digit(sources: Sources, rng: Generator) -> LabelledGlyph:
    """The four quarters of a digit in another order: a digit's strokes that make no digit."""
    image = sources.digits.images[rng.integers(len(sources.digits))][4:24, 4:24]
    quarters = [image[y : y + 10, x : x + 10] for y in (0, 10) for x in (0, 10)]
    order = rng.permutation(4)
    while (order == np.arange(4)).sum() > 1:
        order = rng.permutation(4)
    top_left, top_right, bottom_left, bottom_right = (quarters[index] for index in order)
    return enlarge(np.block([[top_left, top_right], [bottom_left, bottom_right]]), rng), NON_DIGIT


# --- what makers are made of ---


def choose(values: Sequence[T], rng: Generator) -> T:
    """One of them, all equally likely."""
    return values[int(rng.integers(len(values)))]


def choose_weighted(choices: Sequence[tuple[T, float]], rng: Generator) -> T:
    """One of the values, each with a probability in proportion to its weight."""
    weights = np.array([weight for _, weight in choices])
    return choices[int(rng.choice(len(choices), p=weights / weights.sum()))][0]


def distorted_digit(sources: Sources, rng: Generator) -> tuple[Image, int]:
    index = rng.integers(len(sources.digits))
    image = distort(sources.digits.images[index : index + 1], HANDWRITING, rng)[0]
    return image, int(sources.digits.labels[index])


def slant(image: Image) -> float:
    """Columns to the right for each row up, by the moments of the ink."""
    moments = cv2.moments(image)
    return -moments["mu11"] / max(moments["mu02"], 1.0)


def enlarge(image: Image, rng: Generator) -> Ink:
    """(28, 28) -> (112, 112) by cubic interpolation; most of the time with edges as sharp as a pen's."""
    enlarged = cv2.resize(image, None, fx=4, fy=4, interpolation=cv2.INTER_CUBIC)
    threshold, contrast = rng.uniform(70, 170), rng.uniform(1, 4)
    if rng.random() < 0.3:
        return np.asarray(enlarged, np.uint8)
    reach = min(128 / contrast, threshold)  # of the edge on both sides of the threshold; paper stays without ink
    sharp: Ink = np.clip((enlarged.astype(np.float32) - threshold) / reach * 128 + 128, 0, 255).astype(np.uint8)
    return sharp


def draw_lines(lines: Lines, rng: Generator) -> Ink:
    """The lines, in a unit square, as strokes of one pen 2 to 22 pixels wide."""
    width = int(np.exp(rng.uniform(math.log(2), math.log(22))))
    canvas = np.zeros((GLYPH_HEIGHT + 2 * MARGIN, GLYPH_HEIGHT + 2 * MARGIN), np.uint8)
    points = np.rint((lines * GLYPH_HEIGHT + MARGIN) * 16).astype(np.int32)
    line_type = cv2.LINE_AA if rng.random() < 0.8 else cv2.LINE_8
    cv2.polylines(canvas, list(points), False, (255,), width, line_type, shift=4)
    return canvas


def skeleton_lines(skeleton: Shape) -> Lines:
    """Lines from each pixel of a skeleton to its neighbours on the right and below, in pixels, slightly smoothed."""
    padded = np.pad(skeleton, 1)
    y, x = np.nonzero(padded)
    positions = smooth_positions(padded, y, x)
    numbers = np.full(padded.shape, -1)
    numbers[y, x] = np.arange(len(y))
    pairs = []
    for down, right in ((0, 1), (1, 0), (1, 1), (1, -1)):
        neighbours = numbers[y + down, x + right]
        if down and right:  # a diagonal past a corner pixel would draw the corner twice
            is_corner = (numbers[y + down, x] >= 0) | (numbers[y, x + right] >= 0)
            neighbours = np.where(is_corner, -1, neighbours)
        pairs.append(np.stack([np.flatnonzero(neighbours >= 0), neighbours[neighbours >= 0]], axis=1))
    ends = np.concatenate(pairs)
    if not len(ends):  # the skeleton is a dot
        ends = np.zeros((1, 2), np.intp)
    lines: Lines = positions[ends] - 1
    return lines


def smooth_positions(skeleton: Shape, y: Indices, x: Indices) -> Points:
    """For each pixel, the mean position of the skeleton within 5 x 5 pixels: slanted lines lose their stairs."""
    rows, columns = np.mgrid[: skeleton.shape[0], : skeleton.shape[1]].astype(np.float32)
    weight = skeleton.astype(np.float32)
    count, sum_y, sum_x = (
        cv2.boxFilter(values, -1, (5, 5), normalize=False) for values in (weight, weight * rows, weight * columns)
    )
    return np.stack([sum_x[y, x] / count[y, x], sum_y[y, x] / count[y, x]], axis=1).astype(np.float64)


@functools.lru_cache(maxsize=20_000)
def character(font: Font, text: str) -> Ink:
    glyph: Ink = render_character(font, text, GLYPH_HEIGHT)
    return glyph


def warp(glyph: Ink, rng: Generator) -> Ink:
    """A random rotation, slant and stretch."""
    height, width = glyph.shape
    angle, slant = math.radians(rng.uniform(-10, 10)), rng.uniform(-0.2, 0.2)
    scale_x, scale_y = rng.uniform(0.75, 1.2), rng.uniform(0.85, 1.15)
    matrix = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    matrix = matrix @ np.array([[scale_x, -slant], [0, scale_y]])
    corners = np.array([[0, 0], [width, 0], [0, height], [width, height]]) @ matrix.T
    low, size = corners.min(axis=0), np.ceil(np.ptp(corners, axis=0)).astype(int) + 4
    affine = np.column_stack([matrix, 2 - low])
    return np.asarray(cv2.warpAffine(glyph, affine, (int(size[0]), int(size[1]))), np.uint8)


def side_by_side(glyphs: Sequence[Ink], rng: Generator) -> Ink:
    """From left to right, close to each other or touching."""
    gap = int(GLYPH_HEIGHT * rng.uniform(-0.08, 0.2))
    height = max(len(glyph) for glyph in glyphs) + 16
    canvas = np.zeros((height, sum(glyph.shape[1] for glyph in glyphs) + len(glyphs) * max(gap, 0)), np.uint8)
    left = 0
    for glyph in glyphs:
        top = rng.integers(height - len(glyph) + 1)
        target = canvas[top : top + len(glyph), left : left + glyph.shape[1]]
        np.maximum(target, glyph, out=target)
        left += max(1, glyph.shape[1] + gap)
    return canvas


def crop_to_ink(glyph: Ink) -> Ink:
    x, y, width, height = cv2.boundingRect(cv2.threshold(glyph, 32, 255, cv2.THRESH_BINARY)[1])
    return glyph[y : y + height, x : x + width] if width else glyph


def resize(glyph: Ink, height: int) -> Ink:
    """To this height in pixels; a very wide glyph is squeezed to three times its height."""
    width = min(3 * height, max(1, round(glyph.shape[1] * height / len(glyph))))
    interpolation = cv2.INTER_AREA if height < len(glyph) else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(glyph, (width, height), interpolation=interpolation), np.uint8)
