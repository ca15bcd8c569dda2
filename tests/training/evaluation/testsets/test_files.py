from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from app.preprocessing.decode import FORMATS, open_picture
from app.preprocessing.normalize import to_image
from tests.training.evaluation.testsets.conftest import Samples
from training.datasets.mnist import Digits
from training.evaluation.testsets import files


def test_there_are_more_than_twenty_variants_and_they_cover_every_format_that_is_read(
    samples: Samples, test_digits: Digits
) -> None:
    made = samples(files.file_formats(test_digits), 1)
    assert len(made) > 20
    assert {Image.open(io.BytesIO(pictures[0].file)).format for pictures in made.values()} == set(FORMATS)


@pytest.mark.parametrize("variant", list(files.RENDERERS))
def test_every_variant_shows_its_digit(variant: str, test_digits: Digits) -> None:
    """Preprocessing gives nearly the image that the picture was made of."""
    ink = test_digits.images[0]
    image = to_image(open_picture(files.RENDERERS[variant](ink, np.random.default_rng(0)), 10**8))
    assert np.corrcoef(image.ravel(), ink.ravel())[0, 1] > 0.75


def test_mnist_as_png_is_every_test_digit_once(samples: Samples, test_digits: Digits) -> None:
    mnist = files.mnist_as_png(test_digits)
    assert len(mnist) == 10_000
    (made,) = samples(mnist, 3).values()
    for file, label, _ in made:
        image = np.asarray(Image.open(io.BytesIO(file)))
        assert label in test_digits.labels[(test_digits.images == image).all(axis=(1, 2))]
