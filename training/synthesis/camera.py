"""Brightness as numbers to reckon with, and what lenses and files do to it."""

from __future__ import annotations

import math
from typing import Any

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from app.arrays import Grayscale

Floats = NDArray[np.float32]  # (H, W), 0 black to 1 white, or a share


def floats(values: Any) -> Floats:
    """OpenCV's stubs promise less than its functions keep."""
    return np.asarray(values, np.float32)


def to_grey(brightness: Floats | NDArray[np.floating]) -> Grayscale:
    levels: Grayscale = np.clip(brightness * 255 + 0.5, 0, 255).astype(np.uint8)
    return levels


def through_lens(picture: Floats, rng: Generator) -> Floats:
    """Blur, noise and, in half of them, a JPEG's blocks."""
    picture = blurred(picture, rng, rng.uniform(0.3, 1.6))
    noisy = picture + rng.normal(0, rng.uniform(0.003, 0.06), picture.shape).astype(np.float32)
    return compressed(noisy, rng) if rng.random() < 0.5 else noisy


def blurred(picture: Floats, rng: Generator, sigma: float) -> Floats:
    """Out of focus, or moved."""
    if rng.random() < 0.75:
        return floats(cv2.GaussianBlur(picture, (0, 0), sigma))
    length = int(3 * sigma) | 1
    kernel = np.zeros((length, length), np.float32)
    angle = rng.uniform(0, math.pi)
    step = np.array([math.cos(angle), math.sin(angle)]) * (length // 2)
    middle = length // 2
    ends = [tuple(round(v) for v in middle + sign * step) for sign in (-1, 1)]
    cv2.line(kernel, ends[0], ends[1], (1,), 1)
    return floats(cv2.filter2D(picture, -1, kernel / kernel.sum(), borderType=cv2.BORDER_REFLECT))


def compressed(picture: Floats, rng: Generator) -> Floats:
    file = cv2.imencode(".jpg", to_grey(picture), [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(25, 90))])[1]
    return floats(cv2.imdecode(file, cv2.IMREAD_GRAYSCALE)) / np.float32(255)
