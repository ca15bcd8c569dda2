"""Pages are read the way up in which they read best."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from app.arrays import Grayscale, Homography
from app.inference.session import Model
from app.preprocessing.decode import open_picture
from app.repository.version_folders import newest_of
from app.segmentation.decoding.reading import ReadLine, Sign
from app.segmentation.page_reader import PageReader, ReadPage, turned_back
from app.segmentation.trust import TRUST_IN_FAINT
from tests.support.digit_pages import MARGIN, digit_page
from tests.support.drawn_pages import bars, sheet
from tests.support.pictures import encode
from training.datasets.mnist import Digits

ROWS = [[0, 1, 2, 3, 4], [5, 6, 7, 8, 9], [10, 11, 12, 13, 14]]


@pytest.fixture(scope="module")
def model(models: Path) -> Model:
    _, graphs = newest_of(models, "digits").read(None)
    return Model(graphs.float32, "cpu")


def read(content: bytes, model: Model) -> ReadPage:
    reader = PageReader(open_picture(content, 10**7), 256)
    while document := reader.segment():
        reader.add(document.decode(model.run(document.images)))
    return reader.page


@pytest.mark.parametrize("quarters", range(4))
def test_turned_page_is_read_and_says_how_it_was_turned(quarters: int, test_digits: Digits, model: Model) -> None:
    page = digit_page(test_digits, ROWS, 60)
    turned = read(encode(np.ascontiguousarray(np.rot90(page, -quarters))), model)
    true = ["".join(str(test_digits.labels[index]) for index in row) for row in ROWS]
    assert ["".join(digit.text for digit in line.digits) for line in turned.lines] == true
    assert turned.turned == 90 * quarters


@pytest.mark.parametrize("indices", [[24, 38, 32, 5], [13, 35, 27, 50]])
@pytest.mark.parametrize("quarters", [1, 3])
def test_a_page_of_one_number_that_lies_on_its_side_is_turned(
    quarters: int, indices: list[int], test_digits: Digits, model: Model
) -> None:
    """A 0 reads as well on its side as upright."""
    page = digit_page(test_digits, [indices], 60)
    turned = read(encode(np.ascontiguousarray(np.rot90(page, -quarters))), model)
    assert [line.text for line in turned.lines] == ["".join(str(test_digits.labels[index]) for index in indices)]
    assert turned.turned == 90 * quarters


def page_read_as(*turns: str) -> ReadPage:
    """A line of digits that a model reads so in each turn, "?" for what it cannot read."""
    reader = PageReader(open_picture(encode(255 - bars(sheet(), (40, 60), (80, 60))), 10**7), 10)
    for text in turns:
        assert reader.segment()
        signs = [Sign("other" if sign == "?" else "digit", sign, 0.99, (0, 0, 9, 9)) for sign in text]
        reader.add([ReadLine(signs, 0.9, [])])
    return reader.page


@pytest.mark.parametrize(
    ("upright", "turned", "quarters"), [("788?", "8886", 0), ("88?", "388", 0), ("8?0??", "02468", 2)]
)
def test_a_letter_that_looks_like_a_digit_upside_down_does_not_turn_the_page(
    upright: str, turned: str, quarters: int
) -> None:
    assert page_read_as(upright, turned).turned == 90 * quarters


def on_white_desk(page: Grayscale, seed: int) -> Grayscale:
    """A sheet hardly brighter than the desk, on which it casts a soft shadow."""
    rng = np.random.default_rng(seed)
    height, width = page.shape
    lie = np.array([[1, -0.06, 160], [0.06, 1, 140]], np.float32)
    desk = np.full((height + 300, width + 300), 226.0)
    sheet = cv2.warpAffine(np.full_like(page, 255), lie, desk.shape[::-1])
    shadow = cv2.GaussianBlur(np.roll(sheet, (6, 6), (0, 1)), (0, 0), 3) / 255
    photo = np.where(sheet > 0, 0.97 * cv2.warpAffine(page, lie, desk.shape[::-1]), desk * (1 - 0.3 * shadow))
    return np.clip(photo + rng.normal(0, 3, desk.shape), 0, 255).astype(np.uint8)


@pytest.mark.parametrize("seed", range(3))
def test_edges_of_a_white_sheet_on_a_white_desk_are_no_signs(seed: int, test_digits: Digits, model: Model) -> None:
    """A piece of one may be left beside a number, whose line is not certain then."""
    photo = on_white_desk(digit_page(test_digits, [*ROWS, *ROWS], 60), seed)
    true = ["".join(str(test_digits.labels[index]) for index in row) for row in ROWS]
    certain = {line.text for line in read(encode(photo), model).lines if line.confidence > TRUST_IN_FAINT}
    assert certain <= {*true}
    assert len(certain) >= 2


@pytest.mark.parametrize("quarters", range(4))
def test_places_on_a_turned_page_are_places_on_the_picture(quarters: int) -> None:
    picture = np.zeros((60, 90), np.uint8)
    picture[12, 70] = 1
    turned = np.rot90(picture, quarters)
    y, x = np.argwhere(turned)[0] + 0.5
    back: Homography = turned_back(quarters, picture.shape)
    assert cv2.perspectiveTransform(np.array([[[x, y]]]), back)[0, 0].tolist() == [70.5, 12.5]


def test_page_without_ink_on_its_sheet_is_read_whole(model: Model) -> None:
    """A white bar on black: a one, and no blank sheet."""
    picture = np.zeros((400, 300), np.uint8)
    picture[60:340, 110:190] = 255
    page = read(encode(picture), model)
    assert page.sheet is None


def test_lines_that_faint_rules_join_to_the_edge_are_read(test_digits: Digits, model: Model) -> None:
    """As on a photo: the light falls off, so the paper is not uniform."""
    page = digit_page(test_digits, ROWS, 60)
    height, width = page.shape
    for y in range(30, height, 45):
        page[y : y + 2] = np.minimum(page[y : y + 2], 195)
    light = np.linspace(0.7, 1, width)
    read_lines = read(encode(np.asarray(page * light, np.uint8)), model).lines
    true = ["".join(str(test_digits.labels[index]) for index in row) for row in ROWS]
    assert ["".join(digit.text for digit in line.digits) for line in read_lines] == true


@pytest.mark.parametrize("side", ["left", "right"])
def test_digits_that_the_picture_ends_at_are_read_and_not_accepted(
    side: str, test_digits: Digits, model: Model
) -> None:
    page = np.asarray(digit_page(test_digits, ROWS, 60) * 0.9, np.uint8)
    page = np.asarray(page * np.linspace(0.8, 1, page.shape[1]), np.uint8)  # as on a photo
    inked = np.flatnonzero((page < 100).any(axis=0))
    cropped = page[:, inked[0] :] if side == "left" else page[:, : inked[-1] + 1]
    lines = read(encode(np.ascontiguousarray(cropped)), model).lines
    true = ["".join(str(test_digits.labels[index]) for index in row) for row in ROWS]
    assert ["".join(digit.text for digit in line.digits) for line in lines] == true
    assert not all(line.is_accepted(0.7) for line in lines)


def test_a_small_number_on_a_large_photo_is_read(test_digits: Digits, model: Model) -> None:
    """Its ink is less than a thousandth of the page, whose light falls off."""
    photo = np.full((1400, 2000), 235, np.uint8)
    number = digit_page(test_digits, [[0, 1, 2, 3]], 44)
    photo[600 : 600 + len(number), 700 : 700 + number.shape[1]] = np.minimum(number, 235)
    (line,) = read(encode(np.asarray(photo * np.linspace(0.88, 1, 2000), np.uint8)), model).lines
    assert line.text == "".join(str(test_digits.labels[index]) for index in range(4))


@pytest.mark.parametrize("level", [100, 190], ids=["dark", "faint"])
def test_digits_in_a_grid_seen_at_an_angle_are_read(level: int, test_digits: Digits, model: Model) -> None:
    page = digit_page(test_digits, ROWS, 60)
    height, width = page.shape
    for x in range(MARGIN, width, 60):
        cv2.line(page, (x, MARGIN), (x, height - MARGIN), (level,), 2)
    for y in range(MARGIN, height, 60):
        cv2.line(page, (MARGIN, y), (width - MARGIN, y), (level,), 2)
    roomy = cv2.copyMakeBorder(page, 60, 60, 60, 60, cv2.BORDER_CONSTANT, value=255)
    height, width = roomy.shape
    flat = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    seen = flat + np.array([[20, 10], [-25, -5], [10, 5], [-15, 15]], np.float32)
    photo = cv2.warpPerspective(roomy, cv2.getPerspectiveTransform(flat, seen), (width, height), borderValue=255)
    read_lines = read(encode(np.asarray(photo * np.linspace(0.8, 1, width), np.uint8)), model).lines
    true = ["".join(str(test_digits.labels[index]) for index in row) for row in ROWS]
    assert ["".join(digit.text for digit in line.digits) for line in read_lines] == true
