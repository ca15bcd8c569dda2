"""Components within each other are looked at up to an area."""

from __future__ import annotations

import cv2
import numpy as np

from app.arrays import Mask
from app.segmentation.decorations.form_lines import possible_forms
from app.segmentation.decorations.regions import components_of


def nested_frames(width: int, height: int, count: int) -> Mask:
    """Each is a component of its own in the one before."""
    page = np.zeros((height, width), np.uint8)
    for index in range(count):
        inset = 3 * index
        cv2.rectangle(page, (inset, inset), (width - 1 - inset, height - 1 - inset), (255,), 1)
    return page


def test_nested_components_are_looked_at_up_to_four_areas_of_the_page() -> None:
    page = nested_frames(200, 200, 30)
    assert 4 <= len(list(components_of(page, lambda *_: True))) <= 5


def test_nested_forms_are_looked_at_up_to_four_areas_of_the_page() -> None:
    page = nested_frames(400, 200, 25)
    assert 4 <= len(list(possible_forms(page))) <= 5


def test_components_side_by_side_are_all_looked_at() -> None:
    page = np.zeros((200, 200), np.uint8)
    page[5::10, 5::10] = 255
    assert len(list(components_of(page, lambda *_: True))) == 400
