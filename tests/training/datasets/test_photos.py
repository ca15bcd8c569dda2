from __future__ import annotations

import cv2
import numpy as np

from training.datasets.photos import TRAINING, VALIDATION, decode


def test_a_photo_is_grayscale_and_at_most_400_pixels_high() -> None:
    colours = np.random.default_rng(0).integers(0, 256, (800, 1000, 3), np.uint8)
    assert decode(cv2.imencode(".png", colours)[1].tobytes()).shape == (400, 500)
    assert decode(cv2.imencode(".png", colours[:100, :200])[1].tobytes()).shape == (100, 200)


def test_no_photo_is_both_for_training_and_for_validation() -> None:
    training, validation = (
        {(package, pattern) for package, patterns in files.items() for pattern in patterns}
        for files in (TRAINING, VALIDATION)
    )
    assert not training & validation
