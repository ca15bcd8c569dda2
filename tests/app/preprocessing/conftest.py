"""Digits for pictures."""

from __future__ import annotations

import numpy as np
import pytest

from app.arrays import Image
from training.datasets.mnist import Digits

NOT_BARS = [0, 2, 3, 4, 5, 7, 8, 9]  # of `one_of_each`: the 1 and the 6 are bars, which could be a thick zero's hole


@pytest.fixture(scope="module")
def one_of_each(test_digits: Digits) -> list[Image]:
    """A test digit of each class, 0 to 9, each one connected component."""
    return [test_digits.images[int(np.argmax(test_digits.labels == digit))] for digit in range(10)]
