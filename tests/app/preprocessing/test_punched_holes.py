"""A row of holes along an edge of the paper is not ink; what is written is no row of holes."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import pytest

from app.arrays import Grayscale, Image
from app.errors import SeveralDigits
from app.preprocessing.clutter import remove_clutter
from app.preprocessing.ink import extract_ink
from app.preprocessing.normalize import preprocess
from tests.support.pictures import assert_alike, image_of, sheet

Turn = Callable[[Grayscale], Grayscale]
TURNS: list[Turn] = [lambda leaf: leaf, np.fliplr, np.flipud, np.transpose]


def leaf_with_holes(count: int, radius: int = 12, thickness: int = cv2.FILLED, at: int = 24) -> Grayscale:
    """A white leaf with holes along its left edge."""
    leaf = np.full((400, 400), 255, np.uint8)
    for along in np.linspace(40, 360, count).astype(int).tolist():
        cv2.circle(leaf, (at, along), radius, (60,), thickness, cv2.LINE_AA)
    return leaf


@pytest.mark.parametrize("count", [2, 3, 4, 9])
@pytest.mark.parametrize("thickness", [cv2.FILLED, 2], ids=["filled", "rings"])
def test_holes_along_an_edge_are_not_ink(count: int, thickness: int, one_of_each: list[Image]) -> None:
    for digit in one_of_each:
        leaf = leaf_with_holes(count, thickness=thickness)
        leaf[110:290, 110:290] = sheet(digit)
        assert_alike(image_of(leaf), image_of(sheet(digit)))


@pytest.mark.parametrize("turn", TURNS, ids=["left", "right", "top", "bottom"])
def test_they_may_be_along_any_edge(turn: Turn, one_of_each: list[Image]) -> None:
    leaf = np.ascontiguousarray(turn(leaf_with_holes(4)))
    leaf[110:290, 110:290] = sheet(one_of_each[3])
    assert_alike(image_of(leaf), image_of(sheet(one_of_each[3])))


def test_the_holes_and_wires_of_a_spiral_are_not_several_digits(one_of_each: list[Image]) -> None:
    leaf = leaf_with_holes(12, radius=7, at=20)
    for along in np.linspace(40, 360, 12).astype(int).tolist():
        cv2.line(leaf, (20, along), (0, along + 3), (160,), 4, cv2.LINE_AA)
    leaf[110:290, 110:290] = sheet(one_of_each[5])
    assert_alike(preprocess(leaf, max_digits=7), image_of(sheet(one_of_each[5])))


@pytest.mark.parametrize(
    "leaf",
    [leaf_with_holes(1), leaf_with_holes(3, at=80), leaf_with_holes(13), leaf_with_holes(3, radius=24, at=30)],
    ids=["one", "inside", "dense", "large"],
)
def test_one_hole_and_a_row_inside_or_dense_or_large_are_kept(leaf: Grayscale, one_of_each: list[Image]) -> None:
    leaf[110:290, 210:390] = sheet(one_of_each[3])
    ink = extract_ink(leaf)
    assert remove_clutter(ink) is ink


def test_holes_of_different_sizes_are_kept(one_of_each: list[Image]) -> None:
    leaf = leaf_with_holes(1, radius=16)
    cv2.circle(leaf, (24, 300), 7, (60,), cv2.FILLED, cv2.LINE_AA)
    leaf[110:290, 110:290] = sheet(one_of_each[3])
    ink = extract_ink(leaf)
    assert remove_clutter(ink) is ink


def test_a_division_sign_or_a_colon_alone_keeps_its_dots() -> None:
    """Nothing longer than the dots is further inside."""
    leaf = leaf_with_holes(2)
    ink = extract_ink(leaf)
    assert remove_clutter(ink) is ink


def test_several_digits_beside_holes_are_refused(one_of_each: list[Image]) -> None:
    leaf = np.full((700, 700), 255, np.uint8)
    leaf[:400, :400] = leaf_with_holes(3)
    for row in range(3):
        for column in range(3):
            leaf[90 + row * 190 : 270 + row * 190, 90 + column * 190 : 270 + column * 190] = sheet(one_of_each[3])
    with pytest.raises(SeveralDigits):
        preprocess(leaf, max_digits=7)
