"""What happens to an image of MNIST's size on its way: it gets dim, crossed out, striped, splashed ..."""

from __future__ import annotations

import math
from collections.abc import Callable

import cv2
import numpy as np
from numpy.random import Generator

from training.synthesis.camera import Floats, blurred, floats, to_grey
from training.synthesis.non_digits import curve, texture

Damage = Callable[[Floats, Generator], Floats]  # of an image (28, 28) of ink on paper


def grainy(image: Floats, rng: Generator) -> Floats:
    return image + rng.normal(0, rng.uniform(0.05, 0.35), image.shape).astype(np.float32)


def speckled(image: Floats, rng: Generator) -> Floats:
    """Some pixels black or white."""
    hit = rng.random(image.shape) < rng.uniform(0.02, 0.3)
    return np.where(hit, rng.integers(0, 2, image.shape), image).astype(np.float32)


def dim(image: Floats, rng: Generator) -> Floats:
    """Few photons: the brighter, the noisier."""
    photons = math.exp(rng.uniform(math.log(3), math.log(40)))
    return (rng.poisson(image * photons) / photons).astype(np.float32)


def soft(image: Floats, rng: Generator) -> Floats:
    return blurred(image, rng, rng.uniform(0.6, 2.2))


def wobbly(image: Floats, rng: Generator) -> Floats:
    """Each pixel read from near its place, as through uneven glass."""
    y, x = np.mgrid[:28, :28].astype(np.float32)
    reach = rng.uniform(0.5, 2)
    dx, dy = rng.uniform(-reach, reach, (2, 28, 28)).astype(np.float32)
    return floats(cv2.remap(image, x + dx, y + dy, cv2.INTER_LINEAR))


def pale(image: Floats, rng: Generator) -> Floats:
    """Less contrast on a lighter ground."""
    ground = rng.uniform(0, 0.7)
    return (ground + image * rng.uniform(0.15, 1 - ground if ground < 0.7 else 0.3)).astype(np.float32)


def foggy(image: Floats, rng: Generator) -> Floats:
    fog = texture(28, rng).astype(np.float32) / 255
    return floats(image * rng.uniform(0.4, 1) + fog * rng.uniform(0.2, 0.7))


def crossed(image: Floats, rng: Generator) -> Floats:
    """Strokes over it: whole or dotted, straight or bent."""
    drawing = np.zeros((28, 28), np.uint8)
    for _ in range(rng.integers(1, 4)):
        points = rng.uniform(-2, 30, (rng.integers(2, 6), 2))
        path = curve(points, 8) if rng.random() < 0.4 else points
        path = np.rint(path * 16).astype(np.int32)
        cv2.polylines(drawing, [path], False, (255,), 1, cv2.LINE_AA if rng.random() < 0.5 else cv2.LINE_8, shift=4)
    if rng.random() < 0.5:
        y, x = np.mgrid[:28, :28]
        drawing[(x + y) // int(rng.integers(1, 4)) % 2 == 0] = 0
    return np.maximum(image, drawing.astype(np.float32) / 255 * np.float32(rng.uniform(0.5, 1)))


def striped(image: Floats, rng: Generator) -> Floats:
    """A band is inverted, erased or filled; or all but a band is inverted."""
    how = rng.choice(4, p=(0.55, 0.15, 0.15, 0.15))
    width = int(rng.integers(2, 8) if how else rng.integers(2, 21))
    start = int(rng.integers(28 - width))
    band = np.zeros((28, 28), bool)
    band[:, start : start + width] = True
    if rng.random() < 0.5:
        band = band.T
    if how == 0 and rng.random() < 0.5:
        band = ~band
    other = 1 - image if how == 0 else np.full_like(image, how % 2)
    return floats(np.where(band, other, image))


def splashed(image: Floats, rng: Generator) -> Floats:
    """Drops of ink, or of water that takes it away."""
    drops = cv2.GaussianBlur(rng.normal(size=(28, 28)).astype(np.float32), (0, 0), rng.uniform(0.7, 2))
    level = np.quantile(drops, rng.uniform(0.82, 0.97))
    return np.where(drops > level, rng.uniform(0.3, 1) if rng.random() < 0.7 else 0.0, image).astype(np.float32)


def outlined(image: Floats, rng: Generator) -> Floats:
    """Only the strokes' edges."""
    if rng.random() < 0.5:
        edges = cv2.Canny(to_grey(image), float(rng.uniform(20, 100)), float(rng.uniform(100, 250)))
        return floats(edges) / np.float32(255)
    return floats(cv2.morphologyEx(image, cv2.MORPH_GRADIENT, np.ones((2, 2), np.uint8)))


def covered(image: Floats, rng: Generator) -> Floats:
    """A piece is hidden."""
    image = image.copy()
    height, width = rng.integers(3, 9, 2)
    top, left = rng.integers(4, 24 - height + 1), rng.integers(4, 24 - width + 1)
    image[top : top + height, left : left + width] = rng.random() < 0.3
    return image


def same(image: Floats, _: Generator) -> Floats:
    return image


DAMAGES: list[tuple[Damage, float]] = [
    (grainy, 1.5),
    (speckled, 1.2),
    (dim, 0.7),
    (soft, 1),
    (wobbly, 0.8),
    (pale, 1),
    (foggy, 1.3),
    (crossed, 1.8),
    (striped, 3.0),
    (splashed, 1.2),
    (outlined, 1.2),
    (covered, 0.8),
    (same, 0.8),
]
