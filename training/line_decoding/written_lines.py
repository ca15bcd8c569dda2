"""Lines of digits and marks, written by one hand or set in one font, with the box of each sign."""

from __future__ import annotations

import functools
import math
from typing import NamedTuple

import cv2
import numpy as np
from numpy.random import Generator

from app.arrays import Image, Ink
from training.datasets.fonts import EM_SIZE, Font
from training.line_decoding.marks import MARKS, Glyph, draw_mark
from training.line_decoding.symbols import SYMBOLS, draw_symbol
from training.line_decoding.texts import random_text, signs_alone
from training.synthesis.augment import distort
from training.synthesis.glyphs import (
    HANDWRITING,
    LETTERS,
    Points,
    Sources,
    choose,
    choose_weighted,
    crop_to_ink,
    enlarge,
    skeleton_lines,
    slant,
)
from training.synthesis.handwriting import random_aspect, written_lines
from training.synthesis.styles import WAYS, Way, strokes_of
from training.thinning import thin

Box = tuple[int, int, int, int]  # x, y, width, height

NOTHING = "\0"  # the text of a sign that is neither a digit nor a mark
WORDS, PRINTED = 0.12, 0.15  # shares of lines
DRAWN = 0.7  # share of a hand's symbols and letters that are drawn; the others are of its font
FONTS_LACK = "→✓□☑●"
PRINTED_PEN = 0.1  # heights
WITH_WAYS = 0.2  # share of hands that write stroke by stroke, each digit always in the same way
KEEPING_SLANT = 0.5  # share of hands whose digits are of one slant; the others' are of many writers
SLANTS = -8, 16  # degrees
MEAN_SLANT = math.tan(math.radians(sum(SLANTS) / 2))
PENS_OF_MNIST = 0.08, 0.14  # heights
SPACES = 0.4, 1.2  # heights, besides the gap
GAPS, VARIATION = (0.04, 0.45), 0.5  # heights; each gap differs from the usual one by up to such a share of it
GAPS_OF_BOXES, VARIATION_IN_BOXES = (0.45, 1.4), 0.15
BOXES = 0.12  # the share of lines whose signs stand in a row of boxes
LINE_HEIGHT, ABOVE = 3.2, 1.2  # heights: of a line's canvas, and of its part above the digits
FAINT = 48  # of 255: fainter pixels belong to no sign


class WrittenSign(NamedTuple):
    text: str  # a digit, a mark or `NOTHING`
    box: Box


class WrittenLine(NamedTuple):
    ink: Ink
    signs: list[WrittenSign]
    text: str  # of its signs, with its spaces; empty if nothing on it is a sign


class Manner(NamedTuple):
    """How lines are written."""

    touching: float  # the share of lines in which signs touch
    symbols: float  # the share of lines with symbols and letters around their numbers
    senseless: bool  # whether marks may stand anywhere, and words among the lines
    distorted: bool  # whether digits are distorted further than their writers did
    spoilt: bool  # whether the ink is as after a bad photograph


HARD = Manner(touching=0.4, symbols=0.4, senseless=True, distorted=True, spoilt=True)  # to learn the shapes from
NATURAL = Manner(
    touching=0.15, symbols=0.3, senseless=False, distorted=False, spoilt=False
)  # to learn from how often things happen


# --- digits and letters ----------------------------------------------------------------------------------------------


