from __future__ import annotations

import io
from collections.abc import Collection

import numpy as np
import pytest
from PIL import Image

from tests.training.evaluation.testsets.conftest import Samples, fetch
from training.datasets.pen_trajectories import PenDigits, load_pen_digits
from training.evaluation.testsets import pen_trajectories
from training.evaluation.testsets.pen_trajectories import with_corners


def test_there_is_a_variant_for_each_digit_and_its_pictures_show_ink(samples: Samples) -> None:
    made = samples(fetch(pen_trajectories.pen_trajectories), 3)
    assert list(made) == list("0123456789")
    for name, pictures in made.items():
        for file, label, _ in pictures:
            assert str(label) == name
            assert np.ptp(np.asarray(Image.open(io.BytesIO(file)).convert("L"))) > 60


def test_there_are_enough_legible_trajectories_and_none_is_used_twice(samples: Samples) -> None:
    test_set = fetch(pen_trajectories.pen_trajectories)
    eights = list(test_set.variants["8"](np.random.default_rng(0), test_set.pictures_per_variant))
    assert len(eights) == len({eight.file for eight in eights}) == 190


def test_rows_that_are_left_to_others_are_never_read(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[int] = []

    def load(remainders: Collection[int]) -> PenDigits:
        read.extend(remainders)
        return load_pen_digits(remainders)

    monkeypatch.setattr(pen_trajectories, "load_pen_digits", load)
    fetch(pen_trajectories.pen_trajectories)
    assert read == [2]


def test_a_sharp_turn_is_a_corner_and_a_bend_is_not() -> None:
    zigzag = np.array([(0.0, 0.0), (1.0, 0.0), (0.1, 0.2), (0.1, 1.0)])
    assert with_corners(zigzag).tolist() == [[0, 0], [1, 0], [1, 0], [0.1, 0.2], [0.1, 1]]
