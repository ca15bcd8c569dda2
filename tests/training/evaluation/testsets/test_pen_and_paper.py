from __future__ import annotations

import io

import cv2
import numpy as np
import pytest
from PIL import Image

from training.evaluation.testsets.pen_and_paper import (
    PICTURE_SIDES,
    Pen,
    at_equal_distances,
    draw,
    relative_speeds,
    smooth_curve,
    write,
)

ARCH = np.array([(0.0, 1.0), (0.5, 0.0), (1.0, 1.0)])
BAR = np.array([(0.0, 0.0), (0.0, 1.0)])


def bend(curve: np.ndarray) -> float:
    """The sharpest turn between two points, in degrees."""
    steps = np.diff(curve, axis=0)
    headings = np.unwrap(np.arctan2(steps[:, 1], steps[:, 0]))
    return float(np.degrees(np.abs(np.diff(headings)).max()))


def test_a_curve_goes_smoothly_through_its_control_points() -> None:
    curve = smooth_curve(ARCH)
    assert all(np.hypot(*(curve - corner).T).min() < 1e-9 for corner in ARCH)
    assert bend(curve) < 45


def test_a_point_that_stands_twice_is_a_corner() -> None:
    assert bend(smooth_curve(np.repeat(ARCH, [1, 2, 1], axis=0))) > 100


def test_points_lie_at_equal_distances_on_the_same_path() -> None:
    points = at_equal_distances(np.array([(0.0, 0.0), (3.0, 0.0), (3.0, 1.0)]), 0.5)
    assert points[[0, 6, 8]].tolist() == [[0, 0], [3, 0], [3, 1]]
    assert np.hypot(*np.diff(points, axis=0).T) == pytest.approx(0.5)


def test_a_hand_is_slow_in_turns_and_fast_on_straight_lines() -> None:
    speeds = relative_speeds(at_equal_distances(np.array([(0.0, 0.0), (1.0, 0.0), (1.0, 1.0)]), 0.025))
    assert speeds.argmin() == pytest.approx(40, abs=2)
    assert speeds[10] > 0.9
    assert speeds.min() < -0.5


def test_a_wider_pen_leaves_more_ink() -> None:
    masses = [draw([BAR], Pen(width, 0), (200, 200), np.random.default_rng(0)).sum() for width in (0.03, 0.06, 0.11)]
    assert masses == sorted(masses)
    assert masses[2] > 2 * masses[0]


def test_a_pen_with_contrast_is_thinner_on_straight_lines() -> None:
    even, contrasting = (
        draw([BAR], Pen(0.1, contrast), (200, 200), np.random.default_rng(0)).sum() for contrast in (0.0, 0.5)
    )
    assert contrasting < 0.7 * even


@pytest.mark.parametrize("side", PICTURE_SIDES)
def test_all_ink_is_on_the_sheet(side: int) -> None:
    rng = np.random.default_rng(0)
    for _ in range(20):
        ink = draw([smooth_curve(ARCH)], Pen(0.11, 0.5), (side, side), rng)
        _, _, width, height = cv2.boundingRect(ink)
        edges = (ink[0], ink[-1], ink[:, 0], ink[:, -1])
        assert max(edge.max() for edge in edges) < 200  # a stroke that is cut off leaves 255
        assert max(width, height) > 0.4 * side


def test_pictures_are_png_and_jpeg_files_within_the_range_of_sizes() -> None:
    rng = np.random.default_rng(0)
    pictures = [Image.open(io.BytesIO(write([ARCH], rng))) for _ in range(30)]
    assert {picture.format for picture in pictures} == {"PNG", "JPEG"}
    sides = [side for picture in pictures for side in picture.size]
    assert min(sides) >= PICTURE_SIDES[0]
    assert max(sides) <= PICTURE_SIDES[1]
    assert max(sides) > 2 * min(sides)
