"""Scenes: a glyph becomes a picture as people send it. A clean drawing, a photo, a tiny icon, a form field, a crop."""

from __future__ import annotations

import math
from collections.abc import Callable

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from app.arrays import Grayscale, Ink
from training.synthesis.camera import FloatImage, as_float32, compress_as_jpeg, simulate_camera, to_grayscale
from training.synthesis.corruptions import CORRUPTIONS
from training.synthesis.glyphs import choose_weighted, resize
from training.synthesis.paper import light, pencil_grain, ruled_paper, tilt

Scene = Callable[[Ink, Generator], Grayscale]  # a glyph (H, W) -> a picture of another size


# --- scenes ---


def drawing(glyph: Ink, rng: Generator) -> Grayscale:
    """Ink anywhere on a uniform background, dark on light or light on dark; a few drawings are binarized."""
    ink = place(glyph, log_uniform(14, 180, rng), rng, room=1.5)
    if rng.random() < 0.12:
        ink = as_float32(ink > rng.uniform(0.3, 0.7))
    picture = blend(ink, *random_tones(rng))
    return to_grayscale(compress_as_jpeg(as_float32(picture / 255), rng)) if rng.random() < 0.2 else picture


def photo(glyph: Ink, rng: Generator) -> Grayscale:
    """Pen or pencil on paper, or chalk on a blackboard, photographed."""
    ink = place(glyph, int(rng.integers(36, 150)), rng, room=2.5)
    ink *= 1 - pencil_grain(ink.shape, rng)
    paper = ruled_paper(ink.shape, rng)
    reflectance = tilt(paper * (1 - ink * rng.uniform(0.3, 0.95)), rng)
    picture = reflectance * light(ink.shape, rng)
    if rng.random() < 0.12:  # a blackboard
        picture = 1 - picture
    return to_grayscale(simulate_camera(picture, rng))


def tiny(glyph: Ink, rng: Generator) -> Grayscale:
    """A few pixels, filled or nearly so: an icon, a digit of an old scanner."""
    if rng.random() < 0.5:
        return blend(block_counts(glyph, rng), *random_tones(rng))
    ink = resize_ink(glyph, int(rng.integers(7, 17)))
    if rng.random() < 0.5:  # a square, as images of data sets are
        ink = pad_to_square(ink)
    if rng.random() < 0.5:
        ink = np.pad(ink, rng.integers(0, 3))
    if rng.random() < 0.5:  # 17 levels, as UCI's digits have
        ink = as_float32(np.round(ink * np.float32(16))) / np.float32(16)
    if rng.random() < 0.3:
        factor = int(rng.integers(2, 9))
        ink = as_float32(cv2.resize(ink, None, fx=factor, fy=factor, interpolation=int(rng.integers(3))))
    return blend(ink, *random_tones(rng))


