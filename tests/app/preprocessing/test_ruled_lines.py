"""Ruled lines are found and erased; strokes are not taken for lines."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from app.arrays import Grayscale, Ink
from app.errors import BlankPicture
from app.preprocessing.ruled_lines import find_level_lines, remove_faint_lines
from tests.support.picture_kinds import photographed
from tests.support.pictures import image_of


def ink_across(slope: float, thickness: int, end: int = 300) -> Ink:
    """A line from the left edge on, through the middle of 200 x 300 pixels."""
    strokes = np.zeros((200, 300), np.uint8)
    rise = round(150 * slope)
    cv2.line(strokes, (0, 100 - rise), (end, 100 + rise), (255,), thickness)
    return strokes


def two_ends() -> Ink:
    """A thin line over six tenths of the width, and from the other edge a piece of another."""
    return np.maximum(ink_across(0, 1, end=180), np.flip(ink_across(0.1, 1, end=30)))


def dense_grain() -> Ink:
    return np.where(np.random.default_rng(0).random((200, 300)) < 0.6, np.uint8(255), np.uint8(0))


@pytest.mark.parametrize("slope", [-0.12, -0.03, 0, 0.07, 0.14])
def test_line_across_the_picture_is_found_and_the_digit_beside_it_is_not(slope: float) -> None:
    line, digit = ink_across(slope, 2), np.zeros((200, 300), np.uint8)
    cv2.circle(digit, (150, 55), 30, (255,), 8)
    found = find_level_lines(np.maximum(line, digit))
    assert found is not None
    assert found[line > 0].all()
    assert not found[digit > 0].any()


@pytest.mark.parametrize(
    "strokes",
    [ink_across(0, 12), ink_across(0.3, 2), ink_across(0, 2, end=280), two_ends(), dense_grain()],
    ids=["a stroke of the pen", "too steep", "not to the edge", "two ends", "dense grain"],
)
def test_other_ink_is_not_a_line(strokes: Ink) -> None:
    assert find_level_lines(strokes) is None


def test_ruled_paper_without_ink_is_blank() -> None:
    paper = np.full((200, 300), 220, np.uint8)
    paper[20::25] = 90
    with pytest.raises(BlankPicture):
        image_of(paper)


@pytest.mark.parametrize("pen", [3, 4, 5, 8])
def test_a_stroke_from_edge_to_edge_is_no_ruled_line(pen: int) -> None:
    """A seven is as wide as its canvas; a bar that is thinner or fainter than its other stroke is a ruled line."""

    def canvas(bar: int, level: int) -> Grayscale:
        sheet = np.full((500, 500), 255, np.uint8)
        cv2.line(sheet, (0, 50), (499, 55), (level,), bar, cv2.LINE_AA)
        return np.asarray(cv2.line(sheet, (499, 50), (200, 480), (0,), pen, cv2.LINE_AA), np.uint8)

    has_bar = [image_of(canvas(bar, level))[:12, 4:12].max() > 100 for bar, level in ((pen, 0), (1, 160))]
    assert has_bar == [True, False]


@pytest.mark.parametrize("pen", [3, 5])
def test_one_upright_stroke_from_edge_to_edge_is_a_one(pen: int) -> None:
    sheet = np.full((500, 500), 255, np.uint8)
    cv2.line(sheet, (250, 0), (250, 499), (0,), pen, cv2.LINE_AA)
    assert image_of(sheet)[4:24, 13:16].all(axis=0).any()


def test_faint_lines_that_break_are_erased_and_a_stroke_across_them_stays() -> None:
    ink = np.zeros((300, 400), np.uint8)
    ink[40::40] = 60
    ink[:, 100:107] = 0  # they break
    cv2.line(ink, (200, 60), (190, 200), (230,), 5)
    rest = remove_faint_lines(ink)
    assert np.array_equal(rest > 110, ink > 110)
    assert not rest[:, :150].any()


def test_page_without_faint_lines_stays_as_it_is() -> None:
    ink = np.zeros((300, 400), np.uint8)
    cv2.line(ink, (200, 60), (190, 200), (255,), 5)
    assert remove_faint_lines(ink) is ink


def test_faint_lines_go_with_their_darker_middles() -> None:
    ink = np.zeros((300, 400), np.uint8)
    ink[40::40], ink[41::40] = 60, 130
    cv2.line(ink, (200, 60), (190, 200), (255,), 5)
    assert not remove_faint_lines(ink)[:, :150].any()


def test_digits_that_are_fainter_than_others_are_no_lines() -> None:
    """Half of a display's dots shine less, so close to each other that their rows are lines."""
    ink = np.zeros((120, 400), np.uint8)
    for x in range(20, 380, 9):
        for y in range(20, 100, 9):
            ink[y : y + 8, x : x + 8] = 255 if x < 200 else 140
            ink[y : y + 8, x + 8] = 60 if x >= 200 else 0
    assert remove_faint_lines(ink) is ink


def test_a_stroke_that_is_darker_than_a_soft_shadow_stays() -> None:
    ink = np.zeros((300, 400), np.uint8)
    ink[150:, :60] = np.linspace(120, 20, 60)
    cv2.line(ink, (200, 60), (190, 200), (150,), 5)
    rest = remove_faint_lines(ink)
    assert np.array_equal(rest[:, 150:], ink[:, 150:])
    assert not rest[152:, 20:60].any()


def test_the_soft_edges_of_wide_strokes_are_no_faint_lines() -> None:
    ink = np.zeros((600, 800), np.uint8)
    ink[100:500, 300:340] = 255
    soft = np.asarray(cv2.GaussianBlur(ink, (0, 0), 3), np.uint8)
    assert remove_faint_lines(soft) is soft


def test_a_speck_beside_a_one_does_not_make_it_a_line_to_write_on() -> None:
    sheet = np.full((400, 300), 255, np.uint8)
    cv2.line(sheet, (150, 60), (145, 330), (0,), 8)
    clean = image_of(sheet)
    sheet[200, 220] = 0
    assert np.array_equal(image_of(sheet), clean)


@pytest.mark.parametrize("index", [4007, 4009, 4025, 4057, 4078])
def test_faint_squares_on_a_photo_are_no_part_of_the_digit(index: int) -> None:
    image = image_of(photographed("pencil", "squared")(index, np.random.default_rng(index)))
    assert (image > 0).sum() < 150  # squares make it more than 200
