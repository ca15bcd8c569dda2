"""Photographs that are of no digit, to learn from: what they show is what people send by mistake."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from training.packages import Wheel, read

SCIKIT_IMAGE = Wheel(
    "scikit-image",
    "0.26.0",
    "74aa5518ccea28121f57a95374581d3b979839adc25bb03f289b1bc9b99c58af",
    tags="cp311-cp311-manylinux_2_24_x86_64.manylinux_2_28_x86_64",
)
# None of these is among the photos that `training.worlds` reports on.
TRAINING = ("cell.png", "gravel.png", "hubble_deep_field.jpg", "ihc.png", "motorcycle_left.png", "retina.jpg")
VALIDATION = ("clock_motion.png", "moon.png", "motorcycle_right.png")

Photo = NDArray[np.uint8]  # (H, W)


def load(names: tuple[str, ...]) -> tuple[Photo, ...]:
    """In grey, at most 400 pixels high."""
    return tuple(decoded(file) for file in read(SCIKIT_IMAGE, *(f"skimage/data/{name}" for name in names)))


def decoded(file: bytes) -> Photo:
    photo = cv2.imdecode(np.frombuffer(file, np.uint8), cv2.IMREAD_GRAYSCALE)
    assert photo is not None  # the package's digest is checked
    factor = min(1.0, 400 / len(photo))
    return np.asarray(cv2.resize(photo, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA), np.uint8)