def tight_crop(glyph: Ink, rng: Generator) -> Grayscale:
    """Cut out of something larger, with little or no background around the ink."""
    ink = resize_ink(glyph, log_uniform(20, 150, rng))
    if rng.random() < 0.5:
        ink = pad_to_square(ink)
    if rng.random() < 0.5:
        ink = np.pad(ink, rng.integers(0, max(2, len(ink) // 12)))
    return blend(ink, *random_tones(rng))


def form_field(glyph: Ink, rng: Generator) -> Grayscale:
    """In a box, on a line or between two lines of a form; the ink may touch or cross the lines, as hands do."""
    height = log_uniform(18, 130, rng)
    small = resize_ink(glyph, height)
    margin = int(0.7 * height) + 3
    ink = np.pad(small, margin)
    top, left, bottom, right = (round(height * rng.uniform(-0.12, 0.45)) for _ in range(4))  # gaps
    rows = slice(margin - top, margin + height + bottom)
    columns = slice(margin - left, margin + small.shape[1] + right)
    thickness = int(rng.integers(1, 2 + height // 16))
    lines, is_box = form_lines(np.zeros_like(ink), (rows, columns), thickness, margin, rng)
    ink = np.maximum(ink, lines)
    if is_box and rng.random() < 0.3:  # cropped to the box
        ink = ink[widen(rows, thickness), widen(columns, thickness)]
    picture = blend(ink, *random_tones(rng))
    return to_grayscale(simulate_camera(as_float32(picture / 255), rng)) if rng.random() < 0.3 else picture


def enclosed(glyph: Ink, rng: Generator) -> Grayscale:
    """In a ring or a box, or with a line below or above, drawn by hand with this or another pen.

    The outline is apart from the glyph, touches it or crosses it: what preprocessing leaves of it is often damaged.
    """
    small = resize_ink(glyph, log_uniform(24, 180, rng))
    height, width = small.shape
    margin = round(0.7 * max(small.shape)) + 4
    ink = np.pad(small, margin)
    outline = np.zeros_like(to_grayscale(ink))
    half_size = np.array([width / 2 + rng.uniform(-0.1, 0.5) * height, height * rng.uniform(0.42, 0.9)])
    middle = margin + np.array([width, height]) / 2 + rng.normal(0, 0.05, 2) * height
    points = outline_by_hand(rng) * half_size + middle
    pen = int(max(1, height * rng.uniform(0.02, 0.1)))
    cv2.polylines(outline, [np.rint(points * 16).astype(np.int32)], False, (255,), pen, cv2.LINE_AA, shift=4)
    other_pen = rng.uniform(0.4, 1) if rng.random() < 0.5 else 1.0
    ink = np.maximum(ink, as_float32(outline / 255 * other_pen))
    picture = blend(ink, *random_tones(rng))
    return to_grayscale(simulate_camera(as_float32(picture / 255), rng)) if rng.random() < 0.3 else picture


def outline_by_hand(rng: Generator) -> NDArray[np.float64]:
    """(n, 2): the points of a stroke around the square from -1, -1 to 1, 1, x and y; or along one side of it."""
    if rng.random() < 0.2:
        side, rise = rng.choice([-1, 1], p=(0.2, 0.8)), rng.normal(0, 0.04)
        return np.array([(-rng.uniform(0.9, 1.6), side - rise), (rng.uniform(0.9, 1.6), side + rise)])
    angles = np.linspace(0, 2 * math.pi * rng.uniform(0.93, 1.08), 100) + rng.uniform(0, 2 * math.pi)
    squareness = 2 if rng.random() < 0.6 else rng.uniform(5, 40)  # the exponent of a superellipse: 2 is a circle
    cosine, sine = np.cos(angles), np.sin(angles)
    radius = (np.abs(cosine) ** squareness + np.abs(sine) ** squareness) ** (-1 / squareness)
    radius *= np.linspace(1, rng.uniform(0.94, 1.06), 100)
    wobble = rng.uniform(0, 0.04) * np.sin(rng.integers(2, 5) * angles + rng.uniform(0, 2 * math.pi))
    radius = radius + wobble
    return np.stack([cosine * radius, sine * radius], axis=1)


def on_card(glyph: Ink, rng: Generator) -> Grayscale:
    """On a card or a sheet, straight or turned, that lies on something lighter or darker."""
    ink = place(glyph, log_uniform(28, 150, rng), rng, room=1.2)
    paper_size = np.array(ink.shape[::-1])
    margin = round(0.35 * int(paper_size.max()))
    size = tuple(int(side) + 2 * margin for side in paper_size[::-1])
    tone, paper = random_tones(rng)
    table = rng.uniform(0, 1)
    while abs(table - paper) < 0.15:
        table = rng.uniform(0, 1)
    turn = cv2.getRotationMatrix2D(tuple((paper_size / 2).tolist()), rng.normal(0, 5), 1)
    turn[:, 2] = turn[:, 2] + margin * rng.uniform(0.8, 1.2, 2)
    card = (paper + (tone - paper) * ink).astype(np.float32)
    picture = cv2.warpAffine(card, turn, size[::-1], borderMode=cv2.BORDER_CONSTANT, borderValue=(table,))
    if rng.random() < 0.5:
        return to_grayscale(simulate_camera(as_float32(picture), rng))
    return to_grayscale(as_float32(picture))


def full_frame(glyph: Ink, rng: Generator) -> Grayscale:
    """The glyph fills the picture to its edges, without a background."""
    picture = resize(glyph, log_uniform(20, 150, rng))
    return to_grayscale(compress_as_jpeg(as_float32(picture / 255), rng)) if rng.random() < 0.7 else picture


def corrupted(glyph: Ink, rng: Generator) -> Grayscale:
    """(28, 28): an image like MNIST's with one or two corruptions, a third of them inverted."""
    image = mnist_like(glyph, rng)
    for _ in range(1 if rng.random() < 0.7 else 2):
        image = np.clip(choose_weighted(CORRUPTIONS, rng)(image, rng), 0, 1)
    return to_grayscale(1 - image if rng.random() < 0.3 else image)


# --- what scenes are made of ---


def log_uniform(low: float, high: float, rng: Generator) -> int:
    return int(math.exp(rng.uniform(math.log(low), math.log(high))))


def resize_ink(glyph: Ink, height: int) -> FloatImage:
    return as_float32(resize(glyph, height)) / np.float32(255)


def place(glyph: Ink, height: int, rng: Generator, *, room: float) -> FloatImage:
    """The glyph at this height, somewhere on a canvas that is larger by up to `room` times its size."""
    small = resize(glyph, height)
    size = [int(side * (1 + rng.uniform(0.05, room)) + 4) for side in small.shape]
    top, left = (int(rng.integers(whole - part + 1)) for whole, part in zip(size, small.shape, strict=True))
    if rng.random() > 0.1:  # otherwise the ink may reach the edge
        top, left = max(2, min(top, size[0] - height - 2)), max(2, min(left, size[1] - small.shape[1] - 2))
    ink = np.zeros(size, np.float32)
    ink[top : top + height, left : left + small.shape[1]] = small[: size[0] - top, : size[1] - left] / np.float32(255)
    return ink


def random_tones(rng: Generator) -> tuple[float, float]:
    """The brightness of ink and background, 0 to 1, at least a quarter apart."""
    while True:
        ink, background = rng.uniform(0, 1, 2) if rng.random() < 0.5 else rng.permutation([0.0, 1.0])
        if abs(ink - background) > 0.25:
            return float(ink), float(background)


def blend(ink: FloatImage, tone: float, background: float) -> Grayscale:
    return to_grayscale(background + (tone - background) * ink)


def pad_to_square(ink: FloatImage) -> FloatImage:
    height, width = ink.shape
    side = max(height, width)
    top, left = (side - height) // 2, (side - width) // 2
    return np.pad(ink, ((top, side - height - top), (left, side - width - left)))


def block_counts(glyph: Ink, rng: Generator) -> FloatImage:
    """(8, 8): the share of black pixels in each 4 x 4 block of a bitmap 32 pixels high.

    UCI's digits are made this way: Alpaydin and Kaynak, Optical recognition of handwritten digits, 1998.
    """
    width = round(32 * min(1.0, glyph.shape[1] / len(glyph) * rng.uniform(1, 1.6)))
    bitmap = cv2.resize(glyph, (max(6, width), 32), interpolation=cv2.INTER_AREA) > rng.uniform(60, 200)
    return as_float32(pad_to_square(bitmap.astype(np.float32)).reshape(8, 4, 8, 4).mean(axis=(1, 3)))


def form_lines(
    canvas: FloatImage, box: tuple[slice, slice], thickness: int, reach: int, rng: Generator
) -> tuple[FloatImage, bool]:
    """Draws lines on an empty canvas along some or all sides of a box, rows and columns; and whether along all.

    Lines that do not make a box extend beyond it, by less than `reach` pixels.
    """
    rows, columns = box
    tone = rng.uniform(0.3, 1)
    is_box, horizontal, vertical = rng.choice([(1, 1, 1), (0, 1, 0), (0, 0, 1), (0, 1, 1)], p=(0.6, 0.2, 0.1, 0.1))
    extension = 0 if is_box else int(rng.integers(reach))
    if horizontal:
        along = slice(max(0, columns.start - extension), columns.stop + thickness + extension)
        canvas[rows.stop : rows.stop + thickness, along] = tone
        if is_box or rng.random() < 0.5:
            canvas[rows.start - thickness : rows.start, along] = tone
    if vertical:
        along = widen(rows, thickness + extension)
        canvas[along, columns.start - thickness : columns.start] = tone
        canvas[along, columns.stop : columns.stop + thickness] = tone
    return canvas, bool(is_box)


def widen(interval: slice, by: int) -> slice:
    return slice(max(0, interval.start - by), interval.stop + by)


def mnist_like(glyph: Ink, rng: Generator) -> FloatImage:
    """(28, 28): ink, the glyph as large as MNIST has it and in the middle, or a little off."""
    height, width = glyph.shape
    side = int(rng.integers(14, 23)) if rng.random() < 0.3 else 20
    factor = side / max(height, width)
    size = (max(2, round(width * factor)), max(2, round(height * factor)))
    small = cv2.resize(glyph, size, interpolation=cv2.INTER_AREA).astype(np.float32) / 255
    image = np.zeros((28, 28), np.float32)
    shift = rng.normal(0, 1.0, 2) if rng.random() < 0.4 else np.zeros(2)
    top = int(np.clip(round((28 - size[1]) / 2 + shift[0]), 0, 28 - size[1]))
    left = int(np.clip(round((28 - size[0]) / 2 + shift[1]), 0, 28 - size[0]))
    image[top : top + size[1], left : left + size[0]] = small
    return as_float32(np.clip(image / max(0.3, float(image.max())), 0, 1))


# Each scene with its weight: how often it is chosen, relative to the others.
SCENES: list[tuple[Scene, float]] = [
    (drawing, 0.28),
    (photo, 0.21),
    (corrupted, 0.30),
    (tiny, 0.16),
    (tight_crop, 0.05),
    (form_field, 0.06),
    (enclosed, 0.08),
    (on_card, 0.04),
]