class Hand:
    """One writer with one pen."""

    def __init__(self, sources: Sources, height: float, manner: Manner, rng: Generator) -> None:
        """`height` of the digits, in pixels."""
        self.sources, self.height, self.manner, self.rng = sources, height, manner, rng
        self.redraws = rng.random() < 0.4
        self.ways = [choose_weighted(ways, rng) for ways in WAYS] if rng.random() < WITH_WAYS else None
        self.keeps_slant = rng.random() < KEEPING_SLANT
        pen = rng.uniform(0.05, 0.15) if self.redraws or manner.distorted else rng.uniform(*PENS_OF_MNIST)
        self.pen = max(1.2, height * float(pen))
        self.slant = math.tan(math.radians(float(rng.uniform(*SLANTS))))
        self.font = choose(sources.fonts, rng)
        self.gaps = choose_gaps(rng)

    def glyph(self, text: str) -> Glyph:
        if text in MARKS:
            return draw_mark(text, self.height * float(self.rng.normal(1, 0.05)), self.pen, self.slant, self.rng)
        if text.isdigit():
            ink = self.digit(int(text))
            return Glyph(ink, self.height - len(ink) + self.height * float(self.rng.normal(0, 0.04)))
        if text in SYMBOLS and (text in FONTS_LACK or self.rng.random() < DRAWN):
            return draw_symbol(text, self.height * float(self.rng.normal(1, 0.08)), self.pen, self.slant, self.rng)
        return font_glyph(self.font, text, self.height)

    def digit(self, digit: int) -> Ink:
        ink = self.stroke_by_stroke(self.ways[digit], digit) if self.ways else self.as_in_mnist(digit)
        return scale(crop_to_ink(ink), self.height * float(self.rng.normal(1, 0.06)))

    def stroke_by_stroke(self, way: Way, digit: int) -> Ink:
        lines = written_lines(strokes_of(way, self.rng), random_aspect(digit, self.rng), self.slant, self.rng)
        return redraw((lines * 20 + 4) / 28, self.pen / self.height)

    def as_in_mnist(self, digit: int) -> Ink:
        sources, rng = self.sources, self.rng
        chosen = rng.choice(sources.indices_by_label[digit], 1)
        images = sources.digits.images[chosen]
        image = distort(images, HANDWRITING, rng)[0] if self.manner.distorted else images[0]
        if self.keeps_slant:
            image = lean(image, self.slant - MEAN_SLANT - (slant(image) - sources.mean_slants[digit]))
        if self.redraws:
            doubled = cv2.resize(image, None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC)
            return redraw(skeleton_lines(thin(doubled > 127)) / len(doubled), self.pen / self.height)
        return enlarge(image, rng)


def lean(image: Image, by: float) -> Image:
    """Sheared to the right: so many columns for each row up."""
    shear = np.array([[1, -by, by * (len(image) - 1) / 2], [0, 1, 0]])
    return np.asarray(cv2.warpAffine(image, shear, image.shape[::-1], flags=cv2.INTER_LINEAR), np.uint8)


def choose_gaps(rng: Generator) -> tuple[float, float]:
    """The least and the greatest between two signs, in heights."""
    gaps, variation = (GAPS_OF_BOXES, VARIATION_IN_BOXES) if rng.random() < BOXES else (GAPS, VARIATION)
    usual = float(rng.uniform(*gaps))
    return usual * (1 - variation), usual * (1 + variation)


def redraw(lines: Points, pen: float) -> Ink:
    """The lines, in a unit square of which a digit fills 20 of 28, with a pen of so many heights."""
    canvas = np.zeros((144, 144), np.uint8)
    points = np.rint((lines * 112 + 16) * 16).astype(np.int32)
    cv2.polylines(canvas, list(points), False, (255,), max(1, round(pen * 80)), cv2.LINE_AA, shift=4)
    return canvas


def scale(glyph: Ink, height: float) -> Ink:
    size = max(1, round(glyph.shape[1] * height / len(glyph))), max(1, round(height))
    interpolation = cv2.INTER_AREA if height < len(glyph) else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(glyph, size, interpolation=interpolation), np.uint8)


class Print:
    """One font, printed or like handwriting."""

    def __init__(self, sources: Sources, height: float, rng: Generator) -> None:
        self.font, self.height, self.rng = choose(sources.fonts, rng), height, rng
        self.gaps = choose_gaps(rng)

    def glyph(self, text: str) -> Glyph:
        if text in FONTS_LACK:
            return draw_symbol(text, self.height, PRINTED_PEN * self.height, 0, self.rng)
        return font_glyph(self.font, text, self.height)


@functools.lru_cache(maxsize=20_000)
def font_ink(font: Font, text: str) -> tuple[Ink, float, float]:
    """A character's ink, how far its top lies below that of a 0, and the height of a 0; in pixels of the em size."""
    from PIL import Image, ImageDraw

    canvas = Image.new("L", (3 * EM_SIZE, 3 * EM_SIZE))
    ImageDraw.Draw(canvas).text((EM_SIZE, 2 * EM_SIZE), text, font=font, fill=255, anchor="ls")
    box = canvas.getbbox() or (0, 0, 1, 1)
    _, top, _, base = font.getbbox("0", anchor="ls")
    return np.asarray(canvas.crop(box)), box[1] - 2 * EM_SIZE - top, base - top


