"""What is no writing: shapes, scribbles, things and pieces of photos, as `glyphs` makes what is."""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from training.synthesis.glyphs import DRAWN, NO_DIGIT, Glyph, Points, Sources, drawn, pick, resized, warped


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
