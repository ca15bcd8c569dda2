"""Displays: seven segments or five by seven dots, lit or dark, as on clocks, meters, scales and calculators."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, Self

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from app.arrays import Grayscale
from training.evaluation.sheets.layouts import Drawn, Write, clock_time, decimal, digits, negative
from training.evaluation.sheets.photographs import RGB

# Segments from the top clockwise, then the middle one. Six, seven and nine have two forms.
SEGMENTS = {
    "0": ("012345",), "1": ("12",), "2": ("01643",), "3": ("01623",), "4": ("5612",), "5": ("05623",),
    "6": ("056432", "56432"), "7": ("012", "0125"), "8": ("0123456",), "9": ("012356", "01256"), "-": ("6",),
    " ": ("",),
}  # fmt: skip
ENDS = [((0, 0), (1, 0)), ((1, 0), (1, 1)), ((1, 1), (1, 2)), ((1, 2), (0, 2)), ((0, 2), (0, 1)), ((0, 1), (0, 0)),
        ((0, 1), (1, 1))]  # fmt: skip
# Each row of five dots is a number in binary; seven rows.
DOTS = ["EHJLPHE", "4C4444E", "EH1248V", "V2421HE", "26AIV22", "VGU11HE", "68GUHHE", "V124888", "EHHEHHE", "EHHF12C"]

# Colours of the surface and of what is lit, red, green and blue.
LCD = [((150, 165, 140), (30, 35, 30)), ((190, 195, 185), (50, 50, 60)), ((120, 140, 190), (20, 20, 60))]
LED = [((20, 10, 10), (255, 60, 40)), ((10, 20, 12), (90, 255, 110)), ((12, 14, 22), (120, 190, 255)),
       ((18, 14, 8), (255, 170, 40)), ((8, 8, 24), (70, 90, 255)), ((14, 14, 14), (240, 245, 250))]  # fmt: skip

MARGIN = 0.1  # sizes: around a digit on its canvas
POINTS = {".": (1.0,), ":": (0.3, 0.7)}  # sizes: the middles of a mark's points, below the digits' top


class Segments(NamedTuple):
    """The style of a display's digits, in their size."""

    width: float  # between the middles of its upright segments
    thickness: float
    gap: float  # from a segment's tip to the point where it would meet the next one
    slant: float
    point: float  # of the thickness, at each end: 0 for square ends, a half for pointed ones
    forms: tuple[int, ...]  # which form of six, seven and nine
    room: float  # between two digits

    @classmethod
    def random(cls, rng: Generator) -> Self:
        width, thickness = float(rng.uniform(0.45, 0.6)), float(rng.uniform(0.08, 0.2))
        most = min(0.06, width / 2 - thickness)  # a segment is twice as long as it is wide
        forms = tuple(int(form) for form in rng.integers(0, 2, 3))
        return cls(
            width,
            thickness,
            float(rng.uniform(0.01, most)),
            float(rng.uniform(0, 0.2)),
            float(rng.choice([0, 0.3, 0.5] if thickness < 0.13 else [0.3, 0.5])),
            forms,
            float(rng.uniform(0.14, 0.3)),
        )

    @property
    def pitch(self) -> float:
        """From one digit to the next."""
        return self.width + self.thickness + self.room

    @property
    def mark_pitch(self) -> float:
        """By how much a mark moves what follows: it stands in the middle of the room, made so much wider."""
        return 2 * self.thickness

    def draw(self, sign: str, size: int) -> tuple[Grayscale, Grayscale]:
        """The segments that are lit and the others, of a sign `size` pixels high."""
        forms = SEGMENTS[sign]
        shown = forms[self.forms["679".index(sign)]] if len(forms) > 1 else forms[0]
        lit, unlit = (canvas_of(size, self.pitch + 0.3) for _ in range(2))
        for index, ends in enumerate(ENDS):
            corners = self.outline(np.array(ends, float) * (self.width, (1 - self.thickness) / 2))
            corners = (corners + self.thickness / 2 + MARGIN) * size
            corners[:, 0] += self.slant * ((1 + MARGIN) * size - corners[:, 1])
            canvas = lit if str(index) in shown else unlit
            cv2.fillPoly(canvas, [np.round(corners * 16).astype(np.int32)], (255,), cv2.LINE_AA, 4)
        return lit, unlit

    def outline(self, ends: NDArray[np.float64]) -> NDArray[np.float64]:
        """The corners of the segment between two places."""
        along = (ends[1] - ends[0]) / np.linalg.norm(ends[1] - ends[0])
        across = np.array([-along[1], along[0]]) * self.thickness / 2
        is_level = along[1] == 0
        gap = self.gap + is_level * (0.5 - self.point) * self.thickness  # square ends must not overlap at corners
        near, far = ends[0] + along * gap, ends[1] - along * gap
        tip = along * self.thickness * self.point
        return np.array([near, near + tip + across, far - tip + across, far, far - tip - across, near + tip - across])

    def draw_point(self, size: int, below: float) -> Grayscale:
        """A point; `below`: sizes below the digits' top."""
        canvas, radius = canvas_of(size, 2 * self.thickness), self.thickness / 2
        x = MARGIN + self.thickness + self.slant * (1 - below)
        y = MARGIN + min(below, 1 - radius)
        cv2.circle(canvas, fixed(x * size, y * size), round(16 * radius * size), (255,), -1, cv2.LINE_AA, 4)
        return canvas


