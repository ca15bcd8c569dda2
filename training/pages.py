"""Pages of several handwritten digits, as `POST /read` is sent them, made of MNIST's; and how many are read right."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from training.data import Digits

Ink = NDArray[np.uint8]  # (H, W), 0 = paper, 255 = ink
Pixels = NDArray[np.uint8]  # (H, W, 3), RGB

LEVEL = 48  # of 255: fainter is no ink
SPECK_ROOM = 6  # a speck's radius, at most this part of a digit's height away from none


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


APART = Layout()
TOUCHING = Layout(touching=True)
PAIRS = Layout(digits=(2, 2), most_lines=1, touching=True)


def make_page(digits: Digits, layout: Layout, rng: Generator) -> Page:
    """A page of digits drawn from these."""
    count = int(rng.integers(layout.digits[0], layout.digits[1] + 1))
    chosen = rng.integers(0, len(digits), count)
    height = float(rng.uniform(*layout.height))
    slant = float(rng.uniform(-layout.slant, layout.slant))
    inks = [written(digits.images[index], height, slant, layout, rng) for index in chosen]
    ends = line_ends(count, layout, rng)
    contact = int(rng.choice([start for start in range(1, count) if start not in ends])) if layout.touching else 0
    gaps = [-1.0 if index == contact else float(rng.uniform(*layout.gap)) * height for index in range(1, count)]
    lines, texts = [], []
    for start, end in zip([0, *ends], [*ends, count], strict=True):
        lines.append(written_line(inks[start:end], gaps[start : end - 1], layout.wave * height, rng))
        texts.append("".join(map(str, digits.labels[chosen[start:end]])))
    sheet = stacked(lines, height, layout, rng)
    return Page(
        coloured(specked(turned(sheet, rng.uniform(-layout.slope, layout.slope)), layout.specks, rng), rng), texts
    )


def line_ends(count: int, layout: Layout, rng: Generator) -> list[int]:
    """Before which digits a new line begins. Where two are to touch, one line has room for them."""
    most = min(layout.most_lines, count - 1)
    lines = int(rng.integers(1, most + 1))
    return sorted(rng.choice(np.arange(1, count), lines - 1, replace=False).tolist())


def written(image: Ink, height: float, slant: float, layout: Layout, rng: Generator) -> Ink:
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
        np.asarray(cv2.warpAffine(image, np.column_stack([linear, shift]), (side, side), flags=how), np.uint8)
    )


def trimmed(ink: Ink) -> Ink:
    x, y, width, height = cv2.boundingRect(np.asarray(cv2.compare(ink, LEVEL, cv2.CMP_GT), np.uint8))
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
    most, touching = min(line.shape[1], digit.shape[1]), 1 + line.shape[0] // 40
    for overlap in range(1, most):
        left, right = line[:, -overlap:] > LEVEL, digit[:, :overlap] > LEVEL
        if np.count_nonzero(left & right) >= touching:
            return overlap
    return most // 2


def stacked(lines: list[Ink], height: float, layout: Layout, rng: Generator) -> Ink:
    """Lines below each other, each begun a little to the right or left, with a margin around."""
    lefts = [int(rng.uniform(0.3, 1.5) * height) for _ in lines]
    width = max(left + line.shape[1] for left, line in zip(lefts, lines, strict=True))
    margin = int(rng.uniform(0.5, 2) * height)
    rows = [np.zeros((margin, width + margin), np.uint8)]
    for left, line in zip(lefts, lines, strict=True):
        row = np.zeros((line.shape[0] + int(rng.uniform(*layout.leading) * height), width + margin), np.uint8)
        row[: line.shape[0], left : left + line.shape[1]] = line
        rows.append(row)
    return np.concatenate([*rows, np.zeros((margin, width + margin), np.uint8)])


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
