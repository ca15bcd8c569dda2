"""How forms lie on their pictures, by all that a template knows."""

from __future__ import annotations

import numpy as np

from app.segmentation.fields.form_reader import find_placements
from tests.support.drawn_forms import CLOSE_UP, SMALL, blank_form, distance, photograph, template_of


def test_printed_boxes_tell_which_way_up_a_form_is() -> None:
    for quarters in range(4):
        picture = np.ascontiguousarray(np.rot90(blank_form(), -quarters))
        placements = find_placements(picture, template_of())
        assert [placement.quarters for placement in placements] == [quarters]


def test_without_boxes_all_four_turns_remain() -> None:
    placements = find_placements(blank_form(boxes=False), template_of())
    assert sorted(placement.quarters for placement in placements) == [0, 1, 2, 3]


def test_marks_place_a_form_without_boxes_and_leave_its_turns() -> None:
    for corners in (CLOSE_UP, SMALL):
        picture, true = photograph(blank_form(boxes=False, marks=True), corners)
        placements = find_placements(picture, template_of(marks=True))
        upright = [placement for placement in placements if placement.quarters == 0]
        assert {placement.found_by for placement in placements} == {"marks"}
        assert distance(upright[0], true) < 4


def test_anchors_are_looked_for_if_there_are_no_marks() -> None:
    picture, true = photograph(blank_form(boxes=False), CLOSE_UP)
    (placement,) = find_placements(picture, template_of(marks=True, anchors=True))
    assert placement.found_by == "anchors"
    assert distance(placement, true) < 8
