"""Open combs: teeth that are lower than the digits between them, and digits that look like teeth."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from app.arrays import Ink
from app.preprocessing.components import binarize
from app.segmentation.decorations.form_lines import find_form_lines
from app.segmentation.decorations.undecorated import without_decorations
from tests.app.segmentation.decorations.test_enclosures import seen_from_below
from tests.support.drawn_pages import bars, sheet

LEFT, BASE, CELL = 60, 200, 60  # pixels


def comb(ink: Ink, cells: int, teeth: int, ends: int) -> Ink:
    """`teeth` and `ends`: their heights."""
    right = LEFT + cells * CELL
    cv2.line(ink, (LEFT, BASE), (right, BASE), (255,), 2)
    for x in range(LEFT, right + 1, CELL):
        cv2.line(ink, (x, BASE), (x, BASE - (ends if x in (LEFT, right) else teeth)), (255,), 2)
    return ink


def ones(cells: int) -> Ink:
    """One in the middle of each cell, above the line."""
    return bars(sheet(width=500), *((LEFT + CELL // 2 + i * CELL, BASE - 48) for i in range(cells)))


def boxes(ink: Ink) -> int:
    return cv2.connectedComponents(binarize(without_decorations(ink).ink))[0] - 1


@pytest.mark.parametrize("lean", [0, 0.04])
@pytest.mark.parametrize(("cells", "teeth", "ends"), [(6, 20, 20), (6, 20, 70), (3, 20, 70), (2, 16, 60), (5, 48, 70)])
def test_teeth_are_erased_and_ones_between_them_stay(cells: int, teeth: int, ends: int, lean: float) -> None:
    assert boxes(seen_from_below(comb(ones(cells), cells, teeth, ends), lean)) == cells


@pytest.mark.parametrize("turns", [0, 2])
def test_an_empty_comb_is_blank_whichever_way_up(turns: int) -> None:
    empty = np.ascontiguousarray(np.rot90(comb(ones(0), 6, 20, 70), turns))
    assert not without_decorations(empty).ink.any()


def test_a_line_that_goes_on_beyond_its_teeth_is_a_comb() -> None:
    ink = comb(ones(6), 6, 20, 20)
    for x in (LEFT, LEFT + 6 * CELL):
        ink[: BASE - 1, x - 4 : x + 5] = 0
    assert boxes(ink) == 6


@pytest.mark.parametrize("overhang", [0, 12])
@pytest.mark.parametrize("places", [(0, 30, 62, 90), (0, 52, 100, 156)])
def test_ones_that_stand_on_their_underline_are_no_teeth(places: tuple[int, ...], overhang: int) -> None:
    number = bars(sheet(), *((LEFT + x, BASE - 50 + x % 4) for x in places), height=50)
    cv2.line(number, (LEFT - overhang, BASE), (LEFT + places[-1] + 5 + overhang, BASE), (255,), 3)
    assert find_form_lines(binarize(number)) is None


def test_a_one_amid_an_open_box_is_no_tooth() -> None:
    box = comb(sheet(), 3, 0, 80)
    number = bars(box, (LEFT + 40, BASE - 60), (LEFT + 90, BASE - 50), (LEFT + 130, BASE - 58), height=50)
    assert boxes(number) == 3


def test_digits_across_a_line_make_no_comb() -> None:
    number = bars(sheet(), *((LEFT + x, BASE - 25) for x in (0, 60, 120, 180)), height=50)
    cv2.line(number, (LEFT, BASE), (LEFT + 185, BASE), (255,), 3)
    assert find_form_lines(binarize(number)) is None
