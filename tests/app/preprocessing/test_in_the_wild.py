"""Pictures as people send them, in which there is more than a digit."""

from __future__ import annotations

import io

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from app import arrays
from app.preprocessing import decode as decoding
from app.preprocessing import normalize as image
from app.preprocessing.ink import extract_ink, remove_clutter
from app.segmentation import document
from tests.app.conftest import encode
from training.datasets.mnist import Digits

Pixels = NDArray[np.uint8]


def seen(picture: Pixels | Image.Image) -> arrays.Image:
    """What the model is shown of it."""
    return image.to_image(decoding.open_picture(encode(np.asarray(picture)), 50_000_000))


def sheet(digit: Pixels, room: int = 0) -> Pixels:
    """A digit of 140 x 140 on white paper of 180 x 180, with `room` more on all sides."""
    ink = cv2.resize(digit, (196, 196), interpolation=cv2.INTER_CUBIC)[28:-28, 28:-28]
    return np.asarray(np.pad(255 - ink, 20 + room, constant_values=255), np.uint8)


def drawn(digit: Pixels, room: int = 40) -> tuple[Image.Image, ImageDraw.ImageDraw]:
    picture = Image.fromarray(sheet(digit, room))
    return picture, ImageDraw.Draw(picture)


def assert_alike(one: arrays.Image, other: arrays.Image, tolerance: float = 5) -> None:
    """The mean difference of two different digits is about 45 of 255, of one pixel's shift about 25."""
    assert np.abs(one.astype(int) - other).mean() < tolerance


@pytest.fixture(scope="module")
def some(test_digits: Digits) -> list[Pixels]:
    """One digit of each kind; none is in several pieces."""
    return [test_digits.images[int(np.argmax(test_digits.labels == digit))] for digit in range(10)]


# --- boxes, rings and lines -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("width", [1, 4])
def test_the_box_of_a_form_is_no_ink(width: int, some: list[Pixels]) -> None:
    for digit in some:
        picture, pen = drawn(digit)
        pen.rectangle((14, 14, 245, 245), outline=90, width=width)
        assert_alike(seen(picture), seen(sheet(digit)))


def test_a_ring_around_a_digit_is_no_ink(some: list[Pixels]) -> None:
    for digit in some:
        picture, pen = drawn(digit)
        pen.ellipse((8, 12, 250, 246), outline=40, width=3)
        assert_alike(seen(picture), seen(sheet(digit)))


def test_a_zero_keeps_its_ring_whatever_is_in_it() -> None:
    picture = Image.new("L", (200, 260), 255)
    pen = ImageDraw.Draw(picture)
    pen.ellipse((40, 30, 160, 230), outline=0, width=18)
    empty = seen(picture)
    pen.line((92, 150, 108, 110), fill=0, width=14)
    assert_alike(seen(picture), empty, tolerance=12)


@pytest.mark.parametrize("digit", range(10))
def test_an_outlined_digit_keeps_its_outline(digit: int) -> None:
    picture = Image.new("L", (200, 260), 255)
    ImageDraw.Draw(picture).text((40, 20), str(digit), font_size=200, fill=255, stroke_width=4, stroke_fill=0)
    ink = extract_ink(np.asarray(picture, np.uint8))
    assert remove_clutter(ink) is ink


def test_the_lines_of_a_table_around_a_cell_are_no_ink(some: list[Pixels]) -> None:
    for digit in some:
        picture, pen = drawn(digit)
        for at in (20, 240):
            pen.line((at, 0, at, 260), fill=0, width=5)
            pen.line((0, at, 260, at), fill=0, width=5)
        assert_alike(seen(picture), seen(sheet(digit)))


@pytest.mark.parametrize("ways", [["below"], ["below", "above"], ["left", "right"]], ids=" and ".join)
def test_lines_that_a_digit_is_written_on_or_between_are_no_ink(ways: list[str], some: list[Pixels]) -> None:
    places = {
        "below": (10, 236, 250, 236),
        "above": (20, 24, 240, 24),
        "left": (24, 8, 24, 252),
        "right": (236, 8, 236, 252),
    }
    for digit in some:
        picture, pen = drawn(digit)
        for way in ways:
            pen.line(places[way], fill=60, width=4)
        assert_alike(seen(picture), seen(sheet(digit)))


def test_a_bar_that_is_a_digits_own_stays() -> None:
    seven = Image.new("L", (200, 240), 255)
    pen = ImageDraw.Draw(seven)
    pen.line((50, 40, 150, 40), fill=0, width=14)
    joined = seven.copy()
    pen.line((146, 56, 90, 200), fill=0, width=14)  # hardly touches it no more
    ImageDraw.Draw(joined).line((146, 40, 90, 200), fill=0, width=14)
    assert_alike(seen(seven), seen(joined), tolerance=12)


