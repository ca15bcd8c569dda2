from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from tests.training.evaluation.testsets.conftest import Samples, fetch
from training.evaluation.testsets import external


def pixels(file: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(file)))


def test_the_small_scans_are_1797_digits_of_8_by_8(samples: Samples) -> None:
    scans = fetch(external.small_scans)
    assert len(scans) == 2 * 1797
    plain, inverted = (samples(scans, 3)[name][0] for name in ("as they are", "dark on light"))
    assert pixels(plain.file).shape == (8, 8)
    assert pixels(plain.file).max() == 255
    assert plain.label in range(10)
    assert pixels(inverted.file)[0, 0] == 255


@pytest.mark.slow
def test_clothing_is_alternately_light_on_black_and_dark_on_white(samples: Samples) -> None:
    made = samples(fetch(external.clothing), 2)
    assert len(made) == 10
    for first, second in made.values():
        assert pixels(first.file).shape == (28, 28)
        assert pixels(first.file)[0, 0] < 20
        assert pixels(second.file)[0, 0] > 235


def test_crops_of_photos_are_of_several_sizes_and_places(samples: Samples) -> None:
    made = samples(fetch(external.photos_of_other_things), 5)
    assert len(made) == 10
    for crops in made.values():
        assert [pixels(crop.file).shape for crop in crops[:3]] == [(28, 28, 3), (64, 64, 3), (128, 128, 3)]
        assert crops[0].file != crops[4].file
