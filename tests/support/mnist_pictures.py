"""Test digits of MNIST as pictures."""

from __future__ import annotations

import gzip
import io
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

DATA = Path(__file__).parents[1] / "data"


def mnist_png(index: int) -> tuple[bytes, int]:
    """A test digit as PNG, and its label."""
    pixels, label = mnist_digit(index)
    return encode_png(pixels), label


def mnist_digit(index: int) -> tuple[NDArray[np.uint8], int]:
    """A test digit, (28, 28), ink bright on 0, and its label."""
    images = gzip.decompress((DATA / "t10k-images-idx3-ubyte.gz").read_bytes())
    labels = gzip.decompress((DATA / "t10k-labels-idx1-ubyte.gz").read_bytes())
    pixels = np.frombuffer(images, np.uint8, count=28 * 28, offset=16 + index * 28 * 28).reshape(28, 28)
    return pixels, labels[8 + index]


def enlarged_digit(index: int, size: int) -> NDArray[np.uint8]:
    """A test digit, (size, size)."""
    return np.asarray(Image.fromarray(mnist_digit(index)[0]).resize((size, size)), np.uint8)


def encode_png(pixels: NDArray[np.uint8]) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()
