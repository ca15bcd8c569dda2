"""Non-digits, the out-of-distribution pictures to learn from: shapes, scribbles, textures and pieces of photos.

Each maker returns a glyph (H, W) and the label NON_DIGIT, as the makers of `glyphs` do.
"""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.random import Generator

from app.arrays import Grayscale, Image, Ink
from training.synthesis.glyphs import (
    GLYPH_HEIGHT,
    MARGIN,
    NON_DIGIT,
    LabelledGlyph,
    Lines,
    Points,
    Sources,
    choose,
    draw_lines,
    resize,
    warp,
)

# --- curves and shapes in a unit square ---


def catmull_rom(corners: Points, steps: int = 12) -> Points:
    """A smooth curve through all corners but the end (Catmull and Rom, 1974), `steps` points for each corner."""
    padded = np.concatenate([corners[:1], corners, corners[-1:]])
    t = np.linspace(0, 1, steps, endpoint=False)[:, None]
    pieces = []
    for a, b, c, d in zip(padded, padded[1:], padded[2:], padded[3:], strict=False):
        pieces.append(0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - a - 3 * c + d) * t**3))
    return np.concatenate(pieces)


def connect(points: Points) -> Lines:
    """A line from each point to the next."""
    return np.stack([points[:-1], points[1:]], axis=1)


def circle(x: float, y: float, radius: float, start: float = 0, end: float = 2 * math.pi) -> Points:
    """A circle, or an arc between two angles in radians."""
    angles = np.linspace(start, end, 30)
    return np.stack([x + radius * np.cos(angles), y + radius * np.sin(angles)], axis=1)


