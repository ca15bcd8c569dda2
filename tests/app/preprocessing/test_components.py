"""Clutter beside a digit is not ink: printed boxes and rings, lines, and what the picture's edge cuts."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image as Pillow
from PIL import ImageDraw

from app.arrays import Image
from app.preprocessing.clutter import remove_clutter
from app.preprocessing.components import (
    Box,
    bounding_box,
    connected_components,
    cut_by_edge,
    gap,
    stroke_width,
)
from app.preprocessing.ink import extract_ink
from tests.support.pictures import assert_alike, drawing, image_of, sheet


def test_the_gap_of_two_boxes_is_between_their_nearest_points() -> None:
    box = Box(left=10, top=10, right=20, bottom=30)
    assert gap(box, Box(23, 34, 40, 40)) == 5
    assert gap(box, Box(15, 25, 40, 40)) == 0
    assert bounding_box([box, Box(15, 5, 17, 12)]) == Box(10, 5, 20, 30)


def test_a_component_knows_its_box_and_its_area_without_holes() -> None:
    foreground = np.zeros((40, 60), np.uint8)
    foreground[5:25, 10:30] = 255
    foreground[10:20, 15:25] = 0
    foreground[30:35, 40:50] = 255
    components = {(part.left, part.top): part for part in connected_components(foreground)}
    assert set(components) == {(10, 5), (40, 30)}
    assert components[10, 5].width == components[10, 5].height == 20
    assert components[10, 5].area == pytest.approx(300, abs=25)
    assert components[40, 30].area == pytest.approx(50, abs=10)


# --- a printed box or ring -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("width", [1, 4])
def test_the_printed_box_of_a_form_is_not_ink(width: int, one_of_each: list[Image]) -> None:
    for digit in one_of_each:
        picture, pen = drawing(digit)
        pen.rectangle((14, 14, 245, 245), outline=90, width=width)
        assert_alike(image_of(picture), image_of(sheet(digit)))


def test_a_ring_around_a_digit_is_not_ink(one_of_each: list[Image]) -> None:
    for digit in one_of_each:
        picture, pen = drawing(digit)
        pen.ellipse((8, 12, 250, 246), outline=40, width=3)
        assert_alike(image_of(picture), image_of(sheet(digit)))


@pytest.mark.parametrize("gap", [0, 10, 30])
def test_a_ring_by_hand_that_does_not_close_is_not_ink(gap: int, one_of_each: list[Image]) -> None:
    for digit in one_of_each:
        picture, draw = drawing(digit)
        width, height = picture.size
        draw.arc((4, 10, width - 5, height - 11), 200 + gap, 560, fill=40, width=4)
        assert_alike(image_of(picture), image_of(sheet(digit)))


def test_a_zero_keeps_its_ring_whatever_is_in_it() -> None:
    picture = Pillow.new("L", (200, 260), 255)
    pen = ImageDraw.Draw(picture)
    pen.ellipse((40, 30, 160, 230), outline=0, width=18)
    empty = image_of(picture)
    pen.line((92, 150, 108, 110), fill=0, width=14)
    assert_alike(image_of(picture), empty, tolerance=12)


@pytest.mark.parametrize("digit", range(10))
def test_an_outlined_digit_keeps_its_outline(digit: int) -> None:
    picture = Pillow.new("L", (200, 260), 255)
    ImageDraw.Draw(picture).text((40, 20), str(digit), font_size=200, fill=255, stroke_width=4, stroke_fill=0)
    ink = extract_ink(np.asarray(picture, np.uint8))
    assert remove_clutter(ink) is ink


# --- what the picture's edge cuts ------------------------------------------------------------------------------------


def test_the_lines_of_a_table_around_a_cell_are_not_ink(one_of_each: list[Image]) -> None:
    for digit in one_of_each:
        picture, pen = drawing(digit)
        for at in (20, 240):
            pen.line((at, 0, at, 260), fill=0, width=5)
            pen.line((0, at, 260, at), fill=0, width=5)
        assert_alike(image_of(picture), image_of(sheet(digit)))


def test_a_neighbour_that_the_edge_cuts_is_not_ink(one_of_each: list[Image]) -> None:
    for digit, other in zip(one_of_each, one_of_each[1:] + one_of_each[:1], strict=True):
        picture = np.hstack([sheet(other)[:, 90:], sheet(digit)])
        assert_alike(image_of(picture), image_of(sheet(digit)))


@pytest.mark.parametrize("slant", [-6, 0, 6])
def test_the_black_borders_of_a_scan_are_not_ink_though_a_thin_digit_has_far_less(slant: int) -> None:
    scan = Pillow.new("L", (400, 500), 255)
    pen = ImageDraw.Draw(scan)
    pen.line([(180, 180), (220, 180), (195, 300)], fill=40, width=6)
    seven = image_of(np.asarray(scan, np.uint8))
    pen.polygon([(0, 0), (400, 0), (400, 40 + slant), (0, 40)], fill=10)
    pen.polygon([(400, 0), (400, 500), (360 + slant, 500), (360, 0)], fill=10)
    pen.polygon([(0, 500), (400, 500), (400, 470), (0, 470 + slant)], fill=10)
    noise = np.random.default_rng(0).normal(0, 2, (500, 400))
    assert_alike(image_of(np.asarray(np.clip(np.asarray(scan) + noise, 0, 255), np.uint8)), seven)


@pytest.mark.parametrize(("length", "is_cut"), [(12, False), (60, True)])
def test_a_stroke_along_a_whole_edge_stays_where_only_a_speck_is_inside(length: int, is_cut: bool) -> None:
    foreground = np.zeros((240, 200), np.uint8)
    foreground[:40] = foreground[:, 150:] = 255
    foreground[120 : 120 + length, 60:68] = 255
    assert bool(cut_by_edge(connected_components(foreground), 240, 200)) is is_cut


def test_a_piece_of_the_digit_that_the_edge_cuts_stays() -> None:
    five = Pillow.new("L", (200, 240), 255)
    pen = ImageDraw.Draw(five)
    pen.line([(60, 20), (55, 110), (120, 110), (140, 160), (110, 210), (50, 215)], fill=0, width=16, joint="curve")
    pen.line((78, 20, 199, 20), fill=0, width=16)
    assert_alike(image_of(five), image_of(np.pad(np.asarray(five), 60, constant_values=255)), tolerance=2)


# --- lines to write on -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ways", [["below"], ["below", "above"], ["left", "right"]], ids=" and ".join)
def test_lines_that_a_digit_is_written_on_or_between_are_not_ink(ways: list[str], one_of_each: list[Image]) -> None:
    places = {
        "below": (10, 236, 250, 236),
        "above": (20, 24, 240, 24),
        "left": (24, 8, 24, 252),
        "right": (236, 8, 236, 252),
    }
    for digit in one_of_each:
        picture, pen = drawing(digit)
        for way in ways:
            pen.line(places[way], fill=60, width=4)
        assert_alike(image_of(picture), image_of(sheet(digit)))


def test_a_bar_that_belongs_to_the_digit_stays() -> None:
    seven = Pillow.new("L", (200, 240), 255)
    pen = ImageDraw.Draw(seven)
    pen.line((50, 40, 150, 40), fill=0, width=14)
    joined = seven.copy()
    pen.line((146, 56, 90, 200), fill=0, width=14)  # it no longer touches the bar
    ImageDraw.Draw(joined).line((146, 40, 90, 200), fill=0, width=14)
    assert_alike(image_of(seven), image_of(joined), tolerance=12)


@pytest.mark.parametrize("size", [(28, 28), (20, 40)])
def test_a_stroke_is_no_wider_than_the_picture_that_it_fills(size: tuple[int, int]) -> None:
    """Else a page full of noise would ask for kernels of gigabytes."""
    assert stroke_width(np.full(size, 255, np.uint8)) == min(size)
