"""Brightness as float32, and what cameras and JPEG files do to it."""

from __future__ import annotations

import math
from typing import Any

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from app.arrays import Grayscale

FloatImage = NDArray[np.float32]  # (H, W): brightness from 0 (black) to 1 (white), or ink from 0 (none) to 1 (full)


def as_float32(values: Any) -> FloatImage:
    """For the type checker too: OpenCV's stubs do not say which type its functions return."""
    return np.asarray(values, np.float32)


def to_grayscale(brightness: FloatImage | NDArray[np.floating]) -> Grayscale:
    levels: Grayscale = np.clip(brightness * 255 + 0.5, 0, 255).astype(np.uint8)
    return levels


def simulate_camera(picture: FloatImage, rng: Generator) -> FloatImage:
    """Blur, sensor noise and, for half of the pictures, JPEG artefacts."""
    picture = blur(picture, rng, sigma=rng.uniform(0.3, 1.6))
    noisy = picture + rng.normal(0, rng.uniform(0.003, 0.06), picture.shape).astype(np.float32)
    return compress_as_jpeg(noisy, rng) if rng.random() < 0.5 else noisy


def blur(picture: FloatImage, rng: Generator, sigma: float) -> FloatImage:
    """Three times in four defocus, otherwise motion blur; `sigma` is in pixels."""
    if rng.random() < 0.75:
        return as_float32(cv2.GaussianBlur(picture, (0, 0), sigma))
    kernel = motion_kernel(length=int(3 * sigma) | 1, angle=rng.uniform(0, math.pi))
    return as_float32(cv2.filter2D(picture, -1, kernel / kernel.sum(), borderType=cv2.BORDER_REFLECT))


def motion_kernel(length: int, angle: float) -> FloatImage:
    """(length, length), odd: a line through the middle, `angle` in radians."""
    kernel = np.zeros((length, length), np.float32)
    middle = length // 2
    step = np.array([math.cos(angle), math.sin(angle)]) * middle
    start, end = (tuple(round(coordinate) for coordinate in middle + sign * step) for sign in (-1, 1))
    cv2.line(kernel, start, end, (1,), 1)
    return kernel


def compress_as_jpeg(picture: FloatImage, rng: Generator) -> FloatImage:
    quality = [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(25, 90))]
    file = cv2.imencode(".jpg", to_grayscale(picture), quality)[1]
    return as_float32(cv2.imdecode(file, cv2.IMREAD_GRAYSCALE)) / np.float32(255)
