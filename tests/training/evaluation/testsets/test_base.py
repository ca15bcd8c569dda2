from __future__ import annotations

import numpy as np

from tests.training.evaluation.testsets.conftest import Samples
from training.datasets.mnist import Digits
from training.evaluation.testsets.base import Kind, of_digits, of_no_digit

DIGITS = Digits(np.arange(6, dtype=np.uint8).reshape(6, 1, 1), np.arange(6, dtype=np.uint8))
NUMBERED = Kind("k", "", {name: of_digits(DIGITS, lambda ink, _: ink.tobytes()) for name in ("a", "b")}, each=4)


def test_its_length_is_that_of_its_samples() -> None:
    assert len(NUMBERED) == len(list(NUMBERED.samples())) == 8


def test_the_same_pictures_are_made_each_time_and_others_for_each_variant(samples: Samples) -> None:
    first, second = samples(NUMBERED, 6), samples(NUMBERED, 6)
    assert first == second
    assert first["a"] != first["b"]


def test_no_digit_is_used_twice_and_each_keeps_its_label(samples: Samples) -> None:
    made = samples(NUMBERED, 100)["a"]
    assert sorted(each.label for each in made if each.label is not None) == [0, 1, 2, 3, 4, 5]
    assert all(each.file == bytes([each.label or 0]) for each in made)


def test_pictures_of_no_digit_have_no_label(samples: Samples) -> None:
    made = samples(Kind("k", "", {"a": of_no_digit(lambda rng: rng.bytes(4))}, each=3), 3)["a"]
    assert [each.label for each in made] == [None] * 3
    assert len({each.file for each in made}) == 3
