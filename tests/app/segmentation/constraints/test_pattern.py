"""Patterns accept what the regular expressions they are a subset of accept, and all others are refused by place."""

from __future__ import annotations

import itertools
import re

import pytest

from app.segmentation.constraints.automaton import ALPHABET, accepts_text
from app.segmentation.constraints.pattern import PatternError, compile_pattern

PATTERNS = [
    r"\d{2}/\d",
    r"1?2*/+",
    r"(1|2/){1,2}",
    r"(1|2)*/",
    r"(1?2?){2}",
    r"((1|/)2?)*",
    r"1{2,}",
    r"(12){0,2}|/",
    r"[1/]{3}",
    r"[0-1][2-9]?",
    r".1",
    r"1(2|/(1|2))+",
    r"\d*/?\d*",
    r"(1*2*)*",
    r"(1{0,2}/){2}",
]


@pytest.mark.parametrize("pattern", PATTERNS)
def test_pattern_accepts_what_the_regular_expression_accepts(pattern: str) -> None:
    automaton, expression = compile_pattern(pattern), re.compile(pattern)
    for length in range(6):
        for characters in itertools.product("12/", repeat=length):
            text = "".join(characters)
            assert accepts_text(automaton, text) == bool(expression.fullmatch(text)), text


def test_every_path_that_is_followed_can_be_completed() -> None:
    """Else the search would keep readings that satisfy nothing."""
    automaton = compile_pattern(r"(12|1/3){2}\d?")
    reached = {number for row in automaton.transitions for number in row.values()}
    assert all(automaton.transitions[state] or automaton.accepts(state) for state in reached)


def test_escaped_characters_and_classes_stand_for_themselves() -> None:
    automaton = compile_pattern(r"\.[.,\-]\(\s")
    assert accepts_text(automaton, ".-( ")
    assert not accepts_text(automaton, "1-( ")


def test_point_stands_for_every_sign() -> None:
    assert all(accepts_text(compile_pattern("."), character) for character in ALPHABET)


@pytest.mark.parametrize(
    ("pattern", "named"),
    [
        ("12a", "character 3, 'a'"),
        (r"1\w", r"character 3, 'w'"),
        ("^1", r"character 1, '\^'"),
        ("1$", r"character 2, '\$'"),
        ("[^1]", r"character 2, '\^'"),
        ("[9-1]", "character 2, '9'"),
        (r"[\d-9]", r"character 2, '\\\\'"),
        ("[]", r"character 1, '\['"),
        ("1[2", r"character 2, '\['"),
        ("(1", r"character 1, '\('"),
        ("1)", r"character 2, '\)'"),
        ("(?:1)", r"character 2, '\?'"),
        ("1()", r"character 3, '\)'"),
        ("1|", "the end, after character 2"),
        ("*", r"character 1, '\*'"),
        ("1*?", r"character 3, '\?'"),
        ("1{2", r"character 2, '{'"),
        ("1{2,1}", r"character 2, '{'"),
        ("1{0}", r"character 2, '{'"),
        ("1{101}", r"character 2, '{'"),
        ("1{-1}", r"character 2, '{'"),
        ("1 2", "character 2, ' '.*%2B"),
        ("1\\", r"character 2, '\\\\'"),
        ("[1\\", r"character 3, '\\\\'"),
        ("\N{ARABIC-INDIC DIGIT ONE}", "character 1"),
        ("", "1 to 200 characters"),
        ("1" * 201, "1 to 200 characters"),
        ("(((1{50}){50}){50}){50}", "more than 100 characters when"),
        (".*1.{30}", "more than 200 states"),
        ("(" * 200, r"character 51, '\(', opens a group that is in 50 others"),
    ],
)
def test_refused_pattern_names_the_character_and_its_place(pattern: str, named: str) -> None:
    with pytest.raises(PatternError, match=named):
        compile_pattern(pattern)


def test_deepest_nesting_is_compiled() -> None:
    assert accepts_text(compile_pattern("(" * 50 + "1" + ")" * 50), "1")
    compile_pattern("1(" * 50 + "1" + ")" * 50)
