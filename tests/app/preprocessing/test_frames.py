"""A digit on a card or in a cell is read without what lies around that."""

from __future__ import annotations

import contextlib

import cv2
import numpy as np
import pytest
from PIL import Image as Pillow
from PIL import ImageDraw

from app.arrays import Grayscale, Image, Ink
from app.errors import BlankPicture
from app.preprocessing.components import binarize
from app.preprocessing.frames import Region, find_card, find_card_by_tone
from app.preprocessing.ink import extract_ink
from app.preprocessing.normalize import preprocess
from app.segmentation import document
from tests.app.preprocessing.conftest import NOT_BARS
from tests.support.picture_kinds import on_a_desk
from tests.support.pictures import assert_alike, drawing, image_of, sheet

# --- a card on a table -----------------------------------------------------------------------------------------------


def on_a_table(paper: Grayscale, ground: int, degrees: float = 0) -> Grayscale:
    """On a grainy ground of this grey level, turned."""
    side = len(paper)
    turn = cv2.getRotationMatrix2D((side / 2, side / 2), degrees, 1)
    turn[:, 2] += 60
    picture = cv2.warpAffine(paper, turn, (side + 120, side + 120), borderValue=(ground,))
    noise = np.random.default_rng(0).normal(0, 3, picture.shape)
    return np.asarray(np.clip(picture + noise, 0, 255), np.uint8)


@pytest.mark.parametrize("ground", [20, 90])
@pytest.mark.parametrize("degrees", [0, 7])
def test_a_card_on_a_table_is_read_as_paper(ground: int, degrees: float, one_of_each: list[Image]) -> None:
    for digit in NOT_BARS:
        paper = sheet(one_of_each[digit], 10)
        assert_alike(
            image_of(on_a_table(paper, ground, degrees)), image_of(on_a_table(paper, 255, degrees)), tolerance=8
        )


@pytest.mark.parametrize("table", [20, 210, 250])
def test_a_card_is_found_whatever_the_order_of_the_tones_of_table_card_and_ink(
    table: int, one_of_each: list[Image]
) -> None:
    for digit in one_of_each:
        card = np.interp(sheet(digit, 10), (0, 255), (60, 150)).astype(np.uint8)
        margin = len(card) // 4
        picture = np.pad(card, margin, constant_values=table)
        assert_alike(image_of(picture), image_of(card), tolerance=8)


def test_a_soft_digit_as_wide_as_a_rectangle_is_no_card() -> None:
    """Its outline has the corners of one, and its strokes are not of one tone."""
    three = np.full((200, 200), 255, np.uint8)
    for top in (40, 85, 130):
        three[top : top + 25, 60:130] = 0
    three[40:155, 105:130] = 0
    soft = np.asarray(cv2.GaussianBlur(three, (0, 0), 4), np.uint8)
    assert find_card(soft, binarize(~soft)) is None


def test_a_card_of_noise_with_more_outlines_than_are_traced_is_read_or_refused() -> None:
    """No 500: it has no longest outline."""
    picture = np.full((1000, 1000), 30, np.uint8)
    picture[50:950, 50:950] = np.where(np.random.default_rng(0).random((900, 900)) < 0.5, 150, 230)
    with contextlib.suppress(BlankPicture):
        assert preprocess(picture).shape == (28, 28)
    assert find_card(picture, binarize(picture)) is None


def test_a_broad_stroke_is_no_card() -> None:
    """It is a rectangle, and not of one tone."""
    picture = np.full((200, 200), 255, np.uint8)
    picture[20:180, 80:120] = 30
    picture[40:160, 95:105] = 90
    assert find_card(picture, binarize(~picture)) is None


@pytest.mark.parametrize("index", range(5))
def test_a_digit_on_a_sheet_on_a_grained_desk_is_cut_out_of_it(index: int) -> None:
    """Of the sheet only the rim would be ink beside the digit."""
    picture = on_a_desk(index, np.random.default_rng(index))
    card = find_card_by_tone(picture)
    assert card is not None
    assert not binarize(boundary_of(extract_ink(picture), card)).any()


def boundary_of(ink: Ink, card: Region) -> Ink:
    """What lies around a card, and its rim."""
    height, width = card.pixels.shape
    around = ink.copy()
    around[card.top + 4 : card.top + height - 4, card.left + 4 : card.left + width - 4] = 0
    return around


def test_a_shadow_from_the_picture_s_edge_is_no_card() -> None:
    picture = np.full((200, 200), 200, np.uint8)
    picture[:, 90:] = 120
    picture[60:140, 130:140] = 40
    assert find_card_by_tone(picture) is None


def test_a_box_whose_lines_are_the_pictures_border_is_read_as_paper(one_of_each: list[Image]) -> None:
    for digit in NOT_BARS:
        picture, pen = drawing(one_of_each[digit], margin=0)
        pen.rectangle((0, 0, 179, 179), outline=0, width=3)
        assert_alike(image_of(picture), image_of(sheet(one_of_each[digit])))


def test_digits_on_a_card_are_where_they_are_on_the_picture(one_of_each: list[Image]) -> None:
    paper = np.hstack([sheet(one_of_each[3]), sheet(one_of_each[5])])
    picture = np.pad(paper, 50, constant_values=40)
    on_white = np.pad(paper, 50, constant_values=255)
    found, expected = (np.nonzero(extract_ink(np.asarray(pixels, np.uint8)) > 128) for pixels in (picture, on_white))
    assert [(axis.min(), axis.max()) for axis in found] == [(axis.min(), axis.max()) for axis in expected]
    assert len(document.segment_ink(extract_ink(np.asarray(picture, np.uint8)), 10).lines) == 1


# --- a cell cut out of a form ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("dark", [True, False])
def test_a_cell_cut_out_by_its_lines_is_read_as_paper_though_the_digit_touches_them(
    dark: bool, one_of_each: list[Image]
) -> None:
    for digit in NOT_BARS:
        cell = cv2.resize(255 - one_of_each[digit][4:24, 4:24], (40, 40), interpolation=cv2.INTER_AREA)
        cell = np.pad(cell, ((6, 0), (5, 5)), constant_values=255)  # the digit stands on the lower line
        cut_out, with_margin = (np.asarray(np.pad(cell, 3, constant_values=tone), np.uint8) for tone in (70, 255))
        if dark:
            assert_alike(image_of(cut_out), image_of(with_margin), tolerance=12)
        else:
            assert_alike(image_of(~cut_out), image_of(~with_margin), tolerance=12)


# --- neither ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("cropped", [False, True])
@pytest.mark.parametrize("holes", [[(80, 80, 120, 220)], [(80, 70, 120, 130), (80, 170, 120, 230)]], ids=["0", "8"])
def test_a_thick_zero_or_eight_with_corners_is_neither_card_nor_cell(
    holes: list[tuple[int, int, int, int]], cropped: bool
) -> None:
    picture = Pillow.new("L", (200, 300), 255)
    pen = ImageDraw.Draw(picture)
    pen.rectangle((40, 30, 160, 270), fill=0)
    for hole in holes:
        pen.rectangle(hole, fill=255)
    if cropped:
        picture = picture.crop((30, 20, 171, 281))
    assert image_of(picture)[14, 10] == 255  # its left side is ink