def font_glyph(font: Font, text: str, height: float) -> Glyph:
    ink, top, zero = font_ink(font, text)
    factor = height / zero
    size = max(1, round(ink.shape[1] * factor)), max(1, round(len(ink) * factor))
    return Glyph(np.asarray(cv2.resize(ink, size, interpolation=cv2.INTER_AREA), np.uint8), top * factor)


# --- lines -----------------------------------------------------------------------------------------------------------


def write_line(sources: Sources, manner: Manner, rng: Generator) -> WrittenLine:
    """Mostly numbers with marks, by hand or printed; some words, of which nothing is a sign."""
    height = float(np.exp(rng.uniform(math.log(18), math.log(70))))
    writes_by_hand = Hand(sources, height, manner, rng)
    prints = Print(sources, height, rng)
    if manner.senseless and rng.random() < WORDS:
        text = "".join(choose(LETTERS, rng) for _ in range(rng.integers(3, 9)))
        return put_together(text, prints if rng.random() < 0.7 else writes_by_hand, manner, rng)
    return put_together(text_of(manner, rng), prints if rng.random() < PRINTED else writes_by_hand, manner, rng)


def text_of(manner: Manner, rng: Generator) -> str:
    """A number with marks, or with symbols and letters around it."""
    return random_text(rng, senseless=manner.senseless, symbols=manner.symbols)


def put_together(text: str, writer: Hand | Print, manner: Manner, rng: Generator) -> WrittenLine:
    height = writer.height
    touching = float(rng.uniform(0.2, 0.8)) if rng.random() < manner.touching else 0.0  # the share of neighbours
    canvas = np.zeros((round(LINE_HEIGHT * height), round((2 + 3.2 * len(text)) * height)), np.uint8)
    signs: list[WrittenSign] = []
    x = round(height)
    for character in text:
        if character == " ":
            x += round(height * float(rng.uniform(*SPACES)))
            continue
        glyph = writer.glyph(character)
        ink = glyph.ink[: len(canvas)]
        top = min(max(0, round(ABOVE * height + glyph.top)), len(canvas) - len(ink))
        if signs and character.isdigit() and signs[-1].text.isdigit() and rng.random() < touching:
            reach = float(rng.uniform(0, 0.06)) * height
            x -= distance_to_ink(canvas[top : top + len(ink), :x], ink) + round(reach)
        x = max(0, x)
        ink = ink[:, : canvas.shape[1] - x]
        part = canvas[top : top + len(ink), x : x + ink.shape[1]]
        np.maximum(part, ink, out=part)
        left, above, width, ink_height = cv2.boundingRect((ink >= FAINT).astype(np.uint8))
        is_sign = character.isdigit() or character in MARKS
        signs.append(WrittenSign(character if is_sign else NOTHING, (x + left, top + above, width, ink_height)))
        x += ink.shape[1] + round(height * float(rng.uniform(*writer.gaps)))
    written = canvas[:, : x + round(height)]
    return WrittenLine(spoilt(written, height, rng) if manner.spoilt else written, signs, signs_alone(text))


def distance_to_ink(before: Ink, ink: Ink) -> int:
    """The columns by which `ink`, which follows `before`, has to move to the left until they touch."""
    rows = [
        int(before.shape[1] - 1 - np.flatnonzero(old)[-1] + np.flatnonzero(new)[0])
        for old, new in zip(before >= FAINT, ink >= FAINT, strict=True)
        if old.any() and new.any()
    ]
    return min(rows, default=0)


def spoilt(ink: Ink, height: float, rng: Generator) -> Ink:
    """As a camera and the extraction of ink leave it: soft, uneven, with a speck here and there."""
    if rng.random() < 0.6:
        ink = np.asarray(cv2.GaussianBlur(ink, (0, 0), float(rng.uniform(0.3, 0.03 * height + 0.4))), np.uint8)
    if rng.random() < 0.4:
        noise = rng.normal(0, float(rng.uniform(2, 30)), ink.shape)
        ink = np.where(ink > 20, np.clip(ink + noise, 0, 255), ink).astype(np.uint8)
    for _ in range(int(rng.integers(0, 4)) if rng.random() < 0.3 else 0):
        place = int(rng.integers(ink.shape[1])), int(rng.integers(len(ink)))
        cv2.circle(ink, place, int(rng.integers(0, 2)), 255, -1)
    return np.asarray(ink, np.uint8)
