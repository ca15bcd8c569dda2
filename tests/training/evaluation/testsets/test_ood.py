from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from tests.training.evaluation.testsets.conftest import Samples
from training.datasets.mnist import Digits
from training.evaluation.testsets import ood
from training.evaluation.testsets.base import Kind

DRAWN = [ood.shapes_kind(), ood.shapes_like_digits_kind(), ood.scribbles_kind()]


@pytest.mark.parametrize("kind", [ood.noise_kind(), *DRAWN], ids=lambda kind: kind.name)
def test_every_variant_is_varied_and_shows_something(kind: Kind, samples: Samples) -> None:
    for made in samples(kind, 4).values():
        assert len({each.file for each in made}) == 4
        assert all(each.label is None for each in made)
        assert all(np.ptp(np.asarray(Image.open(io.BytesIO(each.file)))) > 20 for each in made)


@pytest.mark.parametrize("kind", DRAWN, ids=lambda kind: kind.name)
def test_what_is_drawn_stays_on_the_canvas(kind: Kind, samples: Samples) -> None:
    for made in samples(kind, 8).values():
        for file, _ in made:
            pixels = np.asarray(Image.open(io.BytesIO(file)))
            edge = np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])
            assert len(np.unique(edge, axis=0)) == 1


def test_several_digits_are_side_by_side_and_apart(samples: Samples, test_digits: Digits) -> None:
    for how_many, made in zip((2, 3, 4), samples(ood.several_kind(test_digits), 5).values(), strict=True):
        for file, label in made:
            pixels = np.asarray(Image.open(io.BytesIO(file))).astype(int)
            columns = np.abs(pixels - pixels[0, 0]).max(axis=(0, 2)) > 0
            assert np.count_nonzero(np.diff(columns, prepend=False) & columns) >= how_many
            assert label is None
