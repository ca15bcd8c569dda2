"""Pictures as people send them, made of glyphs, and what `app.image` makes of them: what the network is to read.

A sheet is a picture of a glyph with clean ink, a photo one of pen on paper; `tiny`, `damaged`, `cropped` and `boxed`
are what else is sent. All of them go through the pipeline that serves, so that training sees what serving sees.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TypeVar

import cv2
import numpy as np
from numpy.random import Generator

from app.arrays import Grayscale, Image
from app.errors import BlankPicture
from app.preprocessing.normalize import preprocess
from training.synthesis import displays, glyphs
from training.synthesis import non_digits as things
from training.synthesis.camera import Floats, compressed, floats, through_lens, to_grey
from training.synthesis.corruptions import DAMAGES
from training.synthesis.glyphs import Glyph, Maker, Sources, resized, tight

T = TypeVar("T")
Scene = Callable[[Glyph, Generator], Grayscale]  # a glyph becomes a picture

# How often each is drawn; digits are nearly seven tenths.
MAKERS: list[tuple[Maker, float]] = [
    (glyphs.written, 0.25),
    (glyphs.penned, 0.21),
    (glyphs.printed, 0.19),
    (displays.segmented, 0.05),
    (displays.dotted, 0.03),
    (glyphs.letter, 0.10),
    (glyphs.word, 0.015),
    (glyphs.several, 0.05),
    (glyphs.half, 0.03),
    (things.scribble, 0.03),
    (things.shape, 0.03),
    (things.blob, 0.015),
    (things.silhouette, 0.025),
    (things.surface, 0.02),
    (things.view, 0.03),
    (things.excerpt, 0.05),
    (glyphs.shuffled, 0.015),
]

FILLING = (things.surface, things.view, things.excerpt)  # what has no paper around it


def picture(sources: Sources, rng: Generator) -> tuple[Image, int]:
    """What the network sees of one picture, and its label."""
    while True:
        maker = drawn_from(MAKERS, rng)
        glyph, label = maker(sources, rng)
        scene = whole if maker in FILLING and rng.random() < 0.6 else drawn_from(SCENES, rng)
        try:
            return preprocess(scene(tight(glyph), rng)), label
        except BlankPicture:  # too faint: another one
            continue


def drawn_from(choices: list[tuple[T, float]], rng: Generator) -> T:
    """One of them, each as often as its weight says."""
    weights = np.array([weight for _, weight in choices])
    return choices[int(rng.choice(len(choices), p=weights / weights.sum()))][0]


def sheet(glyph: Glyph, rng: Generator) -> Grayscale:
    """Clean ink anywhere on clean paper, dark on light or light on dark, now and then in two tones alone."""
    ink = placed(glyph, int(math.exp(rng.uniform(math.log(14), math.log(180)))), rng, room=1.5)
    if rng.random() < 0.12:
        ink = floats(ink > rng.uniform(0.3, 0.7))
    picture = inked(ink, *two_tones(rng))
    return to_grey(compressed(floats(picture / 255), rng)) if rng.random() < 0.2 else picture


def placed(glyph: Glyph, height: int, rng: Generator, *, room: float) -> Floats:
    """(H, W) share of ink: the glyph at this height somewhere on a sheet with up to `room` times its size around it."""
    small = resized(glyph, height)
    size = [int(side * (1 + rng.uniform(0.05, room)) + 4) for side in small.shape]
    top, left = (int(rng.integers(whole - part + 1)) for whole, part in zip(size, small.shape, strict=True))
    if rng.random() > 0.1:  # one in ten may reach the edge
        top, left = max(2, min(top, size[0] - height - 2)), max(2, min(left, size[1] - small.shape[1] - 2))
    ink = np.zeros(size, np.float32)
    ink[top : top + height, left : left + small.shape[1]] = small[: size[0] - top, : size[1] - left] / np.float32(255)
    return ink


def two_tones(rng: Generator) -> tuple[float, float]:
    """Of ink and paper, at least a quarter apart."""
    while True:
        ink, paper = rng.uniform(0, 1, 2) if rng.random() < 0.5 else rng.permutation([0.0, 1.0])
        if abs(ink - paper) > 0.25:
            return float(ink), float(paper)


def inked(ink: Floats, tone: float, paper: float | Floats) -> Grayscale:
    return to_grey(paper + (tone - paper) * ink)


def photo(glyph: Glyph, rng: Generator) -> Grayscale:
    """Pen on paper under a lamp, through a lens."""
    ink = placed(glyph, int(rng.integers(36, 150)), rng, room=2.5)
    ink *= 1 - pencil_grain(ink.shape, rng)
    paper = ruling(ink.shape, rng)
    reflected = paper * (1 - ink * rng.uniform(0.3, 0.95))
    reflected = tilted(reflected, rng)
    picture = reflected * light(ink.shape, rng)
    if rng.random() < 0.12:  # a blackboard
        picture = 1 - picture
    return to_grey(through_lens(picture, rng))


def pencil_grain(size: tuple[int, ...], rng: Generator) -> Floats:
    """(H, W): the share of ink that the paper's grain leaves out; nothing for a pen."""
    if rng.random() < 0.6:
        return np.zeros(size, np.float32)
    grain = cv2.GaussianBlur(rng.normal(size=size).astype(np.float32), (0, 0), 0.8)
    return floats(np.clip(grain * rng.uniform(0.2, 1.2), 0, 0.9))


