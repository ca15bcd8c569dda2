"""The edges of sheets that were not found."""

from __future__ import annotations

import cv2
import numpy as np

from app.arrays import Ink
from app.preprocessing.components import binarize
from app.segmentation.decorations.paper_edges import without_paper_edges

BROKEN_EDGE = ((640, 60), (600, 900))  # its ends, x and y


def zeros() -> Ink:
    """Three lines of zeros, 60 pixels high, on a page of 1000 by 700."""
    page = np.zeros((1000, 700), np.uint8)
    for y in (200, 450, 700):
        for x in (150, 230, 310):
            cv2.ellipse(page, (x, y), (22, 30), 0, 0, 360, (255,), 6)
    return page


def test_pieces_of_a_sheets_edge_are_erased_and_digits_are_not() -> None:
    page = zeros()
    cv2.line(page, *BROKEN_EDGE, (20,), 3)
    for y in (100, 300, 600):  # as high as the digits
        cv2.line(page, (638 - y // 21, y), (638 - (y + 60) // 21, y + 60), (160,), 3)
    assert np.array_equal(binarize(without_paper_edges(page)), binarize(zeros()))


def test_a_column_of_ones_is_no_edge_of_a_sheet() -> None:
    page = zeros()
    for y in range(100, 900, 90):
        cv2.line(page, (500, y), (500, y + 65), (255,), 6)
    assert np.array_equal(without_paper_edges(page), page)


def test_an_underline_by_the_pen_is_no_edge_of_a_sheet() -> None:
    page = zeros()
    cv2.line(page, (120, 745), (620, 745), (255,), 6)
    assert np.array_equal(without_paper_edges(page), page)


def test_a_digit_that_touches_the_edge_of_a_sheet_stays() -> None:
    page = zeros()
    cv2.line(page, (334, 100), (334, 900), (200,), 3)
    assert cv2.countNonZero(without_paper_edges(page)[400:500]) >= cv2.countNonZero(zeros()[400:500])


def test_a_digit_higher_than_half_of_the_page_is_no_edge_of_a_sheet() -> None:
    page = np.zeros((300, 200), np.uint8)
    cv2.line(page, (100, 30), (90, 270), (255,), 10)
    assert np.array_equal(without_paper_edges(page), page)
