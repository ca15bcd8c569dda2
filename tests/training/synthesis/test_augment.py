from __future__ import annotations

from pathlib import Path

import numpy as np

from app.inference.session import Model
from app.repository.manifest import read_version
from training.config import Distortion
from training.datasets.mnist import Digits
from training.synthesis.augment import distort

NO_DISTORTION = Distortion(0, 0, 0, 0, (0, 0), (4, 6))


def test_shape_and_type_stay_and_the_originals_are_untouched(test_digits: Digits) -> None:
    images = test_digits.images[:50].copy()
    distorted = distort(images, Distortion(), np.random.default_rng(0))
    assert distorted.shape == images.shape
    assert distorted.dtype == np.uint8
    assert np.array_equal(images, test_digits.images[:50])


def test_no_distortion_at_all_returns_the_digit_itself(test_digits: Digits) -> None:
    images = test_digits.images[:50]
    assert np.array_equal(distort(images, NO_DISTORTION, np.random.default_rng(0)), images)


def test_each_image_of_a_batch_is_distorted_differently(test_digits: Digits) -> None:
    same = np.repeat(test_digits.images[:1], 8, axis=0)
    assert len(np.unique(distort(same, Distortion(), np.random.default_rng(0)), axis=0)) == 8


def test_a_seed_gives_the_same_distortions_again(test_digits: Digits) -> None:
    first, second = (distort(test_digits.images[:50], Distortion(), np.random.default_rng(7)) for _ in range(2))
    assert np.array_equal(first, second)


def test_a_shift_moves_the_centre_of_mass_by_no_more_than_it_says(test_digits: Digits) -> None:
    shift = Distortion(0, 0, 0, 2.0, (0, 0), (4, 6))
    rows = np.arange(28)
    images = test_digits.images[:200]
    before, after = (
        (digits.sum(axis=2, dtype=float) @ rows) / digits.sum(axis=(1, 2), dtype=float)
        for digits in (images, distort(images, shift, np.random.default_rng(0)))
    )
    moved = np.abs(after - before)
    assert moved.max() < 2.2  # a little ink may leave the image
    assert moved.max() > 1.5


def test_distorted_digits_stay_recognisable(test_digits: Digits, models: Path) -> None:
    _, graphs = read_version(models / "digits-mlp/1")
    digits = test_digits[:500]
    distorted = distort(digits.images, Distortion(), np.random.default_rng(0))
    predicted = Model(graphs.float32, device="cpu").run(distorted).argmax(axis=1)
    assert (predicted == digits.labels).mean() > 0.95
