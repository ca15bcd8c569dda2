"""The simulated writers are persons: each writes alike every time, and unlike the others."""

from __future__ import annotations

import numpy as np
import pytest

from app.preprocessing.decode import open_picture
from app.preprocessing.normalize import to_image
from training.evaluation.writers import WRITERS, Writer


def images(writer: Writer, count: int, seed: int = 0) -> dict[int, np.ndarray]:
    """A mean image of each digit."""
    found: dict[int, list[np.ndarray]] = {}
    for file, label, _ in writer.samples(count, np.random.default_rng(seed)):
        assert label is not None
        found.setdefault(label, []).append(to_image(open_picture(file, 10**6)).astype(float))
    return {label: np.mean(group, axis=0) for label, group in found.items()}


@pytest.mark.parametrize("writer", WRITERS, ids=lambda writer: writer.name)
def test_a_writer_writes_every_digit_equally_often_and_the_same_for_the_same_seed(writer: Writer) -> None:
    samples = list(writer.samples(100, np.random.default_rng(0)))
    assert np.bincount([label for _, label, _ in samples if label is not None]).tolist() == [10] * 10
    assert samples == list(writer.samples(100, np.random.default_rng(0)))
    assert len({file for file, _, _ in samples}) == 100


def test_a_hand_is_more_like_itself_than_like_another() -> None:
    first, again, other = images(WRITERS[0], 60), images(WRITERS[0], 60, seed=1), images(WRITERS[1], 60)
    for digit in set(WRITERS[0].forms) & set(WRITERS[1].forms):
        mine, apart = (np.abs(first[int(digit)] - images_[int(digit)]).mean() for images_ in (again, other))
        assert mine < apart
