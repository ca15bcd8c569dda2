"""Pages of several handwritten digits, as `POST /read` is sent them, made of MNIST's; and how many are read right."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from app.inference.session import Model
from app.preprocessing.decode import open_picture
from app.segmentation import document
from training.datasets.mnist import Digits
from training.evaluation.metrics import wilson_interval

Ink = NDArray[np.uint8]  # (H, W), 0 = paper, 255 = ink
Pixels = NDArray[np.uint8]  # (H, W, 3), RGB
Read = Callable[[Pixels], list[str]]  # a page's lines

LEVEL = 48  # of 255: fainter is no ink
MAX_DIGITS, MAX_PIXELS = 256, 50_000_000  # as the service's settings are


class Page(NamedTuple):
    pixels: Pixels
    lines: list[str]


@dataclass(frozen=True)
class Layout:
    """How pages are written. Lengths are in heights of a digit, angles in degrees."""

    digits: tuple[int, int] = (3, 6)  # on a page
    most_lines: int = 3
    height: tuple[int, int] = (20, 100)  # pixels
    size: float = 0.12  # each digit's size varies by a factor of 1 +- this
    gap: tuple[float, float] = (0.08, 0.6)  # between the ink of two digits
    leading: tuple[float, float] = (0.35, 1.2)  # between two lines
    wave: float = 0.06  # each digit stands up to so far above or below its line
    slant: float = 12.0  # of a page's digits
    rotation: float = 6.0  # of each digit
    slope: float = 4.0  # of the lines
    touching: bool = False  # two neighbours of each page touch
    specks: int = 4  # at most, of 1 to 3 pixels across


LAYOUTS = {
    "digits apart": Layout(),
    "two of them touch": Layout(touching=True),
    "two touching digits alone": Layout(digits=(2, 2), most_lines=1, touching=True),
}


def measure(model: Model, digits: Digits, pages: int) -> Iterator[str]:
    """A line for each layout: how many of so many pages are read right, with the 95 % interval."""
    for name, layout in LAYOUTS.items():
        right = count_right(reader(model), digits, layout, pages, seed=0)
        low, high = wilson_interval(right, pages)
        yield f"{name:26}  {right / pages:6.1%}  ({low:.1%} to {high:.1%}) of {pages}"


def count_right(read: Read, digits: Digits, layout: Layout, pages: int, seed: int) -> int:
    """Of so many pages those whose every line is read right, and no line too many."""
    rng = np.random.default_rng(seed)
    made = (make_page(digits, layout, rng) for _ in range(pages))
    return sum(read(page.pixels) == page.lines for page in made)


def reader(model: Model) -> Read:
    """The way of `POST /read`, from a PNG's bytes on."""

    def read(pixels: Pixels) -> list[str]:
        content = cv2.imencode(".png", pixels[:, :, ::-1])[1].tobytes()
        page = document.segment(open_picture(content, MAX_PIXELS), MAX_DIGITS)
        return ["".join(str(each.digit) for each in line) for line in page.decode(model.run(page.images))]

    return read


def make_page(digits: Digits, layout: Layout, rng: Generator) -> Page:
    """A page of digits drawn from these."""
    count = int(rng.integers(layout.digits[0], layout.digits[1] + 1))
    chosen = digits[rng.integers(0, len(digits), count)]
    height, slant = float(rng.uniform(*layout.height)), float(rng.uniform(-layout.slant, layout.slant))
    inks = [written(digit, height, slant, layout, rng) for digit in chosen.images]
    starts = [0, *line_breaks(count, layout, rng)]
    gaps = rng.uniform(*layout.gap, count) * height  # before each digit
    if layout.touching:
        gaps[rng.choice(np.setdiff1d(np.arange(count), starts))] = -1
    rows, texts = [], []
    for start, end in zip(starts, [*starts[1:], count], strict=True):
        rows.append(written_line(inks[start:end], gaps[start + 1 : end].tolist(), layout.wave * height, rng))
        texts.append("".join(map(str, chosen.labels[start:end])))
    sheet = turned(stacked(rows, height, layout, rng), float(rng.uniform(-layout.slope, layout.slope)))
    return Page(coloured(specked(sheet, layout.specks, rng), rng), texts)


def line_breaks(count: int, layout: Layout, rng: Generator) -> list[int]:
    """Before which digits a new line begins. Where two are to touch, one line has room for them."""
    most = min(layout.most_lines, count - 1)
    rows = int(rng.integers(1, most + 1))
    return sorted(rng.choice(np.arange(1, count), rows - 1, replace=False).tolist())


