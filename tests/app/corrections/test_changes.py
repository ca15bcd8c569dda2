"""What a correction changed, digit by digit."""

from __future__ import annotations

import pytest

from app.corrections.changes import changes


@pytest.mark.parametrize(
    ("read", "right", "expected"),
    [
        ("1", "7", [("1", "7")]),
        ("4149", "4749", [("1", "7")]),
        ("4149", "9741", [("4", "9"), ("1", "7"), ("9", "1")]),
        ("414", "4149", [("other", "other")]),
        ("14", "4", [("other", "4")]),
        ("8", "none", [("8", "none")]),
        ("none", "8", [("none", "8")]),
        ("1234", "none", [("other", "none")]),
        (None, "7", [("unknown", "7")]),
        (None, "72", [("unknown", "other")]),
        ("7", "7", []),
        ("none", "none", []),
    ],
)
def test_each_digit_that_differs_is_one_change(read: str | None, right: str, expected: list[tuple[str, str]]) -> None:
    assert list(changes(read, right)) == expected


def test_a_word_of_four_letters_is_not_compared_with_four_digits() -> None:
    assert list(changes("none", "1234")) == [("none", "other")]
