from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from tests.training.evaluation.testsets.conftest import Samples
from training.datasets.mnist import Digits
from training.evaluation.testsets import corruptions
from training.evaluation.testsets.corruptions import CORRUPTIONS, stripe, translate


def test_there_are_fifteen_corruptions_and_each_changes_an_image_of_28_by_28(
    samples: Samples, test_digits: Digits
) -> None:
    made = samples(corruptions.corrupted_digits(test_digits), 1)
    assert len(made) == 15
    for (sample,) in made.values():
        image = np.asarray(Image.open(io.BytesIO(sample.file)))
        assert image.shape == (28, 28)
        assert not (test_digits.images == image).all(axis=(1, 2)).any()


@pytest.mark.parametrize("name", list(CORRUPTIONS))
def test_much_of_the_digit_remains(name: str, test_digits: Digits) -> None:
    """The mean correlation with ten digits, at the shift where it is largest, is not small."""
    rng = np.random.default_rng(0)
    correlations = []
    for ink in test_digits.images[:10]:
        corrupted = np.clip(CORRUPTIONS[name](ink / 255, rng), 0, 1)
        by_shift = np.fft.ifft2(np.fft.fft2(corrupted - corrupted.mean()) * np.conj(np.fft.fft2(ink - ink.mean()))).real
        correlations.append(np.abs(by_shift).max() / (784 * corrupted.std() * ink.std()))
    assert 0.25 < np.mean(correlations) < 0.999


def test_stripes_are_the_inverted_outer_quarters() -> None:
    image = np.zeros((28, 28))
    striped = stripe(image, np.random.default_rng(0))
    assert striped[:, :7].min() == striped[:, 21:].min() == 1
    assert striped[:, 7:21].max() == 0
    assert image.max() == 0


def test_moving_keeps_the_ink_on_the_image() -> None:
    image = np.zeros((28, 28))
    image[5:23, 5:23] = 1
    moved = translate(image, np.random.default_rng(0))
    assert moved.sum() == pytest.approx(image.sum(), rel=0.01)
    assert not np.array_equal(moved, image)
