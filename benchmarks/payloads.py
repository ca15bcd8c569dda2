"""What the requests carry: MNIST's first test digits as small PNGs, as drawn sheets and as tensors."""

from __future__ import annotations

import io
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import cv2
import numpy as np
from PIL import Image as Pillow

from app.arrays import Images
from training.datasets.mnist import Digits, Labels, load_test_digits

TEST_DIGITS_FOLDER = Path(__file__).parents[1] / "tests/data"
DISTINCT_DIGITS = 512  # that the load cycles through: so many that a server's cache cannot explain its speed
BATCH_SIZE = 64  # images of one tensor
LARGE_BATCH_SIZE = 4096  # images of one tensor in the background load
SHEET_SIZE = 280  # pixels a side: the canvas of a drawing page
PEN_SIZE = 5  # pixels: the side of the dilation kernel, which widens a sheet's strokes by 4 pixels


@dataclass(frozen=True)
class Payload:
    """The images of one request and their labels. `png` is the single image as a file; empty for tensors."""

    images: Images
    labels: Labels
    png: bytes = b""


@cache
def mnist_digits() -> Digits:
    return load_test_digits(TEST_DIGITS_FOLDER)


@cache
def small_pngs() -> list[Payload]:
    """28 x 28 PNGs of about 250 bytes."""
    images = mnist_digits().images[:DISTINCT_DIGITS]
    return [png_payload(index, encode_png(image)) for index, image in enumerate(images)]


@cache
def sheets() -> list[Payload]:
    """280 x 280 PNGs, white ink on black, the digit in the middle.

    Servers that only resize can read them too; this service finds the ink and centres it on any sheet.
    """
    return [
        png_payload(index, encode_png(draw_sheet(mnist_digits().images[index]))) for index in range(DISTINCT_DIGITS)
    ]


@cache
def batches() -> list[Payload]:
    return tensor_payloads(BATCH_SIZE, DISTINCT_DIGITS // BATCH_SIZE)


@cache
def large_batches() -> list[Payload]:
    return tensor_payloads(LARGE_BATCH_SIZE, 2)


def png_payload(index: int, png: bytes) -> Payload:
    digit = mnist_digits()[index : index + 1]
    return Payload(digit.images, digit.labels, png)


def tensor_payloads(size: int, count: int) -> list[Payload]:
    slices = [mnist_digits()[start : start + size] for start in range(0, size * count, size)]
    return [Payload(digits.images, digits.labels) for digits in slices]


def draw_sheet(image: Images) -> Images:
    """The digit as a broad pen draws it, (280, 280): enlarged, slightly thicker, with hard edges."""
    large = cv2.resize(image, (SHEET_SIZE, SHEET_SIZE), interpolation=cv2.INTER_CUBIC)
    strokes = cv2.dilate(np.where(large > 127, 255, 0).astype(np.uint8), np.ones((PEN_SIZE, PEN_SIZE), np.uint8))
    return np.asarray(cv2.GaussianBlur(strokes, (3, 3), 0), np.uint8)


def encode_png(image: Images) -> bytes:
    file = io.BytesIO()
    Pillow.fromarray(image).save(file, "PNG", optimize=True)
    return file.getvalue()
