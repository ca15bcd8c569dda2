"""JSON is bounded before it is materialised, and long arrays of numbers are read in pieces as short ones are whole."""

from __future__ import annotations

import json
import random
import re
from typing import Any

import numpy as np
import pytest

from app.codecs import json_body
from app.codecs.json_body import CUT_OUT, LongArray, parse_json, skeleton_of
from app.errors import InvalidRequest
from app.http import large_bodies

FILL = b" " * 300  # makes a body large
ROWS = [[index % 256 for index in range(28)] for _ in range(28)]


def large(text: str) -> bytes:
    return text.encode() + FILL


def array_in(body: bytes) -> Any:
    """The value of "data", as Python's lists."""
    parsed = parse_json(body)
    return parsed.numbers(parsed.root["data"], "data").to_array().tolist()


@pytest.fixture(autouse=True)
def everything_is_much(monkeypatch: pytest.MonkeyPatch) -> None:
    """Bodies of a few kilobytes are as much as those of megabytes otherwise."""
    monkeypatch.setattr(json_body, "SMALL_BODY", 300)
    monkeypatch.setattr(json_body, "MAX_TOKENS", 200)
    monkeypatch.setattr(large_bodies, "PIECE", 61)
    monkeypatch.setattr(json_body, "PIECE", 61)


@pytest.mark.parametrize("shape", [(784,), (1, 784), (3, 28, 28), (2, 28, 28, 1), (2, 1, 28, 28)], ids=str)
@pytest.mark.parametrize("indent", [None, 0, 3])
def test_array_is_the_same_in_a_large_body_as_in_a_small_one(shape: tuple[int, ...], indent: int | None) -> None:
    rng = np.random.default_rng(0)
    for numbers in (rng.integers(0, 256, shape), rng.random(shape), rng.integers(-9, 9, shape) * 1e30):
        text = json.dumps({"before": [1, "x"], "data": numbers.tolist(), "after": {"a": [[]]}}, indent=indent)
        parsed = parse_json(large(text))
        assert len(parsed.long_arrays) == 1
        array = parsed.numbers(parsed.root["data"], "data").to_array()
        assert np.array_equal(array, numbers)
        assert (array.dtype.kind == "u") == (numbers.dtype.kind == "i")
        assert (parsed.root["before"].as_list(), parsed.root["after"].as_dict()) == ([1, "x"], {"a": [[]]})
        assert array_in(text.encode()) == array.tolist()


def test_each_of_several_arrays_is_found_and_strings_are_left_alone() -> None:
    texts = [str(ROWS[:1]), '"', "\\", '\\"[1, 2, 3]', "[" * 9, json.dumps(json.dumps(ROWS[:1]))]
    document = [{"image": ROWS, "text": text} for text in texts]
    parsed = parse_json(large(json.dumps(document)))
    assert len(parsed.long_arrays) == len(texts)
    for row, text in zip(parsed.root, texts, strict=True):
        assert row["text"] == text
        assert parsed.numbers(row["image"]).to_array().tolist() == ROWS


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (str([*ROWS, ROWS[0][:27]]), "ragged"),
        (str([*ROWS, []]), "JSON Parse error|ragged"),
        (str([ROWS, 1]), "ragged"),
        (f"[{'[],' * 400}[]]", "JSON Parse error|ragged"),
        (f"[[{' ' * 999}]]", "empty|ragged"),
        (str(ROWS).replace("], [", "] ["), "ragged"),
        (str(ROWS).replace(", ", ",,"), "JSON Parse error|ragged"),
        (str(ROWS).replace(", ", " "), "JSON Parse error"),
        (str(ROWS).replace("27", "1.2.3"), "JSON Parse error"),
        (str(ROWS).replace("27", "1e400"), "JSON Parse error"),
        (str(ROWS).replace("27", str(10**400)), "JSON Parse error"),
        (str(ROWS).replace("27", "-"), "JSON Parse error"),
        (f"[[[[[{str(ROWS)[1:-1]}]]]]]", "too deeply"),
        ("[" * 5000 + "]" * 5000, "too deeply"),
    ],
)
def test_bad_array_in_a_large_body_is_refused(text: str, reason: str) -> None:
    with pytest.raises(InvalidRequest, match=reason):
        array_in(large(f'{{"data": {text}}}'))


MUCH = {
    "empty arrays between strings": '[],"",' * 1000,
    "strings": '"",' * 1000,
    "nulls": "null," * 1000,
    "objects": "{}," * 1000,
    "rows with a null": "[0,0,null]," * 1000,
    "nested objects": '{"a":' * 1000 + "0" + "}" * 1000 + ",",
    "a string of escapes": '"' + '\\"' * 1000 + '",',
    "words": "t" * 5000 + ",,,,,,,,,,,,," * 100,
}