def ruling(size: tuple[int, ...], rng: Generator) -> Floats:
    """Paper of brightness 1: blank, ruled or squared."""
    paper = np.ones(size, np.float32)
    kind = rng.choice(3, p=(0.5, 0.25, 0.25))
    step, tone, thickness = int(rng.integers(9, 60)), rng.uniform(0.35, 0.92), int(rng.integers(1, 3))
    if kind:
        for top in range(int(rng.integers(step)), size[0], step):
            paper[top : top + thickness] = tone
    if kind == 2:
        for left in range(int(rng.integers(step)), size[1], step):
            paper[:, left : left + thickness] = tone
    return paper


def tilted(paper: Floats, rng: Generator) -> Floats:
    """Seen askew: turned by a few degrees, and nearer on one side."""
    height, width = paper.shape
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    turn = math.radians(rng.normal(0, 3))
    matrix = np.array([[math.cos(turn), -math.sin(turn)], [math.sin(turn), math.cos(turn)]])
    centre = np.array([width / 2, height / 2])
    seen = (corners - centre) @ matrix.T * 1.06 + centre + rng.normal(0, 0.02, (4, 2)) * (width, height)
    how = cv2.getPerspectiveTransform(corners, seen.astype(np.float32))
    return floats(cv2.warpPerspective(paper, how, (width, height), borderMode=cv2.BORDER_REFLECT))


def light(size: tuple[int, ...], rng: Generator) -> Floats:
    """(H, W): brighter on one side, with a shadow's edge across it now and then."""
    y, x = np.mgrid[-1 : 1 : size[0] * 1j, -1 : 1 : size[1] * 1j].astype(np.float32)
    angle, strength = rng.uniform(0, 2 * math.pi), rng.uniform(0, 0.35)
    lit = rng.uniform(0.5, 0.95) * (1 + strength * (math.cos(angle) * x + math.sin(angle) * y))
    if rng.random() < 0.4:
        angle, where, softness = rng.uniform(0, 2 * math.pi), rng.uniform(-0.7, 0.7), rng.uniform(0.01, 0.4)
        across = (math.cos(angle) * x + math.sin(angle) * y - where) / softness
        lit = lit * (1 - rng.uniform(0.15, 0.55) / (1 + np.exp(-np.clip(across * 4, -30, 30))))
    return floats(lit)


def tiny(glyph: Glyph, rng: Generator) -> Grayscale:
    """A few pixels: an icon, an old scanner's digit, filling the picture or nearly so."""
    if rng.random() < 0.5:
        return inked(counted(glyph, rng), *two_tones(rng))
    height = int(rng.integers(7, 17))
    small = floats(resized(glyph, height)) / np.float32(255)
    if rng.random() < 0.5:  # as wide as high, as data sets have them
        small = square(small)
    if rng.random() < 0.5:
        small = np.pad(small, rng.integers(0, 3))
    if rng.random() < 0.5:
        small = np.round(small * np.float32(16)) / np.float32(16)
    if rng.random() < 0.3:
        factor = int(rng.integers(2, 9))
        small = floats(cv2.resize(small, None, fx=factor, fy=factor, interpolation=int(rng.integers(3))))
    return inked(small, *two_tones(rng))


def counted(glyph: Glyph, rng: Generator) -> Floats:
    """(8, 8): the black pixels in each of 8 x 8 blocks of a bitmap, the glyph as high as it and often as wide.

    So the digits that the University of California's repository has from 1998 were made.
    """
    width = round(32 * min(1.0, glyph.shape[1] / len(glyph) * rng.uniform(1, 1.6)))
    black = cv2.resize(glyph, (max(6, width), 32), interpolation=cv2.INTER_AREA) > rng.uniform(60, 200)
    return floats(square(black.astype(np.float32)).reshape(8, 4, 8, 4).mean(axis=(1, 3)))


