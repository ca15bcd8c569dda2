from __future__ import annotations

import cv2
import numpy as np

from training.thinning import Shape, thin

BAR = np.zeros((28, 28), np.bool_)
BAR[4:24, 12:16] = True


def ring(side: int, radius: int) -> Shape:
    canvas = np.zeros((side, side), np.uint8)
    cv2.circle(canvas, (side // 2, side // 2), radius, (1,), 7)
    return canvas > 0


def count_components(shape: Shape, connectivity: int) -> int:
    return cv2.connectedComponents(shape.astype(np.uint8), connectivity=connectivity)[0] - 1


def test_a_thick_bar_becomes_a_line_in_its_middle() -> None:
    skeleton = thin(BAR)
    assert skeleton.sum(axis=1).max() == 1
    assert set(np.nonzero(skeleton)[1]) <= {13, 14}


def test_a_ring_stays_one_closed_ring() -> None:
    shape = ring(40, 14)
    skeleton = thin(shape)
    assert skeleton.sum() < shape.sum() / 4
    assert count_components(skeleton, connectivity=8) == 1
    assert count_components(~skeleton, connectivity=4) == 2  # its inside and its outside


def test_a_thinned_stroke_is_one_pixel_wide_and_in_one_piece() -> None:
    skeleton = thin(ring(60, 20))
    assert count_components(skeleton, connectivity=8) == 1
    assert abs(skeleton.sum() - 2 * np.pi * 20 * 0.9) < 15  # a diagonal step counts one pixel and is 1.4 long
    assert not cv2.erode(skeleton.astype(np.uint8), np.ones((2, 2), np.uint8)).any()


def test_the_shape_itself_is_not_changed() -> None:
    before = BAR.copy()
    thin(BAR)
    assert np.array_equal(BAR, before)
