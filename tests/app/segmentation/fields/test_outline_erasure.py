"""Printed boxes that are erased where the template says that they are."""

from __future__ import annotations

import cv2
import numpy as np

from app.segmentation.fields.outline_erasure import erase_outlines_of
from app.segmentation.fields.regions import Region

BOX = Region(40, 40, 360, 100)


def boxed(cells: int = 1) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    ink = np.zeros((200, 400), np.uint8)
    for cell in range(cells):
        left, right = (round(BOX.left + BOX.width * place / cells) for place in (cell, cell + 1))
        cv2.rectangle(ink, (left, 40), (right, 100), (255,), 2)
    return ink


def test_box_is_erased_and_a_slash_from_its_top_to_its_bottom_stays() -> None:
    ink = boxed()
    slash = cv2.line(np.zeros_like(ink), (150, 104), (176, 36), (255,), 4)
    rest = erase_outlines_of(np.maximum(ink, slash), [BOX])
    assert np.count_nonzero(rest[slash > 0]) > 0.9 * np.count_nonzero(slash)
    assert np.count_nonzero(rest[slash == 0]) < 60


def test_bar_of_a_two_on_the_line_stays() -> None:
    ink = boxed()
    cv2.line(ink, (200, 93), (225, 93), (255,), 5)
    assert np.count_nonzero(erase_outlines_of(ink, [BOX])[91:96, 200:226]) > 90


def test_lines_between_the_cells_of_a_comb_are_erased() -> None:
    assert np.count_nonzero(erase_outlines_of(boxed(5), [BOX])) < 60


def test_a_box_that_lacks_a_side_is_no_outline() -> None:
    ink = boxed()
    ink[:, 350:] = 0
    assert np.array_equal(erase_outlines_of(ink, [BOX]), ink)
