from __future__ import annotations

import numpy as np
import pytest

from training.audit.lime import lime_values, similarity


def test_linear_game_is_explained_by_its_shares() -> None:
    shares = np.array([3.0, -2.0, 0.5, 0.0, 1.0])
    values = lime_values(lambda present: np.asarray(7 + present @ shares, np.float64), 5)
    assert values == pytest.approx(shares, abs=0.05)  # the penalty shrinks them a little


def test_images_like_the_original_count_more() -> None:
    """Near the whole image the first cell counts for 1, far from it for -1."""
    values = lime_values(
        lambda present: np.asarray(np.where(present.mean(axis=1) > 0.5, 1, -1) * present[:, 0], np.float64), 20
    )
    assert values[0] > 0.1
    assert values[0] == max(values)


def test_similarity_falls_with_every_cell_that_is_erased() -> None:
    present = np.tri(5, 5, dtype=bool)  # 1 to 5 of 5 cells
    similar = similarity(present)
    assert similar[-1] == 1
    assert (np.diff(similar) > 0).all()


def test_single_cell_counts_for_what_it_adds() -> None:
    (value,) = lime_values(lambda present: np.asarray(2.0 * present[:, 0]), 1)
    assert 0 < value < 2  # an image without any ink resembles the original so little that the penalty shrinks it
