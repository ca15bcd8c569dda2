from __future__ import annotations

import io

import numpy as np
from PIL import Image

from training.evaluation.robustness import Outcome, Reading
from training.evaluation.testsets.base import Sample
from training.evaluation.testsets.rendering import file_of, on_nothing
from training.reporting.contact_sheet import RIGHT, UNSURE, WIDTH, WRONG, caption, contact_sheet, thumbnail

SQUARE = np.zeros((30, 30), np.uint8)
SQUARE[5:25, 5:25] = 255


def reading(label: int | None, digit: int | None, *, accepted: bool) -> Reading:
    return Reading("v", Sample(file_of(SQUARE), label), 1.0, digit, 0.876, accepted)


def outcome(*shown: Reading) -> Outcome:
    return Outcome("kind", "about", 1, 1.0, (0.9, 1.0), 1.0, 0.0, 1.0, 0.0, None, {"v": 1.0}, list(shown))


def test_a_caption_tells_what_was_read_and_its_colour_whether_that_was_right() -> None:
    assert caption(reading(3, 3, accepted=True)) == ("3  88%", RIGHT)
    assert caption(reading(3, 3, accepted=False)) == ("3  88%", UNSURE)
    assert caption(reading(3, 5, accepted=True)) == ("3 as 5  88%", WRONG)
    assert caption(reading(3, 5, accepted=False)) == ("3 as 5  88%", UNSURE)


def test_of_no_digit_it_is_right_not_to_accept_one() -> None:
    assert caption(reading(None, 5, accepted=True))[1] == WRONG
    assert caption(reading(None, 5, accepted=False))[1] == RIGHT
    assert caption(reading(None, None, accepted=False)) == ("blank", RIGHT)
    assert caption(reading(3, None, accepted=False)) == ("blank", WRONG)


def test_there_is_a_row_for_each_kind() -> None:
    one, three = (contact_sheet([outcome(reading(3, 3, accepted=True))] * rows) for rows in (1, 3))
    sizes = [Image.open(io.BytesIO(each)).size for each in (one, three)]
    assert [width for width, _ in sizes] == [WIDTH, WIDTH]
    assert sizes[1][1] > 2.5 * sizes[0][1]


def test_pictures_of_every_mode_and_size_are_shown() -> None:
    sixteen_bits = Image.fromarray(SQUARE.astype(np.uint16) * 257)
    assert np.asarray(thumbnail(file_of(sixteen_bits)))[36, 36].tolist() == [255, 255, 255]
    assert np.asarray(thumbnail(file_of(Image.fromarray(SQUARE / np.float32(255)), "TIFF")))[36, 36].min() == 255
    assert thumbnail(file_of(np.zeros((400, 100, 3), np.uint8))).size == (18, 72)
    assert thumbnail(file_of(np.zeros((8, 4, 3), np.uint8))).size == (36, 72)


def test_what_is_transparent_looks_so() -> None:
    picture = np.asarray(thumbnail(file_of(on_nothing(SQUARE, (0, 0, 0)))))
    assert picture[36, 36].tolist() == [0, 0, 0]
    red, green, _ = picture[2, 2]
    assert red > green
