"""Forms found by what is printed on them."""

from __future__ import annotations

import numpy as np

from app.segmentation.fields.anchors import place_by_anchors
from app.segmentation.fields.placement import whole_picture
from tests.support.drawn_forms import CLOSE_UP, SMALL, blank_form, distance, photograph, template_of

ANCHORS = template_of(anchors=True).anchors or ()


def test_form_is_found_by_its_labels_without_its_outline() -> None:
    for corners in (CLOSE_UP, SMALL):
        picture, true = photograph(blank_form(boxes=False), corners)
        placement = place_by_anchors(picture, [whole_picture(picture)], ANCHORS)
        assert placement is not None
        assert placement.found_by == "anchors"
        assert distance(placement, true) < 8


def test_form_upside_down_is_found_in_its_turn() -> None:
    picture = np.ascontiguousarray(blank_form()[::-1, ::-1])
    whole = whole_picture(picture)
    placement = place_by_anchors(picture, [whole, whole.turned(2)], ANCHORS)
    assert placement is not None
    assert placement.quarters == 2


def test_another_form_is_not_taken_for_it() -> None:
    other = blank_form()
    other[:, :170] = 240
    assert place_by_anchors(other, [whole_picture(other)], ANCHORS) is None
