from __future__ import annotations

import cv2
import numpy as np
import pytest

from training.synthesis.camera import FloatImage
from training.synthesis.corruptions import CORRUPTIONS, Corruption, unchanged


def draw_stroke() -> FloatImage:
    """(28, 28): ink, 0 to 1."""
    image = np.zeros((28, 28), np.float32)
    cv2.line(image, (7, 7), (20, 20), (1,), 3)
    return image


@pytest.mark.parametrize("corruption", [corruption for corruption, _ in CORRUPTIONS], ids=lambda kind: kind.__name__)
def test_every_corruption_but_none_changes_the_image_and_keeps_its_size(corruption: Corruption) -> None:
    image = draw_stroke()
    changed = [not np.allclose(corruption(image, np.random.default_rng(seed)), image) for seed in range(5)]
    assert any(changed) == (corruption is not unchanged)
    assert corruption(image, np.random.default_rng(0)).shape == (28, 28)
