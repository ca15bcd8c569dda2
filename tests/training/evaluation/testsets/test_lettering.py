from __future__ import annotations

import io
import string

import pytest
from PIL import Image

from tests.training.evaluation.testsets.conftest import Samples, fetch, only
from training.evaluation.testsets import lettering
from training.evaluation.testsets.lettering import LETTERS_LIKE_DIGITS


@pytest.mark.slow
def test_each_font_has_all_ten_digits_at_every_height(samples: Samples) -> None:
    printed = fetch(lettering.printed_digits)
    assert len(printed) == 1000
    made = samples(only(printed, "open-sans"), 50)["open-sans"]
    assert [sample.label for sample in made] == [*range(10)] * 5
    heights = [Image.open(io.BytesIO(sample.file)).height for sample in made]
    assert heights[0] < 30
    assert heights[-1] > 240


@pytest.mark.slow
def test_letters_and_letters_like_digits_are_the_whole_alphabet(samples: Samples) -> None:
    letters, like_digits = fetch(lettering.letters), fetch(lettering.letters_like_digits)
    assert set(letters.variants) | set(like_digits.variants) == set(string.ascii_letters)
    assert set(like_digits.variants) == set(LETTERS_LIKE_DIGITS)
    assert letters.pictures_per_variant == like_digits.pictures_per_variant == 39
    assert all(sample.label is None for made in samples(like_digits, 1).values() for sample in made)


def test_each_picture_of_a_letter_has_another_font(samples: Samples) -> None:
    files = [sample.file for sample in samples(only(fetch(lettering.letters), "a"), 39)["a"]]
    assert len(set(files)) == 39
