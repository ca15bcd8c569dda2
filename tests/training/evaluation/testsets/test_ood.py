from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from tests.training.evaluation.testsets.conftest import Samples
from training.datasets.mnist import Digits
from training.evaluation.testsets import ood
from training.evaluation.testsets.base import TestSet

DRAWINGS = [ood.shapes(), ood.shapes_like_digits(), ood.scribbles()]


@pytest.mark.parametrize("test_set", [ood.noise(), *DRAWINGS], ids=lambda test_set: test_set.name)
def test_pictures_of_a_variant_differ_and_show_something(test_set: TestSet, samples: Samples) -> None:
    for made in samples(test_set, 4).values():
        assert len({sample.file for sample in made}) == 4
        assert all(sample.label is None for sample in made)
        assert all(np.ptp(np.asarray(Image.open(io.BytesIO(sample.file)))) > 20 for sample in made)


@pytest.mark.parametrize("test_set", DRAWINGS, ids=lambda test_set: test_set.name)
def test_drawings_stay_on_the_canvas(test_set: TestSet, samples: Samples) -> None:
    for made in samples(test_set, 8).values():
        for file, *_ in made:
            pixels = np.asarray(Image.open(io.BytesIO(file)))
            edge = np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])
            assert len(np.unique(edge, axis=0)) == 1


def test_several_digits_are_side_by_side_and_apart(samples: Samples, test_digits: Digits) -> None:
    for how_many, made in zip((2, 3, 4), samples(ood.several_digits(test_digits), 5).values(), strict=True):
        for file, label, _ in made:
            pixels = np.asarray(Image.open(io.BytesIO(file))).astype(int)
            columns = np.abs(pixels - pixels[0, 0]).max(axis=(0, 2)) > 0
            assert np.count_nonzero(np.diff(columns, prepend=False) & columns) >= how_many
            assert label is None
