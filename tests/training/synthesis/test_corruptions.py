"""What happens to images on their way."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from training.synthesis import corruptions as damages
from training.synthesis.camera import Floats


def a_stroke() -> Floats:
    """(28, 28) share of ink"""
    image = np.zeros((28, 28), np.float32)
    cv2.line(image, (7, 7), (20, 20), (1,), 3)
    return image


@pytest.mark.parametrize("damage", [damage for damage, _ in damages.DAMAGES], ids=lambda damage: damage.__name__)
def test_every_damage_but_none_changes_the_image_and_keeps_its_size(damage: damages.Damage) -> None:
    whole = a_stroke()
    changed = [not np.allclose(damage(whole, np.random.default_rng(seed)), whole) for seed in range(5)]
    assert any(changed) == (damage is not damages.same)
    assert damage(whole, np.random.default_rng(0)).shape == (28, 28)
