from __future__ import annotations

import numpy as np

from training.synthesis.non_digits import catmull_rom, texture


def test_a_curve_goes_through_all_its_corners() -> None:
    corners = np.array([(0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 0.5)])
    curve = catmull_rom(corners)
    for corner in corners[:-1]:
        assert np.abs(curve - corner).sum(axis=1).min() < 1e-9


def test_a_texture_fills_its_range() -> None:
    levels = texture(40, np.random.default_rng(0))
    assert levels.min() < 2
    assert levels.max() > 253
