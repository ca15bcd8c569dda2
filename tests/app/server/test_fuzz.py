"""Damaged pictures of every format, by the thousand: each is read or refused, and the service stays what it was."""

from __future__ import annotations

import asyncio
import gc
import struct
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from random import Random
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from starlette.testclient import TestClient

from tests.app.conftest import encode
from tests.app.server.test_load import resident_kb
from tests.app.server.test_serve import serving, until
from tests.support.traffic import Answer, post, send

FORMATS: list[tuple[str, dict[str, Any]]] = [
    ("PNG", {}),
    ("PNG", {"optimize": True}),
    ("JPEG", {}),
    ("JPEG", {"progressive": True}),
    ("WEBP", {}),
    ("WEBP", {"lossless": True}),
    ("BMP", {}),
    ("GIF", {}),
    ("TIFF", {}),
    *[("TIFF", {"compression": each}) for each in ("tiff_lzw", "tiff_adobe_deflate", "packbits", "jpeg")],
]
REFUSALS = {413, 415, 422}
PATHS = ("/predict", "/predict", "/predict", "/read", "/predict?return_image=true")


def corpus(digit: NDArray[np.uint8]) -> list[bytes]:
    """The digit in every format: small and grey, larger and coloured."""
    coloured = np.dstack([np.kron(digit, np.ones((3, 2), np.uint8))] * 3)
    return [encode(pixels, kind, **options) for kind, options in FORMATS for pixels in (digit, coloured)]


def flip(picture: bytearray, other: bytes, random: Random) -> None:
    for _ in range(random.choice([1, 1, 2, 8])):
        picture[random.randrange(len(picture))] ^= 1 << random.randrange(8)


def overwrite(picture: bytearray, other: bytes, random: Random) -> None:
    """With the values at which sizes and offsets overflow."""
    extreme = random.choice([b"\0", b"\xff", b"\x7f\xff\xff\xff", b"\xff\xff\xff\x7f", b"\x80\0\0\0", b"\0\0\0\x80"])
    start = random.randrange(min(len(picture), 64)) if random.random() < 0.5 else random.randrange(len(picture))
    picture[start : start + len(extreme)] = extreme


def cut(picture: bytearray, other: bytes, random: Random) -> None:
    del picture[random.randrange(2, len(picture) + 1) :]


def drop(picture: bytearray, other: bytes, random: Random) -> None:
    start = random.randrange(2, len(picture) + 1)
    del picture[start : start + random.randrange(1, 64)]


def repeat(picture: bytearray, other: bytes, random: Random) -> None:
    start = random.randrange(len(picture))
    picture[start:start] = picture[start : start + random.randrange(1, 64)] * random.choice([1, 2, 50])


def splice(picture: bytearray, other: bytes, random: Random) -> None:
    picture[random.randrange(2, len(picture) + 1) :] = other[random.randrange(len(other)) :]


# Each leaves two bytes at least, for the next one.
DAMAGES: list[Callable[[bytearray, bytes, Random], None]] = [flip, overwrite, cut, drop, repeat, splice]


def damaged(pictures: list[bytes], random: Random) -> Iterator[bytes]:
    while True:
        picture = bytearray(random.choice(pictures))
        for damage in random.choices(DAMAGES, k=random.choice([1, 1, 2, 3])):
            damage(picture, random.choice(pictures), random)
        yield with_sums(bytes(picture)) if random.random() < 0.5 else bytes(picture)


def with_sums(picture: bytes) -> bytes:
    """A PNG with the check sums that its chunks should have: without them nothing damaged is looked at."""
    mended, place = picture[:8], 8
    while picture.startswith(b"\x89PNG") and place + 12 <= len(picture):
        (length,) = struct.unpack(">I", picture[place : place + 4])
        chunk = picture[place + 4 : place + 8 + length]
        mended += picture[place : place + 4] + chunk + struct.pack(">I", zlib.crc32(chunk))
        place += 12 + length
    return mended + picture[place:]


@pytest.mark.parametrize("number", [2_000, pytest.param(100_000, marks=pytest.mark.slow)])
def test_damaged_pictures_are_read_or_refused(seven: NDArray[np.uint8], number: int) -> None:
    """Always the same ones. The pictures without damage, between them, are read as ever."""
    pictures = corpus(seven)
    statuses: Counter[int] = Counter()
    wrong: list[tuple[bytes, Answer]] = []

    def see(request: bytes, answer: Answer) -> None:
        statuses[answer.status] += 1
        if answer.status not in REFUSALS | {200}:
            wrong.append((request, answer))

    random = Random(number)
    with ThreadPoolExecutor(1) as reader, serving("--device", "cpu", "--log-level", "error") as service:
        assert service.process.stderr
        log = reader.submit(service.process.stderr.read)  # at once: a full pipe would stop it
        port = int(service.address.rsplit(":", 1)[1])
        resident = []
        for _ in range(4):
            bodies = islice(damaged(pictures, random), number // 4)
            asyncio.run(send(port, (post(random.choice(PATHS), each) for each in bodies), see))
            asyncio.run(send(port, (post("/predict", each) for each in pictures), assert_seven))
            resident.append(resident_kb(service))
        service.process.terminate()
        assert service.process.wait(60) == 0
    print(f"{dict(statuses)}; memory after each quarter {resident} kB")
    assert not wrong, wrong[0]
    assert log.result() == ""  # nothing of ours, nor of the libraries that decode
    assert min(statuses[200], statuses[415]) > number // 20  # some got through the decoder, and some did not
    assert resident[3] < resident[2] + 50_000  # a picture said to be large leaves holes, until all are in use


def assert_seven(request: bytes, answer: Answer) -> None:
    assert answer.status == 200
    assert b'"digit":7' in answer.body


@pytest.fixture
def no_garbage_is_collected() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def living_pictures() -> int:
    return sum(isinstance(each, Image.Image) for each in gc.get_objects())


@pytest.mark.usefixtures("no_garbage_is_collected")
@pytest.mark.parametrize("path", ["/predict", "/read", "/explain"])
@pytest.mark.parametrize("server", ["client", "plain_client"])
def test_damaged_picture_is_let_go_of_at_once(path: str, server: str, request: pytest.FixtureRequest) -> None:
    """It may be 200 MB when its damage is found, too much to leave to the garbage collector."""
    client: TestClient = request.getfixturevalue(server)
    before = living_pictures()
    noise = encode(np.random.default_rng(0).integers(0, 256, (600, 600), np.uint8), "JPEG")
    assert client.post(path, content=noise[: len(noise) // 2]).status_code == 415
    until(lambda: living_pictures() <= before)
