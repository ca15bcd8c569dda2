"""NumPy array files, through /invocations."""

from __future__ import annotations

import random

import numpy as np
import pytest
from numpy.typing import NDArray
from starlette.testclient import TestClient

from app.codecs.npy import decode_npy
from app.errors import ServiceError
from tests.support.invocations import argmax, invoke, npy
from tests.support.problems import assert_problem


@pytest.mark.parametrize("dtype", ["u1", "<i8", ">i4", "<f4", ">f8", "<f2", "?"])
def test_array_of_any_type_is_read(client: TestClient, seven: NDArray[np.uint8], dtype: str) -> None:
    array = (seven > 127 if dtype == "?" else seven).astype(dtype).reshape(1, 28, 28)
    for layout in (array, np.asfortranarray(array), array.reshape(1, 784)):
        assert argmax(invoke(client, npy(layout), "application/x-npy")) == [7]


def npy_file(text: str, version: bytes = b"\x01\x00", rest: bytes = b"") -> bytes:
    """An array file with this text as its header and `rest` as its numbers."""
    content = text.encode() + b"\n"
    return b"\x93NUMPY" + version + len(content).to_bytes(2 if version == b"\x01\x00" else 4, "little") + content + rest


def header(shape: str, dtype: str = "'|u1'") -> str:
    return f"{{'descr': {dtype}, 'fortran_order': False, 'shape': {shape}, }}"


BAD_ARRAYS = {
    "empty": b"",
    "text": b"I am an array",
    "magic alone": b"\x93NUMPY",
    "no version": npy_file("", b"\x09\x00"),
    "no header": npy_file(""),
    "no dictionary": npy_file("[1]"),
    "nested header": npy_file("(" * 9000),
    "signs": npy_file("-" * 9000 + "1"),
    "header longer than the body": b"\x93NUMPY\x01\x00\xff\xff{",
    "huge header": b"\x93NUMPY\x02\x00\xff\xff\xff\xff{",
    "pickled": npy(np.array([{"a": 1}], object)),
    "strings": npy(np.array(["a"])),
    "records": npy(np.zeros(1, [("a", "u1", 784)])),
    "complex": npy(np.zeros((1, 784), complex)),
    "dates": npy(np.zeros((1, 784), "M8[s]")),
    "wrong shape": npy(np.zeros((28, 28))),
    "no images": npy(np.zeros((0, 28, 28))),
    "five dimensions": npy(np.zeros((1, 1, 1, 28, 28))),
    "scalar": npy(np.zeros(())),
    "NaN": npy(np.full((1, 784), np.nan)),
    "infinite": npy(np.full((1, 784), np.inf)),
    "negative": npy(np.full((1, 784), -1)),
    "too bright": npy(np.full((1, 784), 256)),
    "more images than follow": npy_file(header("(2, 28, 28)"), rest=bytes(784)),
    "far more images than follow, by a formula": npy_file(header("(10**15, 28, 28)"), rest=bytes(784)),
    "far more images than follow": npy_file(header("(1000000000000000, 28, 28)"), rest=bytes(784)),
    "negative size": npy_file(header("(-1, 28, 28)"), rest=bytes(784)),
    "two negative sizes": npy_file(header("(1, -28, -28)"), rest=bytes(784)),
    "size not a number": npy_file(header("('1', 28, 28)"), rest=bytes(784)),
    "no type": npy_file(header("(1, 784)", "'nothing'"), rest=bytes(784)),
    "type of several numbers": npy_file(header("(1, 28, 28)", "('|u1', (784,))"), rest=bytes(784)),
    "more bytes than its shape": npy_file(header("(1, 784)"), rest=bytes(785)),
}


@pytest.mark.parametrize("body", BAD_ARRAYS.values(), ids=list(BAD_ARRAYS))
def test_bad_array_is_refused(client: TestClient, body: bytes) -> None:
    assert_problem(invoke(client, body, "application/x-npy"), 400, "invalid-request")


def test_array_written_by_python_2_is_read() -> None:
    assert decode_npy(npy_file(header("(1L, 784L)"), rest=bytes(784))).shape == (1, 784)


def test_mutated_array_is_read_or_refused(seven: NDArray[np.uint8]) -> None:
    rng, body = random.Random(0), npy(seven[np.newaxis])
    refused = 0
    for _ in range(500):
        changed = bytearray(body)
        for _ in range(rng.randint(1, 3)):
            changed[rng.randrange(128)] = rng.choice([*b"0123456789'(),{}<>|=uifbOSUV-", rng.randrange(256)])
        try:
            decode_npy(bytes(changed))
        except ServiceError:
            refused += 1
    assert 100 < refused < 500
