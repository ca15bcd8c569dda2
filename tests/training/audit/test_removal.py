from __future__ import annotations

import numpy as np
import pytest

from training.audit.removal import POINTS, RemovalCurves, mean_curves, removal_coalitions, to_curves


def test_cells_go_and_come_in_the_order_of_their_values() -> None:
    deletion, insertion = np.split(removal_coalitions(np.array([1.0, 3.0, 2.0])), 2)
    assert deletion.astype(int).tolist() == [[1, 1, 1], [1, 0, 1], [1, 0, 0], [0, 0, 0]]
    assert insertion.astype(int).tolist() == [[0, 0, 0], [0, 1, 0], [0, 1, 1], [1, 1, 1]]


def test_right_explanation_has_less_area_under_deletion_and_more_under_insertion() -> None:
    """A digit that one cell decides."""

    def areas(values: list[float]) -> tuple[float, float]:
        present = removal_coalitions(np.array(values))
        return to_curves(present[:, 2].astype(np.float32)).areas

    right, wrong = areas([0, 1, 5, 2]), areas([5, 2, 0, 1])
    assert (right[0] < 0.2, wrong[0] > 0.8) == (True, True)
    assert (right[1] > 0.8, wrong[1] < 0.2) == (True, True)


def test_curves_of_digits_with_unequally_many_cells_have_one_mean() -> None:
    curves = [to_curves(np.linspace(0, 1, n).repeat(2)) for n in (3, 8)]
    mean = mean_curves(curves)
    assert isinstance(mean, RemovalCurves)
    assert mean.deletion.shape == mean.insertion.shape == (POINTS,)


def test_area_of_a_constant_is_the_constant() -> None:
    assert to_curves(np.full(10, 0.3)).areas == pytest.approx((0.3, 0.3))
