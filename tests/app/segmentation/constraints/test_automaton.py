"""Automata together: of what they accept themselves nothing is added and nothing lost."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

from app.segmentation.constraints.automaton import Either, Every, accepts_text, of_digits, without_spaces
from app.segmentation.constraints.length import DigitCount
from app.segmentation.constraints.pattern import compile_pattern

ONE, OTHER = compile_pattern("1*2?"), compile_pattern(".{2}|1")


def short_texts() -> Iterator[str]:
    for length in range(5):
        yield from ("".join(characters) for characters in itertools.product("12/ ", repeat=length))


def test_product_accepts_what_all_accept() -> None:
    for text in short_texts():
        both = accepts_text(ONE, text) and accepts_text(OTHER, text)
        assert accepts_text(Every((ONE, OTHER)), text) == both


def test_union_accepts_what_one_accepts() -> None:
    for text in short_texts():
        one = accepts_text(ONE, text) or accepts_text(OTHER, text)
        assert accepts_text(Either((ONE, OTHER)), text) == one


def test_marks_and_spaces_do_not_count_where_digits_are_seen_alone() -> None:
    for text in short_texts():
        digits = sum(character.isdigit() for character in text)
        assert accepts_text(of_digits(DigitCount(2)), text) == (digits == 2)
        assert accepts_text(without_spaces(ONE), text) == accepts_text(ONE, text.replace(" ", ""))
