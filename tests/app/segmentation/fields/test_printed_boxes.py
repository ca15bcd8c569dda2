"""Placements of forms, improved by the boxes that are printed on them."""

from __future__ import annotations

import numpy as np

from app.segmentation.fields.placement import of_corners, whole_picture
from app.segmentation.fields.printed_boxes import Sides, refine, search
from tests.support.drawn_forms import CLOSE_UP, SMALL, blank_form, distance, photograph, template_of

SIDES = Sides.of(template_of().fields.values())


def test_outline_that_was_found_badly_is_mended() -> None:
    picture, true = photograph(blank_form(), SMALL)
    badly = of_corners(true.corners + np.array([(9, 6), (-8, 7), (6, -10), (-5, 8)]), "sheet")
    mended = refine(picture, badly, SIDES)
    assert mended.support > 0.9
    assert distance(mended, true) < 4


def test_close_up_without_an_outline_is_placed_by_its_boxes() -> None:
    picture, true = photograph(blank_form(), CLOSE_UP)
    placement = refine(picture, whole_picture(picture), SIDES)
    assert placement.found_by == "boxes"
    assert distance(placement, true) < 4


def test_form_that_is_small_on_its_picture_is_searched_for() -> None:
    picture, true = photograph(blank_form(), SMALL)
    found = search(picture, whole_picture(picture), SIDES)
    assert found is not None
    assert distance(refine(picture, found, SIDES), true) < 4


def test_without_boxes_a_placement_stays_as_it_is_and_has_no_support() -> None:
    picture = blank_form(boxes=False)
    whole = whole_picture(picture)
    placement = refine(picture, whole, SIDES)
    assert placement.support < 0.2
    assert placement.found_by == "picture"


def test_form_upside_down_has_its_boxes_elsewhere() -> None:
    whole = whole_picture(blank_form())
    upside_down = refine(blank_form(), whole.turned(2), SIDES)
    assert upside_down.support + 0.3 < refine(blank_form(), whole, SIDES).support