class Dots(NamedTuple):
    """The style of a display's dots."""

    radius: float  # in the dots' pitch
    are_square: bool
    room: float  # sizes: between two digits

    @classmethod
    def random(cls, rng: Generator) -> Self:
        are_square = bool(rng.random() < 0.4)
        return cls(float(rng.uniform(0.32, 0.42 if are_square else 0.5)), are_square, float(rng.uniform(0.09, 0.24)))

    @property
    def pitch(self) -> float:
        """Sizes: from one digit to the next."""
        return 5 / 7 + self.room

    @property
    def mark_pitch(self) -> float:
        return 2 / 7 + self.room

    def draw(self, sign: str, size: int) -> tuple[Grayscale, Grayscale]:
        """The dots that are lit and the others, of a sign `size` pixels high."""
        lit, unlit = (canvas_of(size, 5 / 7) for _ in range(2))
        for row, code in enumerate({"-": "000V000", " ": "0000000"}.get(sign) or DOTS[int(sign)]):
            for column in range(5):
                self.dot(lit if int(code, 36) >> (4 - column) & 1 else unlit, size, column + 0.5, row + 0.5)
        return lit, unlit

    def draw_point(self, size: int, below: float) -> Grayscale:
        """Two by two dots; `below`: sizes below the digits' top."""
        canvas = canvas_of(size, self.mark_pitch)
        for place in range(4):
            self.dot(canvas, size, place % 2 + 0.5 + self.room * 7 / 2, min(5, int(6 * below)) + place // 2 + 0.5)
        return canvas

    def dot(self, canvas: Grayscale, size: int, column: float, row: float) -> None:
        x, y = (MARGIN * size + place * size / 7 for place in (column, row))
        radius = self.radius * size / 7
        if self.are_square:
            cv2.rectangle(canvas, fixed(x - radius, y - radius), fixed(x + radius, y + radius), (255,), -1, 0, 4)
        else:
            cv2.circle(canvas, fixed(x, y), round(16 * radius), (255,), -1, cv2.LINE_AA, 4)


def canvas_of(size: int, width: float) -> Grayscale:
    return np.zeros((round((1 + 2 * MARGIN) * size), round((width + 2 * MARGIN) * size)), np.uint8)


def fixed(x: float, y: float) -> tuple[int, int]:
    """In sixteenths of a pixel."""
    return round(16 * x), round(16 * y)


def whole_number(rng: Generator) -> str:
    return digits(rng, int(rng.integers(3, 8)))


WRITES: tuple[Write, ...] = (*[whole_number] * 4, decimal("."), clock_time, negative)


def display(dots: bool) -> Callable[[Generator], Drawn]:
    """One to four numbers below each other. What is lit is the ink, what is not lit is on the paper."""

    def draw(rng: Generator) -> Drawn:
        size, style = int(rng.uniform(40, 220)), (Dots if dots else Segments).random(rng)
        write = WRITES[int(rng.integers(len(WRITES)))]
        texts = [write(rng) for _ in range(int(rng.integers(1, 5)))]
        places, blanks_before = max(len(text) for text in texts), rng.random() < 0.5
        height, width = round((len(texts) + 0.6) * 1.6 * size), round((places * style.pitch + 1.6) * size)
        lit, unlit = np.zeros((height, width), np.uint8), np.zeros((height, width), np.uint8)
        for row, text in enumerate(texts):
            padded = text.rjust(places) if blanks_before else text.ljust(places)
            write_row((lit, unlit), padded, (0.6 * size, round((0.6 + 1.6 * row - MARGIN) * size)), size, style)
        faint = float(rng.uniform(0, 0.15)) if rng.random() < 0.5 else 0.0
        return Drawn(np.asarray(1 - faint * unlit / 255, np.float32), lit, texts)

    return draw


def write_row(
    canvases: tuple[Grayscale, Grayscale], text: str, at: tuple[float, int], size: int, style: Segments | Dots
) -> None:
    """What is lit and what is not. `at`: x and y of the upper left corner."""
    x, y = at
    for sign in text:
        for below in POINTS.get(sign, ()):
            add(canvases[0], style.draw_point(size, below), x - (MARGIN + style.room / 2) * size, y)
        if sign in POINTS:
            x += style.mark_pitch * size
            continue
        for canvas, glyph in zip(canvases, style.draw(sign, size), strict=True):
            add(canvas, glyph, x - MARGIN * size, y)
        x += style.pitch * size


def add(canvas: Grayscale, glyph: Grayscale, x: float, y: int) -> None:
    left = round(x)
    canvas[y : y + len(glyph), left : left + glyph.shape[1]] |= glyph[:, : canvas.shape[1] - left]


def glowing(drawn: Drawn, rng: Generator) -> RGB:
    """Bright on a dark surface, with a glow around what is lit."""
    surface, light = (np.array(colour, np.float32) for colour in LED[int(rng.integers(len(LED)))])
    lit = drawn.ink.astype(np.float32)[..., np.newaxis] / 255
    reach = float(rng.uniform(0.004, 0.02)) * max(drawn.ink.shape)
    around = cv2.GaussianBlur(drawn.ink, (0, 0), reach).astype(np.float32)[..., np.newaxis] / 255
    level = np.maximum(lit, float(rng.uniform(0.1, 0.5)) * around) + (1 - drawn.paper[..., np.newaxis])
    return np.asarray(np.clip(surface + (light - surface) * level, 0, 255), np.uint8)


def dark_on_light(drawn: Drawn, rng: Generator) -> RGB:
    """A liquid crystal."""
    surface, dark = (np.array(colour, np.float32) for colour in LCD[int(rng.integers(len(LCD)))])
    coverage = np.maximum(drawn.ink.astype(np.float32) / 255, 1 - drawn.paper)[..., np.newaxis]
    return np.asarray(surface + (dark - surface) * coverage, np.uint8)
