"""Data augmentation: random affine and elastic distortions of MNIST images.

Source: Simard, Steinkraus and Platt, Best practices for convolutional neural networks applied to visual document
analysis, ICDAR 2003.
"""

from __future__ import annotations

import math
from typing import Any

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from app.arrays import IMAGE_SIZE, Image, Images
from app.preprocessing.normalize import CENTRE_OF_MASS
from training.config import Distortion

Maps = NDArray[np.float32]  # (n, 28, 28, 2): for each pixel, the x and y it is sampled from

CROSS = cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))


def distort(images: Images, distortion: Distortion, rng: Generator) -> Images:
    """(n, 28, 28) -> (n, 28, 28), a new array: each image distorted on its own."""
    maps = affine_maps(len(images), distortion, rng) + elastic_fields(len(images), distortion, rng)
    pairs = zip(images, maps, strict=True)
    no_second_map: Any = None  # OpenCV's type stubs omit that one map may hold both coordinates
    distorted = np.stack([cv2.remap(image, sampled, no_second_map, cv2.INTER_LINEAR) for image, sampled in pairs])
    if distortion.thickness:
        distorted = np.stack([thicken(image, rng.uniform(-1, 1) * distortion.thickness) for image in distorted])
    if distortion.erased:
        erase_squares(distorted, distortion.erased, rng)
    return distorted


def thicken(image: Image, by: float) -> Image:
    """Strokes grown by `by` pixels on each side, -1 to 1, or shrunk: a blend with the next whole pixel."""
    change = cv2.dilate if by > 0 else cv2.erode
    return np.asarray(cv2.addWeighted(image, 1 - abs(by), change(image, CROSS), abs(by), 0), np.uint8)


def erase_squares(images: Images, share: float, rng: Generator) -> None:
    """In this share of the images, in place: erases a square of 3 to 7 pixels in the middle 20 x 20.

    Source: DeVries and Taylor, Improved regularization of convolutional neural networks with cutout, 2017.
    """
    for index in np.flatnonzero(rng.random(len(images)) < share):
        side = rng.integers(3, 8)
        top, left = rng.integers(4, 24 - side + 1, 2)
        images[index, top : top + side, left : left + side] = 0


def affine_maps(n: int, distortion: Distortion, rng: Generator) -> Maps:
    """Rotation, scale and horizontal shear about MNIST's centre of mass, then a shift."""
    angle = np.radians(rng.uniform(-distortion.rotation, distortion.rotation, n))
    scale = 1 + rng.uniform(-distortion.scale, distortion.scale, (2, n))
    shear = rng.uniform(-distortion.shear, distortion.shear, n)
    shift = rng.uniform(-distortion.shift, distortion.shift, (n, 2))
    cos, sin = np.cos(angle), np.sin(angle)
    matrix = np.empty((n, 2, 2))
    matrix[:, 0, 0] = cos / scale[0]
    matrix[:, 0, 1] = (sin + shear * cos) / scale[0]
    matrix[:, 1, 0] = -sin / scale[1]
    matrix[:, 1, 1] = (cos - shear * sin) / scale[1]
    rows, columns = np.mgrid[:IMAGE_SIZE, :IMAGE_SIZE] - CENTRE_OF_MASS
    grid = np.stack([columns, rows], axis=-1).reshape(-1, 2)
    maps = grid @ matrix.transpose(0, 2, 1) + CENTRE_OF_MASS + shift[:, None, :]
    return maps.reshape(n, IMAGE_SIZE, IMAGE_SIZE, 2).astype(np.float32)


def elastic_fields(n: int, distortion: Distortion, rng: Generator) -> Maps:
    """Smooth random displacements in pixels: uniform noise, blurred by a Gaussian, times alpha."""
    alpha = rng.uniform(*distortion.elastic_alpha, n)[:, None, None, None]
    blur = gaussian_matrix(rng.uniform(*distortion.elastic_sigma))  # one sigma a batch: the blur is two products
    noise = rng.uniform(-1, 1, (n, 2, IMAGE_SIZE, IMAGE_SIZE))
    fields = alpha * (blur @ noise @ blur.T)
    return fields.transpose(0, 2, 3, 1).astype(np.float32)


def gaussian_matrix(sigma: float) -> NDArray[np.float64]:
    """(28, 28): a Gaussian blur along one axis as a matrix, zero outside the image; `sigma` is in pixels."""
    index = np.arange(IMAGE_SIZE)
    kernel: NDArray[np.float64] = np.exp(-((index[:, None] - index) ** 2) / (2 * sigma**2))
    return kernel / (sigma * math.sqrt(2 * math.pi))