def star(points: int, inner: float) -> Points:
    """`inner` is the inner radius as a share of the outer one."""
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
    "heart": [catmull_rom(np.array([(0.5, 1), (0, 0.4), (0.2, 0), (0.5, 0.25), (0.8, 0), (1, 0.4), (0.5, 1)]))],
    "level line": [np.array([(0, 0.5), (1, 0.5)])],
    "equals": [np.array([(0, 0.3), (1, 0.3)]), np.array([(0, 0.7), (1, 0.7)])],
    "hash": [
        np.array(line)
        for line in ([(0.3, 0), (0.3, 1)], [(0.7, 0), (0.7, 1)], [(0, 0.3), (1, 0.3)], [(0, 0.7), (1, 0.7)])
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


# --- makers ---


def scribble(_: Sources, rng: Generator) -> LabelledGlyph:
    """A smooth line of many turns."""
    corners = rng.uniform(0, 1, (rng.integers(5, 14), 2))
    return draw_lines(connect(catmull_rom(corners)), rng), NON_DIGIT


def shape(_: Sources, rng: Generator) -> LabelledGlyph:
    """One of SHAPES with inexact corners, as a hand draws them; outlined or filled."""
    parts = [part + rng.normal(0, 0.02, part.shape) for part in SHAPES[choose(sorted(SHAPES), rng)]]
    glyph = draw_lines(np.concatenate([connect(part) for part in parts]), rng)
    if rng.random() < 0.25:
        for part in parts:
            fill(glyph, part, 255)
    return warp(glyph, rng), NON_DIGIT


def blob(_: Sources, rng: Generator) -> LabelledGlyph:
    """A filled shape with an irregular outline and a texture, as an object in a photo leaves."""
    count = rng.integers(5, 12)
    angles = np.sort(rng.uniform(0, 2 * math.pi, count))
    radii = rng.uniform(0.15, 0.5, count)
    corners = np.stack([0.5 + radii * np.cos(angles), 0.5 + radii * np.sin(angles)], axis=1)
    canvas = empty_canvas()
    fill(canvas, catmull_rom(np.concatenate([corners, corners[:2]])), 255)
    if rng.random() < 0.6:
        canvas = multiply(canvas, texture(len(canvas), rng))
    return canvas, NON_DIGIT


def silhouette(_: Sources, rng: Generator) -> LabelledGlyph:
    """A filled symmetric shape: clothes, vases and most man-made things are symmetric."""
    heights = np.linspace(0, 1, int(rng.integers(3, 9)))
    right = catmull_rom(np.stack([0.5 + rng.uniform(0.08, 0.5, len(heights)), heights], axis=1))
    outline = np.concatenate([right, right[::-1] * (-1, 1) + (1, 0)])
    canvas = empty_canvas()
    fill(canvas, outline, int(rng.integers(90, 256)))
    if rng.random() < 0.5:  # the gap between legs, in a handle, in a collar
        left, top = 0.5 - rng.uniform(0.02, 0.15), rng.uniform(-0.2, 0.8)
        gap = np.array([(left, top), (1 - left, top + rng.uniform(0.2, 0.8))]) * GLYPH_HEIGHT + MARGIN
        low, high = gap.astype(int).tolist()
        cv2.rectangle(canvas, low, high, (int(rng.integers(0, 120)),), -1)
    if rng.random() < 0.7:
        canvas = multiply(canvas, np.maximum(texture(len(canvas), rng), 60))
    return canvas, NON_DIGIT


def clutter(_: Sources, rng: Generator) -> LabelledGlyph:
    """Overlapping objects of many gray levels that fill the picture, as in a photo of anything."""
    side = GLYPH_HEIGHT
    canvas = texture(side, rng)
    for _object in range(rng.integers(1, 7)):
        centre, size = rng.uniform(0, side, 2), rng.uniform(0.1, 0.7) * side
        corners = rng.uniform(-1, 1, (rng.integers(2, 7), 2)) * size + centre
        outline = catmull_rom(np.concatenate([corners, corners[:1]])) if rng.random() < 0.5 else corners
        level = (int(rng.integers(256)),)
        if rng.random() < 0.6:
            cv2.fillPoly(canvas, [np.rint(outline).astype(np.int32)], level)
        else:
            cv2.polylines(canvas, [np.rint(outline).astype(np.int32)], True, level, int(rng.integers(1, 12)))
    grainy = cv2.addWeighted(canvas, 0.8, texture(side, rng), 0.2, 0)
    return np.asarray(cv2.GaussianBlur(grainy, (0, 0), rng.uniform(0.4, 2.5)), np.uint8), NON_DIGIT


def photo_crop(sources: Sources, rng: Generator) -> LabelledGlyph:
    """A piece of a photo, large or small, sometimes stretched or inverted."""
    photo = choose(sources.photos, rng)
    size = np.exp(rng.uniform(math.log(24), np.log(photo.shape)))
    height, width = size.astype(int) if rng.random() < 0.3 else (int(size.min()),) * 2
    top, left = rng.integers(len(photo) - height + 1), rng.integers(photo.shape[1] - width + 1)
    crop = resize(photo[top : top + height, left : left + width], min(height, GLYPH_HEIGHT))
    return 255 - crop if rng.random() < 0.5 else crop, NON_DIGIT


def texture_patch(_: Sources, rng: Generator) -> LabelledGlyph:
    """A texture alone, smooth or binarized."""
    side = int(rng.integers(28, GLYPH_HEIGHT))
    patch = texture(side, rng)
    if rng.random() < 0.5:
        patch = np.asarray(cv2.threshold(patch, float(rng.uniform(60, 200)), 255, cv2.THRESH_BINARY)[1], np.uint8)
    return patch, NON_DIGIT


# --- what makers are made of ---


def empty_canvas() -> Ink:
    return np.zeros((GLYPH_HEIGHT + 2 * MARGIN, GLYPH_HEIGHT + 2 * MARGIN), np.uint8)


def fill(canvas: Ink, outline: Points, level: int) -> None:
    """Fills an outline that is given in a unit square."""
    cv2.fillPoly(canvas, [np.rint(outline * GLYPH_HEIGHT + MARGIN).astype(np.int32)], (level,))


def multiply(ink: Ink, by: Grayscale) -> Ink:
    """Both as shares of 255."""
    return np.asarray(cv2.multiply(ink, by, scale=1 / 255), np.uint8)


def texture(side: int, rng: Generator) -> Grayscale:
    """(side, side): the sum of noise at five scales, from 0 to 255."""
    total = np.zeros((side, side), np.float32)
    for cells in (3, 6, 12, 24, 48):
        noise = rng.normal(size=(cells, cells)).astype(np.float32)
        total += cv2.resize(noise, (side, side), interpolation=cv2.INTER_CUBIC) * cells ** -rng.uniform(0, 1.2)
    return np.asarray(cv2.normalize(total, total, 0, 255, cv2.NORM_MINMAX), np.uint8)


def nearly_empty_image(rng: Generator) -> Image:
    """(28, 28): one shade, with some specks or faint noise at most."""
    image = np.full((28, 28), rng.choice([0, 0, 255, int(rng.integers(256))]), np.uint8)
    if rng.random() < 0.5:
        specks = rng.integers(0, 28, (2, rng.integers(1, 9)))
        image[tuple(specks)] = rng.integers(256, size=specks.shape[1])
    if rng.random() < 0.3:
        noise = rng.normal(0, rng.uniform(1, 12), image.shape)
        image = np.clip(image + noise, 0, 255).astype(np.uint8)
    return image
