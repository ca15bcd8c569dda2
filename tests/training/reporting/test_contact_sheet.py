from __future__ import annotations

import io

import numpy as np
from PIL import Image

from training.evaluation.robustness import PictureResult, RobustnessResult
from training.evaluation.testsets.base import Sample
from training.evaluation.testsets.rendering import encode, ink_on_transparency
from training.reporting.contact_sheet import CORRECT, NOT_ACCEPTED, WIDTH, WRONG, caption, draw_contact_sheet, thumbnail

SQUARE = np.zeros((30, 30), np.uint8)
SQUARE[5:25, 5:25] = 255


def picture(label: int | None, digit: int | None, *, accepted: bool) -> PictureResult:
    return PictureResult("variant", Sample(encode(SQUARE), label), 1.0, digit, 0.876, accepted)


def result(*shown: PictureResult) -> RobustnessResult:
    return RobustnessResult(
        test_set="name",
        description="description",
        n=1,
        correct=1.0,
        interval=(0.9, 1.0),
        accepted=1.0,
        wrong_accepted=0.0,
        blank=0.0,
        milliseconds=1.0,
        calibration_error=0.0,
        auroc=None,
        variants={"variant": 1.0},
        shown=list(shown),
    )


def test_a_caption_is_the_predicted_digit_and_its_colour_says_whether_it_is_correct() -> None:
    assert caption(picture(3, 3, accepted=True)) == ("3  88%", CORRECT)
    assert caption(picture(3, 3, accepted=False)) == ("3  88%", NOT_ACCEPTED)
    assert caption(picture(3, 5, accepted=True)) == ("3 as 5  88%", WRONG)
    assert caption(picture(3, 5, accepted=False)) == ("3 as 5  88%", NOT_ACCEPTED)


def test_a_non_digit_is_correct_if_it_is_not_accepted() -> None:
    assert caption(picture(None, 5, accepted=True))[1] == WRONG
    assert caption(picture(None, 5, accepted=False))[1] == CORRECT
    assert caption(picture(None, None, accepted=False)) == ("blank", CORRECT)
    assert caption(picture(3, None, accepted=False)) == ("blank", WRONG)


def test_there_is_a_row_for_each_test_set() -> None:
    one, three = (draw_contact_sheet([result(picture(3, 3, accepted=True))] * rows) for rows in (1, 3))
    sizes = [Image.open(io.BytesIO(sheet)).size for sheet in (one, three)]
    assert [width for width, _ in sizes] == [WIDTH, WIDTH]
    assert sizes[1][1] > 2.5 * sizes[0][1]


def test_pictures_of_every_mode_and_size_are_shown() -> None:
    sixteen_bits = Image.fromarray(SQUARE.astype(np.uint16) * 257)
    assert np.asarray(thumbnail(encode(sixteen_bits)))[36, 36].tolist() == [255, 255, 255]
    assert np.asarray(thumbnail(encode(Image.fromarray(SQUARE / np.float32(255)), "TIFF")))[36, 36].min() == 255
    assert thumbnail(encode(np.zeros((400, 100, 3), np.uint8))).size == (18, 72)
    assert thumbnail(encode(np.zeros((8, 4, 3), np.uint8))).size == (36, 72)


def test_transparent_pixels_have_a_colour_of_their_own() -> None:
    pixels = np.asarray(thumbnail(encode(ink_on_transparency(SQUARE, (0, 0, 0)))))
    assert pixels[36, 36].tolist() == [0, 0, 0]
    red, green, _ = pixels[2, 2]
    assert red > green
