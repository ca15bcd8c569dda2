"""The constraints of a request: what they accept together, and how wrong ones are refused."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from app.segmentation.constraints.automaton import accepts_text
from app.segmentation.constraints.constraints import Constraints


def accepted(text: str, **constraints: object) -> bool:
    automaton = Constraints.model_validate(constraints).automaton()
    assert automaton is not None
    return accepts_text(automaton, text)


def test_nothing_asked_for_is_no_automaton() -> None:
    assert Constraints().automaton() is None


def test_length_and_check_look_at_the_digits() -> None:
    assert accepted("4-5.6", length=3)
    assert not accepted("4-5.6", length=5)
    assert accepted("4111 1111-1111 1111", check="luhn")


def test_pattern_and_values_look_at_the_marks_but_not_at_spaces() -> None:
    assert accepted("1 2 / 3", pattern=r"\d\d/\d")
    assert not accepted("123", pattern=r"\d\d/\d")
    assert accepted("1 2/3", values=["12/3", "4"])
    assert not accepted("123", values=["12/3", "4"])


def test_spaces_count_where_the_pattern_has_one() -> None:
    assert accepted("12 3", pattern=r"\d\d\s\d")
    assert not accepted("123", pattern=r"\d\d\s\d")
    assert not accepted("1 2 3", pattern=r"\d\d\s\d")


def test_several_hold_together() -> None:
    assert accepted("79927398713", length=11, check="luhn", pattern=r"7\d*")
    assert not accepted("79927398713", length=10, check="luhn")
    assert not accepted("79927398710", length=11, check="luhn")
    assert not accepted("29.2.2023", check="date", values=["29.2.2023"])


@pytest.mark.parametrize(
    ("constraints", "named"),
    [
        ({"length": 0}, "length"),
        ({"length": 101}, "length"),
        ({"pattern": "12x"}, "character 3, 'x'"),
        ({"values": []}, "values"),
        ({"values": ["1a"]}, "the character 'a' of '1a'"),
        ({"values": ["1 2"]}, "%2B"),
        ({"values": [""]}, "1 to 100 characters"),
        ({"values": ["1"] * 1001}, "values"),
        ({"check": "crc"}, "check"),
        ({"lenght": 5}, "lenght"),
    ],
)
def test_wrong_constraint_is_refused_by_name(constraints: dict[str, object], named: str) -> None:
    with pytest.raises(ValidationError, match=named):
        Constraints.model_validate(constraints)
