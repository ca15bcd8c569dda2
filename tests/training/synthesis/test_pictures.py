from __future__ import annotations

import numpy as np

from training.synthesis.glyphs import NON_DIGIT, Sources
from training.synthesis.pictures import random_picture


def test_pictures_are_what_the_network_will_see_and_both_digits_and_non_digits(sources: Sources) -> None:
    rng = np.random.default_rng(0)
    pictures = [random_picture(sources, rng) for _ in range(150)]
    assert {image.shape for image, _ in pictures} == {(28, 28)}
    labels = np.array([label for _, label in pictures])
    assert set(labels) == set(range(11))
    assert 0.2 < (labels == NON_DIGIT).mean() < 0.5


def test_a_picture_is_a_function_of_its_generator(sources: Sources) -> None:
    image, label = random_picture(sources, np.random.default_rng(5))
    same_image, same_label = random_picture(sources, np.random.default_rng(5))
    assert label == same_label
    assert np.array_equal(image, same_image)
