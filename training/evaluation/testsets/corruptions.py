"""Test set of corruptions: MNIST's test digits damaged in the fifteen ways of MNIST-C, implemented anew.

Source: Mu and Gilmer, MNIST-C: A Robustness Benchmark for Computer Vision, arXiv 1906.02337, 2019. The strengths are
close to the paper's.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from app.arrays import IMAGE_SIZE, Ink
from training.datasets.mnist import Digits
from training.evaluation.testsets.base import TestSet, digit_variant
from training.evaluation.testsets.rendering import Levels, blur, encode

InkLevels = Levels  # (28, 28): 0 paper to 1 full ink
Corruption = Callable[[InkLevels, Generator], InkLevels]


def corrupted_digits(digits: Digits) -> TestSet:
    return TestSet(
        "corruptions",
        "MNIST's test digits corrupted in fifteen ways, modelled on MNIST-C",
        {name: digit_variant(digits, partial(render, corrupt)) for name, corrupt in CORRUPTIONS.items()},
        pictures_per_variant=400,
    )


def render(corrupt: Corruption, ink: Ink, rng: Generator) -> bytes:
    """A PNG of 28 x 28 pixels, light on dark."""
    return encode(np.rint(np.clip(corrupt(ink / 255, rng), 0, 1) * 255).astype(np.uint8))


def shot_noise(image: InkLevels, rng: Generator) -> InkLevels:
    """Poisson noise of so little light that full ink counts five photons."""
    return rng.poisson(image * 5) / 5


def impulse_noise(image: InkLevels, rng: Generator) -> InkLevels:
    """One pixel in six becomes black or white."""
    is_hit = rng.random(image.shape) < 0.17
    return np.where(is_hit, rng.integers(0, 2, image.shape), image)


def glass_blur(image: InkLevels, rng: Generator) -> InkLevels:
    """A blur, each pixel exchanged for a random neighbour, and a blur again."""
    steps = rng.integers(-1, 2, (2, *image.shape))
    rows, columns = np.clip(np.mgrid[:IMAGE_SIZE, :IMAGE_SIZE] + steps, 0, IMAGE_SIZE - 1)
    return blur(blur(image, 0.7)[rows, columns], 0.7)


def motion_blur(image: InkLevels, rng: Generator) -> InkLevels:
    """A trail that fades on one side, along a line at up to 45 degrees."""
    weights = np.exp(-0.5 * (np.arange(10) / 3) ** 2)
    kernel = np.zeros((21, 21), np.float32)
    kernel[10, 10:20] = weights / weights.sum()
    rotation = cv2.getRotationMatrix2D((10, 10), rng.uniform(-45, 45), 1)
    rotated = cv2.warpAffine(kernel, rotation, (21, 21))
    return np.asarray(cv2.filter2D(image, -1, rotated, borderType=cv2.BORDER_CONSTANT))


def shear(image: InkLevels, rng: Generator) -> InkLevels:
    return warp(image, [[1, rng.choice([-1, 1]) * rng.uniform(0.2, 0.5)], [0, 1]])


def scale(image: InkLevels, _: Generator) -> InkLevels:
    """Reduces the digit to 0.6 of its size."""
    return warp(image, [[0.6, 0], [0, 0.6]])


def rotate(image: InkLevels, rng: Generator) -> InkLevels:
    """By 11 to 30 degrees."""
    angle = rng.choice([-1, 1]) * rng.uniform(0.2, 0.52)
    return warp(image, [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])


def brightness(image: InkLevels, _: Generator) -> InkLevels:
    """Adds half of full ink everywhere; the sum is clipped at full ink."""
    return image + 0.5


def translate(image: InkLevels, rng: Generator) -> InkLevels:
    """By up to 4 pixels along each axis: MNIST's margin."""
    return warp(image, [[1, 0], [0, 1]], rng.uniform(-4, 4, 2))


def stripe(image: InkLevels, _: Generator) -> InkLevels:
    """Inverts the left and the right quarter."""
    inverted = image.copy()
    for columns in (slice(0, 7), slice(21, IMAGE_SIZE)):
        inverted[:, columns] = 1 - image[:, columns]
    return inverted


def fog(image: InkLevels, rng: Generator) -> InkLevels:
    """One third of the image under two thirds of clouds."""
    return (image + 2 * cloud_noise(rng)) / 3


def spatter(image: InkLevels, rng: Generator) -> InkLevels:
    """Drops of ink, and drops that erase ink."""
    drops = blur(rng.standard_normal(image.shape), 1.2)
    ink_above, paper_below = np.quantile(drops, (0.93, 0.07))
    return np.where(drops > ink_above, 1.0, np.where(drops < paper_below, 0.0, image))


def dotted_line(image: InkLevels, rng: Generator) -> InkLevels:
    """A dot in every third column, from the left to the right border."""
    start, end = rng.uniform(0, IMAGE_SIZE - 1, 2)
    columns = np.arange(0, IMAGE_SIZE, 3)
    rows = np.rint(start + (end - start) * columns / (IMAGE_SIZE - 1)).astype(int)
    dotted = image.copy()
    dotted[rows, columns] = 1
    return dotted


def zigzag(image: InkLevels, rng: Generator) -> InkLevels:
    """A line from the left to the right border, with an amplitude of 2 pixels."""
    columns = np.arange(0, IMAGE_SIZE, 2)
    start, end = rng.uniform(4, IMAGE_SIZE - 5, 2)
    middle = np.linspace(start, end, len(columns))
    rows = np.rint(middle + np.where(np.arange(len(columns)) % 2, 2, -2)).astype(int)
    line = np.zeros(image.shape, np.uint8)
    cv2.polylines(line, [np.column_stack([columns, rows]).astype(np.int32)], False, 255, 1, cv2.LINE_AA)
    return np.maximum(image, line / 255)


def canny_edges(image: InkLevels, _: Generator) -> InkLevels:
    """Only the outline, by the edge detector of Canny (1986)."""
    return np.asarray(cv2.Canny((image * 255).astype(np.uint8), 60, 150) / 255)


def warp(image: InkLevels, linear: list[list[float]], shift: NDArray[np.float64] | None = None) -> InkLevels:
    """Maps a point p to linear @ p + shift, with the middle of the image as origin; `shift` is in pixels."""
    matrix = np.array(linear, float)
    middle = np.full(2, (IMAGE_SIZE - 1) / 2)
    offset = middle - matrix @ middle + (0 if shift is None else shift)
    return np.asarray(cv2.warpAffine(image, np.column_stack([matrix, offset]), (IMAGE_SIZE, IMAGE_SIZE)))


def cloud_noise(rng: Generator) -> InkLevels:
    """(28, 28), 0 to 1: noise at four scales, stronger at the coarse ones."""
    total = np.zeros((IMAGE_SIZE, IMAGE_SIZE))
    for cells in (2, 4, 8, 16):
        noise = cv2.resize(rng.random((cells, cells)), total.shape, interpolation=cv2.INTER_CUBIC)
        total += np.asarray(noise, float) / cells**0.8
    return np.asarray((total - total.min()) / (total.max() - total.min()))


CORRUPTIONS: dict[str, Corruption] = {
    "shot noise": shot_noise,
    "impulse noise": impulse_noise,
    "glass blur": glass_blur,
    "motion blur": motion_blur,
    "shear": shear,
    "scale": scale,
    "rotate": rotate,
    "brightness": brightness,
    "translate": translate,
    "stripe": stripe,
    "fog": fog,
    "spatter": spatter,
    "dotted line": dotted_line,
    "zigzag": zigzag,
    "canny edges": canny_edges,
}
