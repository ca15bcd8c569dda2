"""MNIST's test digits spoilt in the fifteen ways of MNIST-C (Mu and Gilmer, 2019, arXiv 1906.02337), written anew.

Strengths are like the paper's. Each takes and gives an image of 28 x 28, ink bright on 0, values from 0 to 1.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from training.datasets.mnist import Digits
from training.evaluation.testsets.base import Ink, Kind, of_digits
from training.evaluation.testsets.rendering import Levels, blurred, file_of

Image = Levels  # (28, 28)
Corrupt = Callable[[Image, Generator], Image]

SIZE = 28


def kind(digits: Digits) -> Kind:
    return Kind(
        "corruptions",
        "MNIST's test digits spoilt in fifteen ways, in the manner of MNIST-C",
        {name: of_digits(digits, partial(spoilt, corrupt)) for name, corrupt in CORRUPT.items()},
        each=400,
    )


def spoilt(corrupt: Corrupt, ink: Ink, rng: Generator) -> bytes:
    return file_of(np.rint(np.clip(corrupt(ink / 255, rng), 0, 1) * 255).astype(np.uint8))


def shot_noise(image: Image, rng: Generator) -> Image:
    """As of so little light that a full pixel counts five grains."""
    return rng.poisson(image * 5) / 5


def impulse_noise(image: Image, rng: Generator) -> Image:
    """One pixel in six is black or white."""
    hit = rng.random(image.shape) < 0.17
    return np.where(hit, rng.integers(0, 2, image.shape), image)


def glass_blur(image: Image, rng: Generator) -> Image:
    """Each pixel shows one of its neighbours, between two soft blurs."""
    rows, columns = np.clip(np.mgrid[:SIZE, :SIZE] + rng.integers(-1, 2, (2, SIZE, SIZE)), 0, SIZE - 1)
    return blurred(blurred(image, 0.7)[rows, columns], 0.7)


def motion_blur(image: Image, rng: Generator) -> Image:
    """Along a line that falls off on one side, at up to 45 degrees."""
    weights = np.exp(-0.5 * (np.arange(10) / 3) ** 2)
    kernel = np.zeros((21, 21), np.float32)
    kernel[10, 10:20] = weights / weights.sum()
    turn = cv2.getRotationMatrix2D((10, 10), rng.uniform(-45, 45), 1)
    return np.asarray(cv2.filter2D(image, -1, cv2.warpAffine(kernel, turn, (21, 21)), borderType=cv2.BORDER_CONSTANT))


def shear(image: Image, rng: Generator) -> Image:
    return moved(image, [[1, rng.choice([-1, 1]) * rng.uniform(0.2, 0.5)], [0, 1]])


def scale(image: Image, _: Generator) -> Image:
    """To 0.6 of its size."""
    return moved(image, [[0.6, 0], [0, 0.6]])


def rotate(image: Image, rng: Generator) -> Image:
    """By 11 to 30 degrees."""
    angle = rng.choice([-1, 1]) * rng.uniform(0.2, 0.52)
    return moved(image, [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])


def brightness(image: Image, _: Generator) -> Image:
    """The paper as bright as half the ink; what exceeds full ink is cut off."""
    return image + 0.5


def translate(image: Image, rng: Generator) -> Image:
    """By up to 4 pixels each way, which is MNIST's margin."""
    return moved(image, [[1, 0], [0, 1]], rng.uniform(-4, 4, 2))


def stripe(image: Image, _: Generator) -> Image:
    """The outer quarters inverted."""
    inverted = image.copy()
    for columns in (slice(0, 7), slice(21, SIZE)):
        inverted[:, columns] = 1 - image[:, columns]
    return inverted


def fog(image: Image, rng: Generator) -> Image:
    """Clouds of every size over it, so thick that the ink's contrast is halved and less."""
    mist = clouds(rng)
    return (image + 2 * mist) / 3


def spatter(image: Image, rng: Generator) -> Image:
    """Drops of ink and of something that covers ink."""
    drops = blurred(rng.standard_normal(image.shape), 1.2)
    wet, dry = np.quantile(drops, (0.93, 0.07))
    return np.where(drops > wet, 1.0, np.where(drops < dry, 0.0, image))


def dotted_line(image: Image, rng: Generator) -> Image:
    """From one side to the other."""
    start, end = rng.uniform(0, SIZE - 1, 2)
    columns = np.arange(0, SIZE, 3)
    rows = np.rint(start + (end - start) * columns / (SIZE - 1)).astype(int)
    dotted = image.copy()
    dotted[rows, columns] = 1
    return dotted


def zigzag(image: Image, rng: Generator) -> Image:
    """From one side to the other, with teeth of 2 pixels."""
    columns = np.arange(0, SIZE, 2)
    start, end = rng.uniform(4, SIZE - 5, 2)
    middle = np.linspace(start, end, len(columns))
    rows = np.rint(middle + np.where(np.arange(len(columns)) % 2, 2, -2)).astype(int)
    line = np.zeros(image.shape, np.uint8)
    cv2.polylines(line, [np.column_stack([columns, rows]).astype(np.int32)], False, 255, 1, cv2.LINE_AA)
    return np.maximum(image, line / 255)


def canny_edges(image: Image, _: Generator) -> Image:
    """Nothing but its outline."""
    return np.asarray(cv2.Canny((image * 255).astype(np.uint8), 60, 150) / 255)


def moved(image: Image, linear: list[list[float]], shift: NDArray[np.float64] | None = None) -> Image:
    """Linearly, about the image's middle."""
    matrix = np.array(linear, float)
    middle = np.full(2, (SIZE - 1) / 2)
    offset = middle - matrix @ middle + (0 if shift is None else shift)
    return np.asarray(cv2.warpAffine(image, np.column_stack([matrix, offset]), (SIZE, SIZE)))


def clouds(rng: Generator) -> Image:
    """Noise of every size, the larger the stronger; 0 to 1."""
    total = np.zeros((SIZE, SIZE))
    for cells in (2, 4, 8, 16):
        noise = rng.random((cells, cells))
        total += np.asarray(cv2.resize(noise, (SIZE, SIZE), interpolation=cv2.INTER_CUBIC), float) / cells**0.8
    return np.asarray((total - total.min()) / (total.max() - total.min()))


CORRUPT: dict[str, Corrupt] = {
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
