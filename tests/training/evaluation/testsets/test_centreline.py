from __future__ import annotations

import cv2
import numpy as np
import pytest

from training.datasets.mnist import Digits
from training.evaluation.testsets.centreline import draw_centreline, extract_centreline
from training.evaluation.testsets.rendering import Placement

BAR = np.zeros((28, 28), np.uint8)
BAR[4:24, 12:16] = 255


def test_the_longer_side_goes_from_zero_to_one_and_the_shorter_is_in_the_middle() -> None:
    points = extract_centreline(BAR).points
    assert (points[:, 1].min(), points[:, 1].max()) == pytest.approx((0, 1))
    assert points[:, 0] == pytest.approx(0.5, abs=0.05)


def test_specks_beside_the_digit_are_removed() -> None:
    speckled = BAR.copy()
    speckled[10, 21:26] = 255
    assert extract_centreline(speckled).points[:, 0] == pytest.approx(0.5, abs=0.05)


def test_it_is_drawn_at_its_place_with_the_width_of_the_pen() -> None:
    ink = draw_centreline(extract_centreline(BAR), Placement((200, 100), 100, (0, 50)), 9)
    x, y, width, height = cv2.boundingRect(ink)
    assert abs(x + width / 2 - 50) < 3
    assert y == pytest.approx(46, abs=2)
    assert height == pytest.approx(109, abs=4)
    assert width == pytest.approx(11, abs=3)


def test_every_digit_has_a_centre_line_within_its_ink(test_digits: Digits) -> None:
    for ink in test_digits.images[:50]:
        line = extract_centreline(ink)
        assert line.points.min() > -1e-9
        assert line.points.max() < 1 + 1e-9
        assert line.segments.max() < len(line.points)
