from __future__ import annotations

import numpy as np

from tests.training.evaluation.testsets.conftest import Samples
from training.datasets.mnist import Digits
from training.evaluation.testsets.base import TestSet, digit_variant, non_digit_variant

DIGITS = Digits(np.arange(6, dtype=np.uint8).reshape(6, 1, 1), np.arange(6, dtype=np.uint8))
NUMBERED = TestSet("name", "", {name: digit_variant(DIGITS, lambda ink, _: ink.tobytes()) for name in ("a", "b")}, 4)


def test_length_is_that_of_its_samples() -> None:
    assert len(NUMBERED) == len(list(NUMBERED.samples())) == 8


def test_the_same_pictures_are_made_each_time_and_others_for_each_variant(samples: Samples) -> None:
    first, second = samples(NUMBERED, 6), samples(NUMBERED, 6)
    assert first == second
    assert first["a"] != first["b"]


def test_no_digit_is_used_twice_and_every_digit_keeps_its_label(samples: Samples) -> None:
    made = samples(NUMBERED, 100)["a"]
    assert sorted(sample.label for sample in made if sample.label is not None) == [0, 1, 2, 3, 4, 5]
    assert all(sample.file == bytes([sample.label or 0]) for sample in made)


def test_pictures_of_non_digits_have_no_label(samples: Samples) -> None:
    noise = TestSet("name", "", {"a": non_digit_variant(lambda rng: rng.bytes(4))}, 3)
    made = samples(noise, 3)["a"]
    assert [sample.label for sample in made] == [None] * 3
    assert len({sample.file for sample in made}) == 3
