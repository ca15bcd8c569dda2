"""Check digits against known numbers, and against their definitions on all short texts."""

from __future__ import annotations

import pytest

from app.segmentation.constraints.automaton import accepts_text
from app.segmentation.constraints.checksums import CHECKSUMS

VALID = {
    "luhn": ["79927398713", "4111111111111111", "4111 1111 1111 1111", "378282246310005", "00"],
    "mod97": [
        "79444",
        "794 44",
        "3214282912345698765432161182",
    ],  # ISO 7064's own example; an IBAN with its letters as numbers
    "ean13": ["4006381333931", "978-3-16-148410-0", "5901234123457"],
    "isbn": ["9783161484100", "978-0-306-40615-7", "0306406152", "0-306-40615-2"],
}
INVALID = {
    "luhn": ["79927398710", "4111111111111112", "0", ""],
    "mod97": ["79445", "1", "98", ""],
    "ean13": ["4006381333932", "400638133393", "40063813339310"],
    "isbn": ["9783161484101", "4006381333931", "0306406153", "030640615"],
}


@pytest.mark.parametrize("check", CHECKSUMS)
def test_known_numbers_are_accepted_and_wrong_ones_are_not(check: str) -> None:
    for text in VALID[check]:
        assert accepts_text(CHECKSUMS[check], text), text
    for text in INVALID[check]:
        assert not accepts_text(CHECKSUMS[check], text), text


def test_luhn_by_its_definition() -> None:
    for number in range(10, 100_000):
        text = str(number)
        doubled = [sum(divmod(2 * int(digit), 10)) for digit in text[-2::-2]]
        total = sum(doubled) + sum(int(digit) for digit in text[::-2])
        assert accepts_text(CHECKSUMS["luhn"], text) == (total % 10 == 0), text


def test_mod97_by_its_definition() -> None:
    for number in range(100, 100_000):
        assert accepts_text(CHECKSUMS["mod97"], str(number)) == (number % 97 == 1), number


@pytest.mark.parametrize(
    ("check", "text"), [("ean13", "400638133393"), ("isbn", "978316148410"), ("isbn", "030640615")]
)
def test_one_check_digit_of_ten_fits(check: str, text: str) -> None:
    assert sum(accepts_text(CHECKSUMS[check], f"{text}{digit}") for digit in range(10)) == 1


@pytest.mark.parametrize("check", CHECKSUMS)
def test_one_wrong_digit_is_noticed(check: str) -> None:
    text = VALID[check][0]
    for place, digit in enumerate(text):
        others = (text[:place] + str(other) + text[place + 1 :] for other in range(10) if str(other) != digit)
        assert not any(accepts_text(CHECKSUMS[check], other) for other in others)
