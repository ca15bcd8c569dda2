"""What is no writing."""

from __future__ import annotations

import numpy as np

from training.synthesis import non_digits as things


def test_a_curve_goes_through_all_its_corners() -> None:
    corners = np.array([(0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 0.5)])
    curve = things.curve(corners)
    for corner in corners[:-1]:
        assert np.abs(curve - corner).sum(axis=1).min() < 1e-9


def test_a_texture_fills_its_range() -> None:
    grain = things.texture(40, np.random.default_rng(0))
    assert grain.min() < 2
    assert grain.max() > 253
