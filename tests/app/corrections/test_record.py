"""What a record may say."""

from __future__ import annotations

import json
from datetime import date

import pytest
from pydantic import ValidationError

from app.corrections.record import Correction, Record


@pytest.mark.parametrize("digits", ["0", "0042", "9" * 64, "none"])
def test_digits_are_up_to_64_or_none(digits: str) -> None:
    assert Correction(digits=digits).digits == digits


@pytest.mark.parametrize("digits", ["", "9" * 65, "7 2", "None", "-1", "7.5", "\N{FULLWIDTH DIGIT SEVEN}", "7\n"])
def test_other_texts_are_no_digits(digits: str) -> None:
    with pytest.raises(ValidationError):
        Correction(digits=digits)


def test_a_record_says_what_is_listed_and_nothing_else() -> None:
    record = Record(digits="7", read="1", model="digits", version=7, created=date(2026, 11, 30), sha256="ab")
    assert json.loads(record.model_dump_json()) == {
        "format": 1,
        "digits": "7",
        "read": "1",
        "model": "digits",
        "version": 7,
        "created": "2026-11-30",
        "sha256": "ab",
    }
