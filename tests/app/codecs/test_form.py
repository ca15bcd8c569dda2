"""Forms as RFC 7578 and RFC 2046 have them and as clients send them."""

from __future__ import annotations

import base64
import random
import time
from typing import Any
from urllib.parse import unquote_to_bytes

import pytest
from starlette.testclient import TestClient

from app.codecs import form
from app.codecs.form import media_type, parse_multipart, parse_urlencoded, percent_decode
from app.errors import InvalidRequest
from tests.support.predictions import digits_of
from tests.support.problems import assert_problem

FORM = b"multipart/form-data; boundary=XX"
FILE = b'form-data; name="file"; filename="a.png"'


def test_name_of_a_field_is_kept() -> None:
    body = part(b"7", b'form-data; filename="a.png"; name="b"') + part(b"8", b"form-data; name=c") + b"--XX--"
    assert [field.name for field in parse_multipart(FORM, body)] == [b"b", b"c"]


@pytest.mark.parametrize("name", [b"x; filename=y", b'x\\"; filename=y', b"; Name=y; filename*=y"])
def test_a_quoted_name_may_look_like_other_parameters(name: bytes) -> None:
    (field,) = parse_multipart(FORM, part(b"7", b'form-data; name="%b"' % name) + b"--XX--")
    assert (field.name, field.file_name) == (name, None)


def test_a_quote_that_is_not_closed_takes_no_time() -> None:
    disposition = b"form-data" + b';a="\\"' * 2500
    started = time.perf_counter()
    parse_multipart(FORM, part(b"7", disposition) * 100 + b"--XX--")
    assert time.perf_counter() - started < 1


def part(content: bytes, disposition: bytes = FILE, *headers: bytes) -> bytes:
    return b"\r\n".join([b"--XX", b"Content-Disposition: " + disposition, *headers, b"", content, b""])


def post(client: TestClient, body: bytes, content_type: bytes = FORM, path: str = "/predict") -> Any:
    return client.post(path, content=body, headers={"Content-Type": content_type.decode("latin-1")})


def test_media_type_has_no_case_and_no_parameters() -> None:
    assert media_type(b' Multipart/Form-Data ; boundary="A"') == b"multipart/form-data"
    assert media_type(b"") == b""


@pytest.mark.parametrize(
    "disposition",
    [
        FILE,
        b'form-data; name="file"',
        b'form-data; name="file"; filename=""',
        b'form-data; name="file"; filename="\xe6\x95\xb0.png"',
        b"form-data; name=file; filename=a.png",
        b"form-data; name=\"file\"; filename*=UTF-8''%E6%95%B0.png",
        b'form-data;name="file";FileName="a.png";filename*=UTF-8\'\'a.png',
        b'form-data;\r\n name="file";\r\n\tfilename="a.png"',
        b"attachment",
    ],
)
def test_part_is_a_picture_whatever_its_name(client: TestClient, seven_png: bytes, disposition: bytes) -> None:
    body = part(seven_png, disposition) + b"--XX--\r\n"
    for path in ("/predict", "/invocations"):
        assert digits_of(post(client, body, path=path)) == [7]
    for path in ("/read", "/explain"):
        assert post(client, body, path=path).status_code == 200


@pytest.mark.parametrize(
    "content_type",
    [
        b"Multipart/Form-Data; boundary=XX",
        b'multipart/form-data; BOUNDARY="XX"',
        b"multipart/form-data; charset=utf-8; boundary=XX",
        b"multipart/form-data;boundary=XX;charset=utf-8",
        b"multipart/mixed; boundary=XX",
    ],
)
def test_boundary_is_found_in_every_way_to_write_it(client: TestClient, seven_png: bytes, content_type: bytes) -> None:
    assert digits_of(post(client, part(seven_png) + b"--XX--", content_type)) == [7]


@pytest.mark.parametrize(
    ("before", "after"),
    [(b"", b"--XX--"), (b"a preamble\r\n", b"--XX--\r\nan epilogue"), (b"\r\n", b"--XX--\n"), (b"", b"--XX\r\n")],
)
def test_text_around_the_parts_is_dropped(client: TestClient, seven_png: bytes, before: bytes, after: bytes) -> None:
    assert digits_of(post(client, before + part(seven_png) + after)) == [7]


def test_lines_may_end_without_carriage_returns_and_with_spaces() -> None:
    bare = b"--XX\nContent-Disposition: form-data\n\na\r\nb\n--XX--\n"
    spaced = part(b"a\r\nb").replace(b"--XX", b"--XX \t") + b"--XX-- "
    for body in (bare, spaced):
        assert [found.content for found in parse_multipart(FORM, body)] == [b"a\r\nb"]


