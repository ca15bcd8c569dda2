"""Synthetic pages of several MNIST digits, and the share of pages that `POST /read` would read correctly."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from app.arrays import Image, Ink
from app.inference.session import Model
from app.preprocessing.decode import open_picture
from app.segmentation.page_reader import PageReader
from training.datasets.mnist import Digits
from training.evaluation.metrics import wilson_interval
from training.evaluation.robustness import MAX_PIXELS

RGB = NDArray[np.uint8]  # (H, W, 3)
ReadPage = Callable[[RGB], list[str]]  # -> the digits of each line

INK_LEVEL = 48  # of 255: fainter pixels do not count as ink when digits are placed
MAX_DIGITS = 256  # on a page: the service's default
MNIST_HEIGHT = 20  # pixels, of MNIST's ink
MNIST_CENTRE = 13.5  # pixels, of an MNIST image in both axes
MIN_CONTRAST = 110  # levels of brightness between ink and background
LUMA = [0.299, 0.587, 0.114]  # of R, G and B in the brightness (ITU-R BT.601)


class Page(NamedTuple):
    pixels: RGB
    lines: list[str]  # the true digits


@dataclass(frozen=True)
class Layout:
    """How digits are placed on a page. Lengths are in heights of a digit unless stated, angles in degrees."""

    digits: tuple[int, int] = (3, 6)  # fewest and most on a page
    max_lines: int = 3
    height: tuple[int, int] = (20, 100)  # range in pixels
    size_variation: float = 0.12  # the size of each digit varies by this share
    gap: tuple[float, float] = (0.08, 0.6)  # range between the ink of two digits
    leading: tuple[float, float] = (0.35, 1.2)  # range between two lines
    baseline_jitter: float = 0.06  # largest offset of a digit from its line, up or down
    slant: float = 12.0  # largest, of all digits of a page
    rotation: float = 6.0  # largest, of each digit
    skew: float = 4.0  # largest, of the page
    touching: bool = False  # two neighbours on each page touch
    max_specks: int = 4  # of dust, 1 to 3 pixels wide


LAYOUTS = {
    "digits apart": Layout(),
    "two of them touch": Layout(touching=True),
    "two touching digits alone": Layout(digits=(2, 2), max_lines=1, touching=True),
}


# --- evaluation ---


def evaluate_pages(model: Model, digits: Digits, pages: int) -> Iterator[str]:
    """A line of text for each layout: the share of `pages` read correctly, with its 95 % confidence interval."""
    for name, layout in LAYOUTS.items():
        correct = count_correct(page_reader(model), digits, layout, pages, seed=0)
        low, high = wilson_interval(correct, pages)
        yield f"{name:26}  {correct / pages:6.1%}  ({low:.1%} to {high:.1%}) of {pages}"


def count_correct(read_page: ReadPage, digits: Digits, layout: Layout, pages: int, seed: int) -> int:
    """The number of pages on which every line is read correctly, without additional lines."""
    rng = np.random.default_rng(seed)
    made = (make_page(digits, layout, rng) for _ in range(pages))
    return sum(read_page(page.pixels) == page.lines for page in made)


def page_reader(model: Model) -> ReadPage:
    """Reads a page as `POST /read` does."""

    def read_page(pixels: RGB) -> list[str]:
        reader = open_page(pixels)
        while document := reader.segment():
            reader.add(document.decode(model.run(document.images)))
        return ["".join(digit.text for digit in line.digits) for line in reader.page.lines if line.digits]

    return read_page


def open_page(pixels: RGB) -> PageReader:
    """Of the bytes of a PNG. Raises `BlankPicture`."""
    content = cv2.imencode(".png", pixels[:, :, ::-1])[1].tobytes()
    return PageReader(open_picture(content, MAX_PIXELS), MAX_DIGITS)


# --- synthesis ---


def make_page(digits: Digits, layout: Layout, rng: Generator) -> Page:
    """A page of randomly chosen digits."""
    count = int(rng.integers(layout.digits[0], layout.digits[1] + 1))
    return page_of(digits[rng.integers(0, len(digits), count)], layout, rng)


def page_of(chosen: Digits, layout: Layout, rng: Generator) -> Page:
    """A page of these digits, in their order."""
    count = len(chosen)
    height, slant = float(rng.uniform(*layout.height)), float(rng.uniform(-layout.slant, layout.slant))
    inks = [render_digit(image, height, slant, layout, rng) for image in chosen.images]
    starts = [0, *choose_line_breaks(count, layout, rng)]
    gaps = rng.uniform(*layout.gap, count) * height  # before each digit
    if layout.touching:
        gaps[rng.choice(np.setdiff1d(np.arange(count), starts))] = -1
    lines, texts = [], []
    for start, end in zip(starts, [*starts[1:], count], strict=True):
        jitter = layout.baseline_jitter * height
        lines.append(render_line(inks[start:end], gaps[start + 1 : end].tolist(), jitter, rng))
        texts.append("".join(map(str, chosen.labels[start:end])))
    sheet = rotate(stack_lines(lines, height, layout, rng), float(rng.uniform(-layout.skew, layout.skew)))
    return Page(colour_page(add_specks(sheet, layout.max_specks, rng), rng), texts)


def choose_line_breaks(count: int, layout: Layout, rng: Generator) -> list[int]:
    """The indices of the digits that begin a new line. There are fewer lines than digits, so that two can touch."""
    max_lines = min(layout.max_lines, count - 1)
    lines = int(rng.integers(1, max_lines + 1))
    return sorted(rng.choice(np.arange(1, count), lines - 1, replace=False).tolist())


def render_digit(image: Image, height: float, slant: float, layout: Layout, rng: Generator) -> Ink:
    """The digit, slanted and rotated, about `height` pixels high and cropped to its ink."""
    scale = height / MNIST_HEIGHT * float(rng.uniform(1 - layout.size_variation, 1 + layout.size_variation))
    angle = math.radians(float(rng.uniform(-layout.rotation, layout.rotation)))
    shear = math.tan(math.radians(slant))
    rotation = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    linear = scale * rotation @ np.array([[1, -shear], [0, 1]])
    side = math.ceil(2 * MNIST_HEIGHT * scale)
    shift = np.array([side / 2, side / 2]) - linear @ np.array([MNIST_CENTRE, MNIST_CENTRE])
    interpolation = cv2.INTER_CUBIC if scale > 1 else cv2.INTER_LINEAR
    warped = cv2.warpAffine(image, np.column_stack([linear, shift]), (side, side), flags=interpolation)
    return crop_to_ink(np.asarray(warped, np.uint8))


def crop_to_ink(ink: Ink) -> Ink:
    x, y, width, height = cv2.boundingRect((ink > INK_LEVEL).astype(np.uint8))
    return ink[y : y + height, x : x + width]


def render_line(inks: list[Ink], gaps: list[float], jitter: float, rng: Generator) -> Ink:
    """Digits on one baseline. Gaps and jitter are in pixels; a negative gap makes two digits touch."""
    height = max(ink.shape[0] for ink in inks) + 2 * math.ceil(jitter) + 2
    line = np.zeros((height, 0), np.uint8)
    for ink, gap in zip(inks, [0.0, *gaps], strict=True):
        top = height - ink.shape[0] - 1 - math.ceil(jitter) + round(float(rng.uniform(-jitter, jitter)))
        digit = np.zeros((height, ink.shape[1]), np.uint8)
        digit[top : top + ink.shape[0]] = ink
        left = line.shape[1] - touching_overlap(line, digit) if gap < 0 else line.shape[1] + round(gap)
        line = paste(line, digit, left)
    return line


def paste(line: Ink, digit: Ink, left: int) -> Ink:
    """The line, widened where necessary, with the digit from column `left` on."""
    wide = np.zeros((line.shape[0], max(line.shape[1], left + digit.shape[1])), np.uint8)
    wide[:, : line.shape[1]] = line
    part = wide[:, left : left + digit.shape[1]]
    np.maximum(part, digit, out=part)
    return wide


def touching_overlap(line: Ink, digit: Ink) -> int:
    """The number of columns by which the digit must overlap the line for their ink to touch."""
    max_overlap: int = min(line.shape[1], digit.shape[1])
    min_common_pixels = 1 + line.shape[0] // 40
    for overlap in range(1, max_overlap):
        left, right = line[:, -overlap:] > INK_LEVEL, digit[:, :overlap] > INK_LEVEL
        if np.count_nonzero(left & right) >= min_common_pixels:
            return overlap
    return max_overlap // 2


def stack_lines(lines: list[Ink], height: float, layout: Layout, rng: Generator) -> Ink:
    """Lines below each other, each with a random indent, inside a margin. `height` is a digit's, in pixels."""
    indents = [int(rng.uniform(0.3, 1.5) * height) for _ in lines]
    margin = int(rng.uniform(0.5, 2) * height)
    width = margin + max(indent + line.shape[1] for indent, line in zip(indents, lines, strict=True))
    bands = [np.zeros((margin, width), np.uint8)]
    for indent, line in zip(indents, lines, strict=True):
        band = np.zeros((line.shape[0] + int(rng.uniform(*layout.leading) * height), width), np.uint8)
        band[: line.shape[0], indent : indent + line.shape[1]] = line
        bands.append(band)
    return np.concatenate([*bands, bands[0]])


