"""The questions that are asked: MNIST's first test digits, in each form a server may want them."""

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

TEST_DIGITS = Path(__file__).parents[1] / "tests/data"
PICTURES = 512  # different pictures that are cycled: more than a server's caches would be blamed for
BATCH = 64
LARGE = 4096
SHEET = 280  # pixels a side: what a drawing page sends
PEN = 5  # pixels by which the stroke of a sheet grows on all sides together


@dataclass(frozen=True)
class Question:
    """One or many digits and what they are. `picture` is the PNG of the only one; tensors have none."""

    images: Images
    labels: Labels
    picture: bytes = b""


@cache
def digits() -> Digits:
    return load_test_digits(TEST_DIGITS)


@cache
def pictures() -> list[Question]:
    """28 x 28 PNGs of about 250 bytes."""
    return [one(index, png(digits().images[index])) for index in range(PICTURES)]


@cache
def sheets() -> list[Question]:
    """280 x 280 PNGs, white ink on black, the digit in the middle.

    So a server that only shrinks them reads them too: ours finds the ink and centres it, whatever the sheet.
    """
    return [one(index, png(drawn(digits().images[index]))) for index in range(PICTURES)]


@cache
def batches() -> list[Question]:
    return tensors(BATCH, PICTURES // BATCH)


@cache
def large_batches() -> list[Question]:
    return tensors(LARGE, 2)


def one(index: int, picture: bytes) -> Question:
    return Question(digits().images[index : index + 1], digits().labels[index : index + 1], picture)


def tensors(size: int, count: int) -> list[Question]:
    starts = range(0, size * count, size)
    return [Question(digits().images[at : at + size], digits().labels[at : at + size]) for at in starts]


def drawn(image: Images) -> Images:
    """As a broad pen would have drawn it: enlarged, a little thicker, with hard edges."""
    large = cv2.resize(image, (SHEET, SHEET), interpolation=cv2.INTER_CUBIC)
    strokes = cv2.dilate(np.where(large > 127, 255, 0).astype(np.uint8), np.ones((PEN, PEN), np.uint8))
    return np.asarray(cv2.GaussianBlur(strokes, (3, 3), 0), np.uint8)


def png(image: Images) -> bytes:
    file = io.BytesIO()
    Pillow.fromarray(image).save(file, "PNG", optimize=True)
    return file.getvalue()
