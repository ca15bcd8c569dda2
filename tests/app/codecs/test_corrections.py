"""Corrections in bytes."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from app.codecs.bodies import Limits
from app.codecs.corrections import ReceivedCorrection, parse_correction
from app.errors import InvalidRequest, TooManyPictures

PNG = b"\x89PNG, as far as this goes"
TEXT = base64.b64encode(PNG).decode()
LIMITS = Limits(max_pictures=4, max_pixels=10**6, max_pages=1)


def form(*parts: tuple[str, bytes]) -> tuple[bytes, bytes]:
    """The Content-Type and the body; a part named picture is a file."""
    body = b""
    for name, content in parts:
        file = '; filename="secret.png"' if name == "picture" else ""
        body += f'--XX\r\nContent-Disposition: form-data; name="{name}"{file}\r\n\r\n'.encode() + content + b"\r\n"
    return b"multipart/form-data; boundary=XX", body + b"--XX--\r\n"


def parse_json_body(document: Any) -> ReceivedCorrection:
    return parse_correction(b"application/json", json.dumps(document).encode(), LIMITS)


def test_a_form_and_json_say_the_same() -> None:
    fields = (
        ("digits", b"0417"),
        ("region", b"1, 2,30,40"),
        ("read", b"0411"),
        ("model", b"digits"),
        ("version", b"7"),
    )
    of_form = parse_correction(*form(("picture", PNG), *fields), LIMITS)
    of_json = parse_json_body(
        {"image": TEXT, "digits": "0417", "region": [1, 2, 30, 40], "read": "0411", "model": "digits", "version": 7}
    )
    assert of_form == of_json
    assert of_form.picture == PNG
    assert of_form.correction.region == (1, 2, 30, 40)
    assert of_form.correction.version == 7


def test_the_picture_and_the_digits_are_enough_and_empty_fields_are_absent() -> None:
    bare = parse_correction(*form(("picture", PNG), ("digits", b"none")), LIMITS)
    empty = parse_correction(
        *form(("picture", PNG), ("digits", b"none"), ("region", b""), ("read", b""), ("version", b"")), LIMITS
    )
    assert bare == empty == parse_json_body({"image": TEXT, "digits": "none", "read": None, "mood": "good"})


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("digits", "seven"),
        ("digits", 7),
        ("read", "24/12"),
        ("version", 0),
        ("version", "newest"),
        ("model", "../../etc"),
        ("region", "1,2,3"),
        ("region", [1, 2, 0, 4]),
        ("region", "a,b,c,d"),
        ("region", [True, 2, 30, 40]),
        ("region", [1, 2, 30, False]),
        ("version", True),
        ("region", {"left": 1}),
    ],
)
def test_a_wrong_field_is_named(field: str, value: Any) -> None:
    with pytest.raises(InvalidRequest, match=f"The field '{field}'"):
        parse_json_body({"image": TEXT, "digits": "7"} | {field: value})


@pytest.mark.parametrize("field", ['"digits": "8"', '"image": "aGk="', '"region": [0, 0, 9, 9]', '"mood": 1'])
def test_a_field_that_json_has_twice_is_named(field: str) -> None:
    """Which of them counts differs from parser to parser."""
    document = f'{{"image": "{TEXT}", "digits": "7", "region": [1, 2, 3, 4], "mood": 0, {field}}}'
    with pytest.raises(InvalidRequest, match="is given twice"):
        parse_correction(b"application/json", document.encode(), LIMITS)


def test_missing_digits_are_named_with_what_they_are() -> None:
    with pytest.raises(InvalidRequest, match=r"'digits'.*The right digits"):
        parse_json_body({"image": TEXT})


def test_a_form_or_json_without_a_picture_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="picture"):
        parse_correction(*form(("digits", b"7")), LIMITS)
    with pytest.raises(InvalidRequest, match="pictures"):
        parse_json_body({"digits": "7"})


def test_one_correction_has_one_picture() -> None:
    with pytest.raises(TooManyPictures):
        parse_correction(*form(("picture", PNG), ("picture", PNG), ("digits", b"7")), LIMITS)


@pytest.mark.parametrize("body", [PNG, b"", b"digits=7", json.dumps(TEXT).encode()])
def test_a_body_that_cannot_hold_the_digits_is_told_what_to_send(body: bytes) -> None:
    with pytest.raises(InvalidRequest, match="curl -F picture="):
        parse_correction(b"", body, LIMITS)
