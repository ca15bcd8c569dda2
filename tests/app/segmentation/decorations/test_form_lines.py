"""Digits written into boxes and combs, whose lines they may touch or cross."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from app.arrays import Ink
from app.errors import BlankPicture
from app.inference.session import Model
from app.preprocessing.components import FOREGROUND_LEVEL
from app.segmentation import document
from app.segmentation.decorations.form_lines import find_form_lines
from app.segmentation.decorations.undecorated import without_decorations
from tests.conftest import NEWEST, ROOT
from training.datasets.mnist import Digits

HEIGHT = 80  # pixels: of a box
WIDTH = 70
AROUND = 60


@pytest.fixture(scope="module")
def model() -> Model:
    return Model((ROOT / f"models/digits/{NEWEST}/model.onnx").read_bytes(), "cpu")


def field(kind: str, digits: Digits, crossing: bool = False) -> Ink:
    """A form's field with a digit in each place; the second one crosses its bottom line."""
    ink = np.zeros((HEIGHT + 2 * AROUND, len(digits) * 90 + 2 * AROUND), np.uint8)
    for i, digit in enumerate(digits.images):
        left, bottom = AROUND + i * (90 if kind == "boxes" else WIDTH), AROUND + HEIGHT
        if kind == "open comb":
            for x in (left, left + WIDTH):
                cv2.line(ink, (x, AROUND + HEIGHT // 2), (x, bottom), (200,), 2)
            cv2.line(ink, (left, bottom), (left + WIDTH, bottom), (200,), 2)
        elif kind != "nothing":
            cv2.rectangle(ink, (left, AROUND), (left + WIDTH, bottom), (200,), 2)
        x, y, width, height = cv2.boundingRect(digit)
        if not width:
            continue
        size = round(width * 54 / max(width, height)), round(height * 54 / max(width, height))
        drawn = cv2.resize(digit[y : y + height, x : x + width], size, interpolation=cv2.INTER_CUBIC)
        top = bottom - size[1] + 6 if crossing and i == 1 else AROUND + (HEIGHT - size[1]) // 2
        here = ink[top : top + size[1], left + (WIDTH - size[0]) // 2 :][:, : size[0]]
        np.maximum(here, drawn, out=here)
    return ink


def turned(ink: Ink, degrees: float) -> Ink:
    turn = cv2.getRotationMatrix2D((ink.shape[1] / 2, ink.shape[0] / 2), degrees, 1)
    return np.asarray(cv2.warpAffine(ink, turn, ink.shape[::-1]), np.uint8)


def read(ink: Ink, model: Model) -> list[str]:
    page = document.segment_undecorated(without_decorations(ink), 64, document.SAME_PLACE)
    lines = page.decode(model.run(page.images))
    return ["".join(digit.text for digit in line.digits) for line in lines if line.digits]


@pytest.mark.parametrize("degrees", [0, 2])
@pytest.mark.parametrize(
    ("kind", "crossing"), [("boxes", False), ("boxes", True), ("comb", False), ("comb", True), ("open comb", False)]
)
def test_fields_of_forms_are_read_as_without_their_lines(
    test_digits: Digits, model: Model, kind: str, degrees: float, crossing: bool
) -> None:
    right = 0
    for start in range(0, 100, 5):
        digits = test_digits[np.arange(start, start + 5)]
        right += read(turned(field(kind, digits, crossing), degrees), model) == ["".join(map(str, digits.labels))]
    assert right >= 17


def test_writing_alone_is_no_form(test_digits: Digits) -> None:
    for start in range(0, 500, 5):
        assert find_form_lines(field("nothing", test_digits[np.arange(start, start + 5)])) is None


@pytest.mark.parametrize("degrees", [0, 3])
def test_of_a_form_the_lines_are_taken_and_nothing_else(test_digits: Digits, degrees: float) -> None:
    digits = test_digits[np.arange(5)]
    left = without_decorations(turned(field("comb", digits), degrees)).ink > FOREGROUND_LEVEL
    written = turned(field("nothing", digits), degrees) > FOREGROUND_LEVEL
    assert np.count_nonzero(left != written) < 0.01 * np.count_nonzero(written)


@pytest.mark.parametrize("bars", [[], [0.5]], ids=["zeros", "eights"])
def test_digits_of_straight_lines_are_no_forms(bars: list[float]) -> None:
    ink = np.zeros((220, 300), np.uint8)
    for left in (60, 180):
        cv2.rectangle(ink, (left, 50), (left + 60, 170), (255,), 8)
        for bar in bars:
            cv2.line(ink, (left, 50 + round(120 * bar)), (left + 60, 50 + round(120 * bar)), (255,), 8)
    assert find_form_lines(ink) is None


def test_empty_form_is_blank(test_digits: Digits) -> None:
    nothing = Digits(np.zeros((5, 28, 28), np.uint8), test_digits.labels[:5])
    with pytest.raises(BlankPicture):
        document.segment_undecorated(without_decorations(field("comb", nothing)), 64, document.SAME_PLACE)
