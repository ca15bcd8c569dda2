"""Lines of words are told from lines of numbers."""

from __future__ import annotations

import pytest

from app.segmentation.decoding.reading import Reading, ReadLine, Sign, SignKind
from app.segmentation.words import words_apart


def line(*signs: tuple[SignKind, float]) -> ReadLine:
    boxes = [(10 * place, 0, 8, 12) for place in range(len(signs))]
    read = [
        Sign(kind, "" if kind == "other" else "1", confidence, box)
        for (kind, confidence), box in zip(signs, boxes, strict=True)
    ]
    text = "".join(sign.text for sign in read)
    return ReadLine(read, 0.9, [Reading(text, 0.9)])


def test_a_line_of_which_little_can_be_read_is_one_sign_that_is_no_digit() -> None:
    words = words_apart(line(("other", 0.9), ("digit", 0.6), ("other", 0.8), ("digit", 0.3)))
    assert [sign.kind for sign in words.signs] == ["other"]
    assert (words.text, words.box, words.is_accepted(0.0)) == ("", (0, 0, 38, 12), False)
    assert words.alternatives == [Reading("", words.confidence)]


def test_letters_that_look_like_ones_are_part_of_the_word_around_them() -> None:
    letters = line(("other", 0.9), ("digit", 0.9), ("other", 0.8), ("digit", 0.9), ("digit", 0.9))
    wide = [sign._replace(box=(*sign.box[:2], 25, 12)) if sign.kind == "other" else sign for sign in letters.signs]
    assert [sign.kind for sign in words_apart(letters._replace(signs=wide)).signs] == ["other"]
    assert words_apart(letters) == letters


@pytest.mark.parametrize(
    "signs",
    [
        [("digit", 0.9), ("digit", 0.2), ("digit", 0.8)],
        [("digit", 0.2)],
        [("digit", 0.99), ("other", 0.9), ("digit", 0.99), ("digit", 0.99)],
    ],
)
def test_a_number_that_is_hard_to_read_stays_one(signs: list[tuple[SignKind, float]]) -> None:
    assert words_apart(line(*signs)) == line(*signs)
