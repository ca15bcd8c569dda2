from __future__ import annotations

import io
import string

from PIL import Image

from tests.training.evaluation.testsets.conftest import Samples, fetched
from training.evaluation.testsets import lettering
from training.evaluation.testsets.lettering import LIKE_DIGITS


def test_digits_of_each_font_are_of_all_ten_and_of_every_height(samples: Samples) -> None:
    kind = fetched(lettering.printed_kind)
    assert len(kind) == 1000
    made = samples(kind, 50)["open-sans"]
    assert [each.label for each in made] == [*range(10)] * 5
    heights = [Image.open(io.BytesIO(each.file)).height for each in made]
    assert heights[0] < 30
    assert heights[-1] > 240


def test_letters_and_those_like_digits_are_all_of_the_alphabet(samples: Samples) -> None:
    letters, like = fetched(lettering.letters_kind), fetched(lettering.letters_like_digits_kind)
    assert set(letters.variants) | set(like.variants) == set(string.ascii_letters)
    assert set(like.variants) == set(LIKE_DIGITS)
    assert letters.each == like.each == 39
    assert all(sample.label is None for made in samples(like, 1).values() for sample in made)


def test_a_letter_is_drawn_in_another_font_each_time(samples: Samples) -> None:
    files = [each.file for each in samples(fetched(lettering.letters_kind), 39)["a"]]
    assert len(set(files)) == 39