def cropped(glyph: Glyph, rng: Generator) -> Grayscale:
    """Cut out of something larger, with little or no paper around it."""
    ink = floats(resized(glyph, int(math.exp(rng.uniform(math.log(20), math.log(150)))))) / np.float32(255)
    if rng.random() < 0.5:
        ink = square(ink)
    if rng.random() < 0.5:
        ink = np.pad(ink, rng.integers(0, max(2, len(ink) // 12)))
    return inked(ink, *two_tones(rng))


def boxed(glyph: Glyph, rng: Generator) -> Grayscale:
    """In a form's box, or on a line or between two, which it may touch or cross, as hands do."""
    height = int(math.exp(rng.uniform(math.log(18), math.log(130))))
    small = floats(resized(glyph, height)) / np.float32(255)
    around = int(0.7 * height) + 3
    ink = np.pad(small, around)
    gaps = [round(height * rng.uniform(-0.12, 0.45)) for _ in range(4)]
    rows = slice(around - gaps[0], around + height + gaps[2])
    columns = slice(around - gaps[1], around + small.shape[1] + gaps[3])
    thickness = int(rng.integers(1, 2 + height // 16))
    lines, is_box = form_lines(np.zeros_like(ink), (rows, columns), thickness, around, rng)
    ink = np.maximum(ink, lines)
    if is_box and rng.random() < 0.3:  # cut out along its lines
        ink = ink[outside(rows, thickness), outside(columns, thickness)]
    picture = inked(ink, *two_tones(rng))
    return to_grey(through_lens(floats(picture / 255), rng)) if rng.random() < 0.3 else picture


def form_lines(
    sheet: Floats, place: tuple[slice, slice], thickness: int, reach: int, rng: Generator
) -> tuple[Floats, bool]:
    """Rules an empty sheet around a place, in rows and columns, or on some of its sides; whether on all.

    Lines that make no box go on beyond it, by less than `reach`.
    """
    rows, columns = place
    tone = rng.uniform(0.3, 1)
    is_box, across, upright = rng.choice([(1, 1, 1), (0, 1, 0), (0, 0, 1), (0, 1, 1)], p=(0.6, 0.2, 0.1, 0.1))
    beyond = 0 if is_box else int(rng.integers(reach))
    if across:
        wide = slice(max(0, columns.start - beyond), columns.stop + thickness + beyond)
        sheet[rows.stop : rows.stop + thickness, wide] = tone
        if is_box or rng.random() < 0.5:
            sheet[rows.start - thickness : rows.start, wide] = tone
    if upright:
        high = outside(rows, thickness + beyond)
        sheet[high, columns.start - thickness : columns.start] = tone
        sheet[high, columns.stop : columns.stop + thickness] = tone
    return sheet, bool(is_box)


def outside(inside: slice, by: int) -> slice:
    return slice(max(0, inside.start - by), inside.stop + by)


def whole(glyph: Glyph, rng: Generator) -> Grayscale:
    """What fills the picture to its edges, as a camera takes it."""
    height = int(math.exp(rng.uniform(math.log(20), math.log(150))))
    seen = resized(glyph, height)
    return to_grey(compressed(floats(seen / 255), rng)) if rng.random() < 0.7 else seen


def square(ink: Floats) -> Floats:
    height, width = ink.shape
    side = max(height, width)
    top, left = (side - height) // 2, (side - width) // 2
    return np.pad(ink, ((top, side - height - top), (left, side - width - left)))


def mnist_like(glyph: Glyph, rng: Generator) -> Floats:
    """(28, 28) share of ink, the glyph where MNIST has it or a little off."""
    height, width = glyph.shape
    side = int(rng.integers(14, 23)) if rng.random() < 0.3 else 20
    factor = side / max(height, width)
    size = (max(2, round(width * factor)), max(2, round(height * factor)))
    small = cv2.resize(glyph, size, interpolation=cv2.INTER_AREA).astype(np.float32) / 255
    image = np.zeros((28, 28), np.float32)
    away = rng.normal(0, 1.0, 2) if rng.random() < 0.4 else np.zeros(2)
    top = int(np.clip(round((28 - size[1]) / 2 + away[0]), 0, 28 - size[1]))
    left = int(np.clip(round((28 - size[0]) / 2 + away[1]), 0, 28 - size[0]))
    image[top : top + size[1], left : left + size[0]] = small
    return floats(np.clip(image / max(0.3, float(image.max())), 0, 1))


def damaged(glyph: Glyph, rng: Generator) -> Grayscale:
    """An MNIST-like image that something happened to on its way, once or twice."""
    image = mnist_like(glyph, rng)
    for _ in range(1 if rng.random() < 0.7 else 2):
        image = np.clip(drawn_from(DAMAGES, rng)(image, rng), 0, 1)
    return to_grey(1 - image if rng.random() < 0.3 else image)


SCENES: list[tuple[Scene, float]] = [
    (sheet, 0.28),
    (photo, 0.21),
    (damaged, 0.30),
    (tiny, 0.16),
    (cropped, 0.05),
    (boxed, 0.06),
]
