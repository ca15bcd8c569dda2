"""The strip of one line: its own ink with its soft edges, and where its middle is."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from app.segmentation.layout import connected_components
from app.segmentation.line_strip import line_strip, own_ink

SAME_PLACE = np.eye(3)


def page_of(*boxes: tuple[int, int, int, int]) -> NDArray[np.uint8]:
    """Blocks of full ink, each (left, top, width, height)."""
    page = np.zeros((100, 200), np.uint8)
    for left, top, width, height in boxes:
        page[top : top + height, left : left + width] = 255
    return page


def test_ink_keeps_its_soft_edges_and_no_haze() -> None:
    page = page_of((20, 20, 10, 60), (60, 20, 10, 60))
    page[20:80, 30:32] = 40  # too faint for a component
    page[20:80, 40:45] = 40
    components, labels = connected_components(page)
    ink = own_ink(components, page, labels)
    assert ink[30, 8:14].tolist() == [255, 255, 40, 40, 0, 0]
    assert not ink[:, 14:38].any()


def test_soft_edges_of_another_line_are_not_of_this_one() -> None:
    page = page_of((20, 20, 10, 60), (34, 40, 5, 5), (60, 20, 10, 60))
    page[40:45, 33] = 40
    components, labels = connected_components(page)
    ink = own_ink([component for component in components if component.height == 60], page, labels)
    assert not ink[:, 10:38].any()


def test_low_components_do_not_tell_where_the_line_is() -> None:
    page = page_of((20, 20, 24, 40), (60, 20, 24, 40), (100, 20, 24, 40), (140, 55, 6, 14))
    components, labels = connected_components(page)
    strip, _ = line_strip(components, page, labels, SAME_PLACE)
    assert set(strip.middle.tolist()) == {20}