def test_boundary_within_a_line_is_content() -> None:
    (found,) = parse_multipart(FORM, part(b"a--XX\r\n--XXX\r\n --XX--") + b"--XX--")
    assert found.content == b"a--XX\r\n--XXX\r\n --XX--"


def test_part_may_be_encoded(seven_png: bytes) -> None:
    encoded = base64.encodebytes(seven_png)
    for encoding, content in ((b"BASE64", encoded), (b"binary", seven_png), (b"8bit", seven_png)):
        body = part(content, FILE, b"Content-Transfer-Encoding: " + encoding) + b"--XX--"
        assert parse_multipart(FORM, body)[0].content == seven_png


def test_several_files_in_one_field_and_fields_beside_them(client: TestClient, seven_png: bytes) -> None:
    """Other fields, and a file input in which nothing was chosen, are no pictures."""
    fields = part(b"digits", b'form-data; name="author"') + part(b"", b'form-data; name="other"; filename=""')
    body = fields + part(seven_png) + part(b"caf\xc3\xa9", b'form-data; name="note"') + part(seven_png) + b"--XX--"
    assert digits_of(post(client, body)) == [7, 7]


def test_file_that_is_no_picture_is_refused_with_its_index(client: TestClient, seven_png: bytes) -> None:
    for content, status, slug in ((b"hello", 415, "unsupported-picture"), (b"", 400, "invalid-request")):
        problem = assert_problem(post(client, part(seven_png) + part(content) + b"--XX--"), status, slug)
        assert problem["picture"] == 1


@pytest.mark.parametrize(
    ("content_type", "body", "reason"),
    [
        (b"multipart/form-data", part(b"x") + b"--XX--", "no boundary"),
        (b"multipart/form-data; boundary=", part(b"x") + b"--XX--", "no boundary"),
        (b"multipart/form-data; boundary=YY", part(b"x") + b"--XX--", "does not occur"),
        (FORM, b"", "does not occur"),
        (FORM, part(b"x"), "cut off"),
        (FORM, b"--XX\r\nno headers at all\r\n--XX--", "no empty line"),
        (FORM, b"--XX\r\nnonsense\r\n\r\nx\r\n--XX--", "malformed"),
        (FORM, part(b"x" * 5, FILE, b"Content-Transfer-Encoding: base64") + b"--XX--", "not the base64"),
        (FORM, part(b"x", FILE, b"Content-Transfer-Encoding: quoted-printable") + b"--XX--", "binary or base64"),
        (FORM, part(b"x", b'form-data; name="a"') * 1001 + b"--XX--", "more than 1,000 parts"),
        (FORM, part(b"x", b'form-data; name="a"') + b"--XX--", "no picture"),
        (FORM, b"--XX--", "no picture"),
        (b"application/x-www-form-urlencoded", b"a=1&" * 1001, "more than 1,000 fields"),
        (b"application/x-www-form-urlencoded", b"a=1&image=hello", "no picture"),
    ],
)
def test_form_is_refused_with_the_reason(client: TestClient, content_type: bytes, body: bytes, reason: str) -> None:
    assert reason in assert_problem(post(client, body, content_type), 400, "invalid-request")["detail"]


def test_mutated_form_is_parsed_or_refused() -> None:
    rng = random.Random(0)
    disposition = b'form-data; name="f"; filename*=UTF-8\'\'%E6%95%B0.png; filename="q\\"x"'
    seed = part(b"eHl6", disposition, b"Content-Type: Image/PNG", b"Content-Transfer-Encoding: base64") + b"--XX--"
    tokens = [b"*", b"'", b'"', b";", b"=", b"%", b"\\", b"\xff", b"\0", b"\r\n ", b"\n", b"*0*", b"--XX", b"--", b":"]
    refused = 0
    for _ in range(3000):
        body = bytearray(seed)
        for _ in range(rng.randint(1, 4)):
            start = rng.randrange(len(body))
            body[start : start + rng.choice([0, 1, 2, 20])] = rng.choice(tokens)
        try:
            parse_multipart(FORM, bytes(body))
        except InvalidRequest:
            refused += 1
    assert 100 < refused < 2900


def test_urlencoded_fields_are_decoded_and_keep_their_plus_signs() -> None:
    contents = [field.content for field in parse_urlencoded(b"image=a%2Bb+c%3D%3D&empty=&alone&x=y=z")]
    assert contents == [b"a+b+c==", b"", b"", b"y=z"]


def test_escapes_are_decoded_in_pieces_as_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(form, "PIECE", 16)
    rng = random.Random(0)
    for _ in range(500):
        text = b"".join(rng.choices([b"a", b"%41", b"%", b"%4", b"%%", b"%zz"], k=rng.randrange(60)))
        assert percent_decode(text) == unquote_to_bytes(text)