@pytest.mark.parametrize("text", MUCH.values(), ids=list(MUCH))
def test_much_besides_numbers_is_refused_before_it_is_parsed(text: str) -> None:
    with pytest.raises(InvalidRequest, match="more than 200 values"):
        parse_json(large(f'{{"images": [{text}0]}}'))


def test_no_client_can_name_a_place_of_an_array() -> None:
    parsed = parse_json(large(json.dumps({"data": [0, CUT_OUT[::-1]], "rows": [ROWS]})))
    with pytest.raises(InvalidRequest, match="not a number"):
        parsed.numbers(parsed.root["data"]).to_array()


@pytest.mark.parametrize("body", [b"", b" \n", b"\xef\xbb\xbf", b"{", b'{"a": 1} x', b"[1e400]", b'{"a": "\xff"}'])
def test_broken_json_is_refused(body: bytes) -> None:
    for padded in (body, FILL + body):
        with pytest.raises(InvalidRequest, match="JSON Parse error"):
            parse_json(padded)


REASONS = [
    (b'{"a": [1, 2', "cut off"),
    (b'{"a": 1,}', "superfluous"),
    (b'{"a": "b}', "no closing quote"),
    (b'{"a": "\n"}', "line break"),
    (rb'{"a": "\x"}', "backslash"),
    (b'{"a": 1.2.3}', "a number is malformed"),
    (b'{"a": 100000000000000000000}', "64 bits"),
    (b'{"a": nil}', "true, false and null"),
    (b"NaN", "begins with { or ["),
    (b'--b\r\nContent-Disposition: form-data; name="a"\r\n\r\nx', "the body is a form, and must be JSON"),
    (b"<html>", "the body is an HTML page, and must be JSON"),
    (b"instances=1", "the body is something else, and must be JSON"),
]


@pytest.mark.parametrize(("body", "reason"), REASONS, ids=[reason for _, reason in REASONS])
def test_what_is_wrong_with_json_is_said_in_words(body: bytes, reason: str) -> None:
    with pytest.raises(InvalidRequest, match=f"^JSON Parse error: .*{re.escape(reason)}") as refused:
        parse_json(body)
    assert not re.search("[A-Z]_|[A-Z]{6}", refused.value.detail)  # no name of a constant


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_utf_16_is_refused_by_its_name(encoding: str) -> None:
    with pytest.raises(InvalidRequest, match="UTF-16"):
        parse_json('{"images": []}'.encode(encoding))


@pytest.mark.parametrize("end", [b"\0", b"\r\n\0\0", b"\0\n"])
def test_zeros_behind_the_json_are_ignored(end: bytes) -> None:
    """Clients in C send the one at the end of a string."""
    for body in (b'{"a": 1}', b'{"a": 1}' + FILL, json.dumps({"a": 1, "data": [ROWS]}).encode() + FILL):
        assert parse_json(body + end).root["a"] == 1


def test_byte_order_mark_of_utf_8_is_ignored() -> None:
    for body in (b'{"a": 1}', b'{"a": 1}' + FILL, json.dumps({"a": 1, "data": [ROWS]}).encode() + FILL):
        assert parse_json(b"\xef\xbb\xbf" + body).root["a"] == 1


def test_mutated_array_is_read_as_the_standard_library_reads_it_or_refused() -> None:
    rng = random.Random(0)
    seed = json.dumps({"a": [], "data": [ROWS[:3], ROWS[3:6]]})
    accepted = 0
    for _ in range(2000):
        text = seed
        for _ in range(rng.randint(1, 2)):
            start = rng.randrange(len(text))
            piece = rng.choice(
                ["", "[", "]", ",", " ", "0", "-", ".", "e", "[[", "],[", '"', "{", text[start : start + 90]]
            )
            text = text[:start] + piece + text[start + rng.choice([0, 1, 1, 30]) :]
        try:
            array = array_in(large(text))
        except (InvalidRequest, KeyError, TypeError):
            continue
        accepted += 1
        assert array == json.loads(text)["data"]
    assert accepted > 50


@pytest.mark.parametrize("shape", [(), (3,), (2, 3), (2, 3, 4), (1, 1, 1, 1)])
def test_skeleton_is_an_array_without_its_numbers(shape: tuple[int, ...]) -> None:
    text = json.dumps(np.zeros(shape, int).tolist()).encode()
    assert skeleton_of(shape) == text.translate(None, b"0 ")
    if shape:
        assert LongArray(text, slice(0, len(text))).shape == shape
