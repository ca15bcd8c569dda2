"""Lines of words are told from lines of numbers."""

from __future__ import annotations

import pytest

from app.segmentation.decoding.reading import Reading, ReadLine, Sign, SignKind
from app.segmentation.trust import less_certain
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
    (words,) = words_apart(line(("other", 0.9), ("digit", 0.6), ("other", 0.8), ("digit", 0.3)))
    assert [sign.kind for sign in words.signs] == ["other"]
    assert (words.text, words.box, words.is_accepted(0.0)) == ("", (0, 0, 38, 12), False)
    assert words.alternatives == [Reading("", words.confidence)]


def test_letters_that_look_like_ones_are_part_of_the_word_around_them() -> None:
    letters = line(("other", 0.9), ("digit", 0.9), ("other", 0.8), ("digit", 0.9), ("digit", 0.9))
    wide = [sign._replace(box=(*sign.box[:2], 25, 12)) if sign.kind == "other" else sign for sign in letters.signs]
    assert [sign.kind for sign in words_apart(letters._replace(signs=wide))[0].signs] == ["other"]
    assert words_apart(letters) == [letters]


@pytest.mark.parametrize(
    "signs",
    [
        [("digit", 0.9), ("digit", 0.2), ("digit", 0.8)],
        [("digit", 0.2)],
        [("digit", 0.99), ("other", 0.9), ("digit", 0.99), ("digit", 0.99)],
    ],
)
def test_a_number_that_is_hard_to_read_stays_one(signs: list[tuple[SignKind, float]]) -> None:
    assert words_apart(line(*signs)) == [line(*signs)]


LABEL: list[tuple[SignKind, str, float, tuple[int, int, int, int]]] = [
    ("other", "", 0.8, (-20, 30, 80, 20)),
    ("digit", "1", 0.7, (62, 24, 5, 26)),
    ("space", " ", 1.0, (67, 0, 50, 50)),
]


def labelled(*signs: tuple[SignKind, str, float, tuple[int, int, int, int]], gap: int = 0) -> ReadLine:
    """Behind a label: "Total   47", for example. Its reading as a whole is doubtful, since its letters are."""
    moved = [Sign(kind, text, sure, (x + gap, y, width, height)) for kind, text, sure, (x, y, width, height) in signs]
    read = [*(Sign(*sign) for sign in LABEL), *moved]
    return ReadLine(read, 0.3, [Reading("".join(sign.text for sign in read), 0.3)])


FOUR_SEVEN: list[tuple[SignKind, str, float, tuple[int, int, int, int]]] = [
    ("digit", "4", 0.99, (117, 0, 30, 50)),
    ("digit", "7", 0.98, (150, 0, 30, 50)),
]


def test_a_number_behind_its_label_is_a_line_of_its_own_and_as_certain_as_its_signs() -> None:
    label, number = words_apart(labelled(*FOUR_SEVEN))
    assert [sign.kind for sign in label.signs] == ["other"]
    assert (number.text, number.box) == ("47", (117, 0, 63, 50))
    assert number.confidence == pytest.approx(0.99 * 0.98)
    assert number.is_accepted(0.9)


def test_what_makes_the_line_doubtful_makes_its_number_doubtful() -> None:
    _, number = words_apart(less_certain(labelled(*FOUR_SEVEN), 0.5))
    assert number.confidence == pytest.approx(0.5 * 0.99 * 0.98)


def test_a_short_unread_sign_or_one_near_the_number_may_be_one_of_its_digits() -> None:
    near = labelled(*FOUR_SEVEN, gap=-30)
    assert len(words_apart(near)) == 1
    signs = [Sign("other", "", 0.9, (60, 0, 20, 50)), *near.signs[2:]]
    short = ReadLine(signs, 0.3, [Reading(" 47", 0.3)])
    assert words_apart(short) == [short]


def measured(*digits: tuple[str, float]) -> ReadLine:
    """A number and its unit: "47 kg", for example."""
    number = [Sign("digit", text, sure, (33 * place, 0, 30, 50)) for place, (text, sure) in enumerate(digits)]
    end = number[-1].box[0] + 30
    unit = [
        Sign("space", " ", 0.9, (end, 0, 20, 50)),
        Sign("other", "", 0.9, (end + 20, 0, 60, 50)),
        Sign("digit", "9", 0.3, (end + 82, 20, 40, 50)),
    ]
    read = [*number, *unit]
    return ReadLine(read, 0.3, [Reading("".join(sign.text for sign in read), 0.3)])


def test_a_unit_is_one_sign_behind_its_number_and_the_line_is_not_accepted() -> None:
    (line,) = words_apart(measured(("4", 0.99), ("7", 0.98)))
    assert [sign.kind for sign in line.signs] == ["digit", "digit", "other"]
    assert (line.text, line.alternatives[0].text) == ("47", "47")
    assert not line.is_accepted(0.0)


@pytest.mark.parametrize("digits", [[("1", 0.99)], [("4", 0.8), ("7", 0.8)]])
def test_what_may_be_a_letter_or_is_doubtful_is_part_of_the_word(digits: list[tuple[str, float]]) -> None:
    (line,) = words_apart(measured(*digits))
    assert [sign.kind for sign in line.signs] == ["other"]


def test_a_number_does_not_vanish_with_the_letters_beside_it() -> None:
    number = [Sign("digit", text, 0.99, (33 * place, 0, 30, 50)) for place, text in enumerate("47")]
    letters = [Sign("other", "", 0.9, (100 + 50 * place, 0, 48, 50)) for place in range(2)]
    for signs in ([*number, *letters], [*letters, *number]):
        unit = ReadLine(signs, 0.9, [Reading("47", 0.9)])
        assert words_apart(unit) == [unit]
    between = ReadLine([letters[0], *number, letters[1]], 0.9, [Reading("47", 0.9)])
    assert [sign.kind for sign in words_apart(between)[0].signs] == ["other"]


def test_points_alone_are_no_text() -> None:
    (dirt,) = words_apart(line(("point", 0.9), ("comma", 0.6)))
    assert [sign.kind for sign in dirt.signs] == ["other"]
    assert words_apart(line(("minus", 0.9))) == [line(("minus", 0.9))]