@pytest.mark.parametrize("dark", [True, False])
def test_a_cell_that_was_cut_out_by_its_lines_is_paper_though_a_digit_touches_them(
    dark: bool, some: list[Pixels]
) -> None:
    for digit in [some[each] for each in NO_BARS]:
        cell = cv2.resize(255 - digit[4:24, 4:24], (40, 40), interpolation=cv2.INTER_AREA)
        cell = np.pad(cell, ((6, 0), (5, 5)), constant_values=255)  # it stands on the lower line
        rimmed, roomy = (np.asarray(np.pad(cell, 3, constant_values=tone), np.uint8) for tone in (70, 255))
        if dark:
            assert_alike(seen(rimmed), seen(roomy), tolerance=12)
        else:
            assert_alike(seen(~rimmed), seen(~roomy), tolerance=12)


def test_what_the_edge_cuts_beside_a_digit_is_no_ink(some: list[Pixels]) -> None:
    for digit, other in zip(some, some[1:] + some[:1], strict=True):
        picture = np.hstack([sheet(other)[:, 90:], sheet(digit)])
        assert_alike(seen(picture), seen(sheet(digit)))


def test_a_piece_of_the_digit_that_the_edge_cuts_stays() -> None:
    five = Image.new("L", (200, 240), 255)
    pen = ImageDraw.Draw(five)
    pen.line([(60, 20), (55, 110), (120, 110), (140, 160), (110, 210), (50, 215)], fill=0, width=16, joint="curve")
    pen.line((78, 20, 199, 20), fill=0, width=16)
    assert_alike(seen(five), seen(np.pad(np.asarray(five), 60, constant_values=255)), tolerance=2)


# --- cards and pages --------------------------------------------------------------------------------------------------


def on_a_table(paper: Pixels, ground: int, degrees: float = 0) -> Pixels:
    """A grainy ground all around it."""
    side = len(paper)
    turn = cv2.getRotationMatrix2D((side / 2, side / 2), degrees, 1)
    turn[:, 2] += 60
    picture = cv2.warpAffine(paper, turn, (side + 120, side + 120), borderValue=(ground,))
    noise = np.random.default_rng(0).normal(0, 3, picture.shape)
    return np.asarray(np.clip(picture + noise, 0, 255), np.uint8)


NO_BARS = [0, 2, 3, 4, 5, 7, 8, 9]  # the 1 and this 6 are bars, which could be a thick zero's hole


@pytest.mark.parametrize("ground", [20, 90])
@pytest.mark.parametrize("degrees", [0, 7])
def test_a_card_on_a_table_is_paper(ground: int, degrees: float, some: list[Pixels]) -> None:
    for digit in NO_BARS:
        paper = sheet(some[digit], 10)
        assert_alike(seen(on_a_table(paper, ground, degrees)), seen(on_a_table(paper, 255, degrees)), tolerance=8)


def test_a_box_whose_lines_are_the_pictures_border_is_paper(some: list[Pixels]) -> None:
    for digit in NO_BARS:
        picture, pen = drawn(some[digit], room=0)
        pen.rectangle((0, 0, 179, 179), outline=0, width=3)
        assert_alike(seen(picture), seen(sheet(some[digit])))


@pytest.mark.parametrize("cropped", [False, True])
@pytest.mark.parametrize("holes", [[(80, 80, 120, 220)], [(80, 70, 120, 130), (80, 170, 120, 230)]], ids=["0", "8"])
def test_a_thick_zero_or_eight_with_corners_is_no_card_and_no_rim(
    holes: list[tuple[int, int, int, int]], cropped: bool
) -> None:
    picture = Image.new("L", (200, 300), 255)
    pen = ImageDraw.Draw(picture)
    pen.rectangle((40, 30, 160, 270), fill=0)
    for hole in holes:
        pen.rectangle(hole, fill=255)
    if cropped:
        picture = picture.crop((30, 20, 171, 281))
    assert seen(picture)[14, 10] == 255  # its left side is ink


def test_digits_on_a_card_are_where_they_are_on_the_picture(some: list[Pixels]) -> None:
    paper = np.hstack([sheet(some[3]), sheet(some[5])])
    picture = np.pad(paper, 50, constant_values=40)
    on_white = np.pad(paper, 50, constant_values=255)
    found, expected = (np.nonzero(extract_ink(np.asarray(each, np.uint8)) > 128) for each in (picture, on_white))
    assert [(axis.min(), axis.max()) for axis in found] == [(axis.min(), axis.max()) for axis in expected]
    assert len(document.segment_ink(extract_ink(np.asarray(picture, np.uint8)), 10).lines) == 1


# --- numbers of 16 bits -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("bits", [10, 12, 14, 16])
@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_as_many_of_16_bits_are_read_as_are_used(bits: int, kind: str, some: list[Pixels]) -> None:
    values = sheet(some[2]).astype(np.uint16) << (bits - 8)
    file = io.BytesIO()
    Image.fromarray(values).save(file, kind)
    assert np.array_equal(image.to_image(decoding.open_picture(file.getvalue(), 10**6)), seen(sheet(some[2])))


def test_a_drawing_is_never_cut_away_whole() -> None:
    """A hair beside a bar that the edge cuts: both would go, and nothing be left."""
    picture = np.full((80, 80), 255, np.uint8)
    picture[:, :3] = 0
    picture[8:72, 4] = 0
    assert seen(picture).max() > 250
