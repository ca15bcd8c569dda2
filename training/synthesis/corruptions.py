"""Corruptions of an image of MNIST's size: noise, blur, fog, strokes, stripes, occlusion."""

from __future__ import annotations

import math
from collections.abc import Callable

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from training.synthesis.camera import FloatImage, as_float32, blur, to_grayscale
from training.synthesis.non_digits import catmull_rom, texture

Corruption = Callable[[FloatImage, Generator], FloatImage]  # (28, 28) -> (28, 28): ink, 0 to 1


def gaussian_noise(image: FloatImage, rng: Generator) -> FloatImage:
    return image + rng.normal(0, rng.uniform(0.05, 0.35), image.shape).astype(np.float32)


def salt_and_pepper(image: FloatImage, rng: Generator) -> FloatImage:
    """Some pixels become black or white."""
    changed = rng.random(image.shape) < rng.uniform(0.02, 0.3)
    return np.where(changed, rng.integers(0, 2, image.shape), image).astype(np.float32)


def shot_noise(image: FloatImage, rng: Generator) -> FloatImage:
    """The noise of few photons: the brighter a pixel, the noisier."""
    photons = math.exp(rng.uniform(math.log(3), math.log(40)))
    return (rng.poisson(image * photons) / photons).astype(np.float32)


def blurred(image: FloatImage, rng: Generator) -> FloatImage:
    return blur(image, rng, sigma=rng.uniform(0.6, 2.2))


def glass_blur(image: FloatImage, rng: Generator) -> FloatImage:
    """Each pixel is sampled up to two pixels from its place, as through frosted glass."""
    y, x = np.mgrid[:28, :28].astype(np.float32)
    reach = rng.uniform(0.5, 2)
    dx, dy = rng.uniform(-reach, reach, (2, 28, 28)).astype(np.float32)
    return as_float32(cv2.remap(image, x + dx, y + dy, cv2.INTER_LINEAR))


def low_contrast(image: FloatImage, rng: Generator) -> FloatImage:
    """Weaker ink on a background that is not empty."""
    background = rng.uniform(0, 0.7)
    return (background + image * rng.uniform(0.15, 1 - background if background < 0.7 else 0.3)).astype(np.float32)


def fog(image: FloatImage, rng: Generator) -> FloatImage:
    haze = texture(28, rng).astype(np.float32) / 255
    return as_float32(image * rng.uniform(0.4, 1) + haze * rng.uniform(0.2, 0.7))


def crossed_out(image: FloatImage, rng: Generator) -> FloatImage:
    """One to three strokes across it, solid or dotted, straight or curved."""
    strokes = np.zeros((28, 28), np.uint8)
    for _ in range(rng.integers(1, 4)):
        corners = rng.uniform(-2, 30, (rng.integers(2, 6), 2))
        path = catmull_rom(corners, 8) if rng.random() < 0.4 else corners
        path = np.rint(path * 16).astype(np.int32)
        cv2.polylines(strokes, [path], False, (255,), 1, cv2.LINE_AA if rng.random() < 0.5 else cv2.LINE_8, shift=4)
    if rng.random() < 0.5:
        y, x = np.mgrid[:28, :28]
        strokes[(x + y) // int(rng.integers(1, 4)) % 2 == 0] = 0
    return np.maximum(image, strokes.astype(np.float32) / 255 * np.float32(rng.uniform(0.5, 1)))


def stripe(image: FloatImage, rng: Generator) -> FloatImage:
    """A stripe from edge to edge is inverted, erased or filled; or everything but the stripe is inverted."""
    kind = rng.choice(4, p=(0.55, 0.15, 0.15, 0.15))  # 0: inverted; 1 and 3: filled; 2: erased
    inverts = kind == 0
    width = int(rng.integers(2, 21) if inverts else rng.integers(2, 8))
    start = int(rng.integers(28 - width))
    region: NDArray[np.bool_] = np.zeros((28, 28), bool)
    region[:, start : start + width] = True
    if rng.random() < 0.5:
        region = region.T
    if inverts and rng.random() < 0.5:
        region = ~region
    replacement = 1 - image if inverts else np.full_like(image, kind % 2)
    return as_float32(np.where(region, replacement, image))


def spatter(image: FloatImage, rng: Generator) -> FloatImage:
    """Drops of ink, or of water that dissolves the ink."""
    drops = cv2.GaussianBlur(rng.normal(size=(28, 28)).astype(np.float32), (0, 0), rng.uniform(0.7, 2))
    level = np.quantile(drops, rng.uniform(0.82, 0.97))
    return np.where(drops > level, rng.uniform(0.3, 1) if rng.random() < 0.7 else 0.0, image).astype(np.float32)


def edges(image: FloatImage, rng: Generator) -> FloatImage:
    """Only the outlines of the strokes."""
    if rng.random() < 0.5:
        outlines = cv2.Canny(to_grayscale(image), float(rng.uniform(20, 100)), float(rng.uniform(100, 250)))
        return as_float32(outlines) / np.float32(255)
    return as_float32(cv2.morphologyEx(image, cv2.MORPH_GRADIENT, np.ones((2, 2), np.uint8)))


def occlusion(image: FloatImage, rng: Generator) -> FloatImage:
    """A rectangle is covered, mostly in the background's colour."""
    occluded = image.copy()
    height, width = rng.integers(3, 9, 2)
    top, left = rng.integers(4, 24 - height + 1), rng.integers(4, 24 - width + 1)
    occluded[top : top + height, left : left + width] = rng.random() < 0.3
    return occluded


def unchanged(image: FloatImage, _: Generator) -> FloatImage:
    return image


# Each corruption with its weight: how often it is chosen, relative to the others.
CORRUPTIONS: list[tuple[Corruption, float]] = [
    (gaussian_noise, 1.5),
    (salt_and_pepper, 1.2),
    (shot_noise, 0.7),
    (blurred, 1),
    (glass_blur, 0.8),
    (low_contrast, 1),
    (fog, 2.0),
    (crossed_out, 2.0),
    (stripe, 1.0),
    (spatter, 2.2),
    (edges, 1.2),
    (occlusion, 0.8),
    (unchanged, 0.8),
]
