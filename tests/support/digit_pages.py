"""Pictures of several digits."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from app.arrays import Grayscale, Image
from training.datasets.mnist import Digits

MARGIN = 20  # pixels around the digits


def digit_page(digits: Digits, rows: Sequence[Sequence[int]], height: int = 84) -> Grayscale:
    """Dark digits on white paper: in each row those with these indices, each in a cell of `height` x `height`."""
    blank = np.zeros((height, height), np.uint8)
    columns = max(map(len, rows))
    cells = [[resized(digits.images[index], height) for index in row] + [blank] * (columns - len(row)) for row in rows]
    return 255 - np.pad(np.concatenate([np.concatenate(row, axis=1) for row in cells]), MARGIN)


def resized(digit: Image, height: int) -> NDArray[np.uint8]:
    return np.asarray(cv2.resize(digit, (height, height), interpolation=cv2.INTER_CUBIC), np.uint8)