def written(digit: Ink, height: float, slant: float, layout: Layout, rng: Generator) -> Ink:
    """One digit at this height (of MNIST's 20 pixels), on a box of its own."""
    scale = height / 20 * float(rng.uniform(1 - layout.size, 1 + layout.size))
    angle = math.radians(float(rng.uniform(-layout.rotation, layout.rotation)))
    shear = math.tan(math.radians(slant))
    turn = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    linear = scale * turn @ np.array([[1, -shear], [0, 1]])
    side = math.ceil(40 * scale)
    shift = np.array([side / 2, side / 2]) - linear @ np.array([13.5, 13.5])
    how = cv2.INTER_CUBIC if scale > 1 else cv2.INTER_LINEAR
    return trimmed(
        np.asarray(cv2.warpAffine(digit, np.column_stack([linear, shift]), (side, side), flags=how), np.uint8)
    )


def trimmed(ink: Ink) -> Ink:
    x, y, width, height = cv2.boundingRect((ink > LEVEL).astype(np.uint8))
    return ink[y : y + height, x : x + width]


def written_line(inks: list[Ink], gaps: list[float], wave: float, rng: Generator) -> Ink:
    """Digits on one base line; a gap below zero moves one to the left until it touches the digit before it."""
    room = max(each.shape[0] for each in inks) + 2 * math.ceil(wave) + 2
    line = np.zeros((room, 0), np.uint8)
    for ink, gap in zip(inks, [0.0, *gaps], strict=True):
        top = room - ink.shape[0] - 1 - math.ceil(wave) + round(float(rng.uniform(-wave, wave)))
        digit = np.zeros((room, ink.shape[1]), np.uint8)
        digit[top : top + ink.shape[0]] = ink
        line = joined(line, digit, line.shape[1] - contact(line, digit) if gap < 0 else line.shape[1] + round(gap))
    return line


def joined(line: Ink, digit: Ink, left: int) -> Ink:
    wide = np.zeros((line.shape[0], max(line.shape[1], left + digit.shape[1])), np.uint8)
    wide[:, : line.shape[1]] = line
    part = wide[:, left : left + digit.shape[1]]
    np.maximum(part, digit, out=part)
    return wide


def contact(line: Ink, digit: Ink) -> int:
    """By how many columns the digit must overlap the line so that their inks meet."""
    most: int = min(line.shape[1], digit.shape[1])
    touching = 1 + line.shape[0] // 40
    for overlap in range(1, most):
        left, right = line[:, -overlap:] > LEVEL, digit[:, :overlap] > LEVEL
        if np.count_nonzero(left & right) >= touching:
            return overlap
    return most // 2


def stacked(rows: list[Ink], height: float, layout: Layout, rng: Generator) -> Ink:
    """Rows below each other, each begun a little to the right or left, with a margin around."""
    lefts = [int(rng.uniform(0.3, 1.5) * height) for _ in rows]
    margin = int(rng.uniform(0.5, 2) * height)
    width = margin + max(left + row.shape[1] for left, row in zip(lefts, rows, strict=True))
    bands = [np.zeros((margin, width), np.uint8)]
    for left, row in zip(lefts, rows, strict=True):
        band = np.zeros((row.shape[0] + int(rng.uniform(*layout.leading) * height), width), np.uint8)
        band[: row.shape[0], left : left + row.shape[1]] = row
        bands.append(band)
    return np.concatenate([*bands, bands[0]])


def turned(sheet: Ink, degrees: float) -> Ink:
    """Turned about its middle, on a sheet large enough that no ink leaves it."""
    room = math.ceil(max(sheet.shape) * abs(math.sin(math.radians(degrees)))) + 1
    sheet = np.pad(sheet, room)
    height, width = sheet.shape
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, 1)
    return np.asarray(cv2.warpAffine(sheet, turn, (width, height), flags=cv2.INTER_LINEAR), np.uint8)


def specked(sheet: Ink, most: int, rng: Generator) -> Ink:
    """With specks of dust anywhere."""
    for _ in range(int(rng.integers(0, most + 1))):
        place = (int(rng.integers(sheet.shape[1])), int(rng.integers(sheet.shape[0])))
        cv2.circle(sheet, place, int(rng.integers(0, 2)), 255, -1)
    return sheet


def coloured(sheet: Ink, rng: Generator) -> Pixels:
    """In an ink and on a paper at least 110 apart in brightness, either the darker, with a little noise."""
    while True:
        paper, ink = rng.uniform(0, 255, 3), rng.uniform(0, 255, 3)
        if abs(float((paper - ink) @ [0.299, 0.587, 0.114])) > 110:
            break
    share = (sheet.astype(np.float32) / 255)[..., np.newaxis]
    noise = rng.normal(0, rng.uniform(0, 4), (*sheet.shape, 1))
    return np.clip(paper + (ink - paper) * share + noise, 0, 255).astype(np.uint8)