def rotate(sheet: Ink, degrees: float) -> Ink:
    """About the middle, on a sheet large enough for all ink."""
    margin = math.ceil(max(sheet.shape) * abs(math.sin(math.radians(degrees)))) + 1
    sheet = np.pad(sheet, margin)
    height, width = sheet.shape
    rotation = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, 1)
    return np.asarray(cv2.warpAffine(sheet, rotation, (width, height), flags=cv2.INTER_LINEAR), np.uint8)


def add_specks(sheet: Ink, max_specks: int, rng: Generator) -> Ink:
    """Draws specks of dust into `sheet`."""
    for _ in range(int(rng.integers(0, max_specks + 1))):
        centre = (int(rng.integers(sheet.shape[1])), int(rng.integers(sheet.shape[0])))
        cv2.circle(sheet, centre, int(rng.integers(0, 2)), 255, -1)
    return sheet


def colour_page(sheet: Ink, rng: Generator) -> RGB:
    """In a random ink on a random background, either of them the darker, with a little noise."""
    while True:
        background, ink = rng.uniform(0, 255, 3), rng.uniform(0, 255, 3)
        if abs(float((background - ink) @ LUMA)) > MIN_CONTRAST:
            break
    share = (sheet.astype(np.float32) / 255)[..., np.newaxis]
    noise = rng.normal(0, rng.uniform(0, 4), (*sheet.shape, 1))
    return np.clip(background + (ink - background) * share + noise, 0, 255).astype(np.uint8)
