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


def test_there_are_more_than_twenty_and_they_are_of_every_format_that_is_read(
    samples: Samples, test_digits: Digits
) -> None:
    made = samples(files.kind(test_digits), 1)
    assert len(made) > 20
    assert {Image.open(io.BytesIO(each[0].file)).format for each in made.values()} == set(FORMATS)


@pytest.mark.parametrize("variant", list(files.DRAW))
def test_every_one_shows_the_digit_it_is_made_of(variant: str, test_digits: Digits) -> None:
    """What the service makes of it is nearly the image it was made of."""
    ink = test_digits.images[0]
    read = to_image(open_picture(files.DRAW[variant](ink, np.random.default_rng(0)), 10**8))
    assert np.corrcoef(read.ravel(), ink.ravel())[0, 1] > 0.75


def test_the_plain_kind_is_every_test_digit_once(samples: Samples, test_digits: Digits) -> None:
    kind = files.plain_kind(test_digits)
    assert len(kind) == 10_000
    (made,) = samples(kind, 3).values()
    for file, label in made:
        image = np.asarray(Image.open(io.BytesIO(file)))
        assert label in test_digits.labels[(test_digits.images == image).all(axis=(1, 2))]
