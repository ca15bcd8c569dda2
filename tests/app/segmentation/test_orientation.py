"""Pages are read the way up in which they read best."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from app.arrays import Homography
from app.inference.session import Model
from app.preprocessing.decode import open_picture
from app.repository.version_folders import newest_of
from app.segmentation.orientation import PageReader, ReadPage, turned_back
from tests.support.digit_pages import digit_page
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
