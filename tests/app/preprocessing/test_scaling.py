"""Pictures are resized by the same rules everywhere."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from app.preprocessing.scaling import enlarge, halved, shrink


def test_a_picture_that_is_small_enough_stays_as_it_is() -> None:
    picture = np.zeros((30, 40), np.uint8)
    assert shrink(picture, 40) is picture


@pytest.mark.parametrize(
    ("shape", "expected"),
    [((200, 400), (50, 100)), ((400, 200, 4), (100, 50, 4)), ((1, 500), (1, 100))],
    ids=["wide", "high, in colours", "one row"],
)
def test_the_longest_side_is_reduced_and_the_shape_kept(shape: tuple[int, ...], expected: tuple[int, ...]) -> None:
    assert shrink(np.zeros(shape, np.uint8), 100).shape == expected


@pytest.mark.parametrize(
    ("shape", "expected"),
    [((200, 401), (100, 200)), ((7, 6, 4), (3, 3, 4)), ((1, 500), (1, 250))],
    ids=["an odd side", "in colours", "one row"],
)
def test_both_sides_are_halved_and_none_vanishes(shape: tuple[int, ...], expected: tuple[int, ...]) -> None:
    assert halved(np.full(shape, 9, np.uint8)).shape == expected
    assert (halved(np.full(shape, 9, np.uint8)) == 9).all()


def test_ink_is_enlarged_without_the_rules_of_one_processor() -> None:
    cv2.ipp.setUseIPP(True)
    assert enlarge(np.eye(5, dtype=np.uint8), (20, 10)).shape == (10, 20)
    assert not cv2.ipp.useIPP()
