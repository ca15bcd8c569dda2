"""Damaged pictures of every format, by the thousand: each is read or refused, and harms nothing."""

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

from tests.support.pictures import encode
from tests.support.service import serving, wait_until
from tests.support.traffic import Response, post, send

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
    *[("TIFF", {"compression": compression}) for compression in ("tiff_lzw", "tiff_adobe_deflate", "packbits", "jpeg")],
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


# Each leaves at least two bytes, for the next one.
DAMAGES: list[Callable[[bytearray, bytes, Random], None]] = [flip, overwrite, cut, drop, repeat, splice]


def damaged(pictures: list[bytes], random: Random) -> Iterator[bytes]:
    while True:
        picture = bytearray(random.choice(pictures))
        for damage in random.choices(DAMAGES, k=random.choice([1, 1, 2, 3])):
            damage(picture, random.choice(pictures), random)
        yield with_checksums(bytes(picture)) if random.random() < 0.5 else bytes(picture)


def with_checksums(picture: bytes) -> bytes:
    """A PNG with correct checksums: a decoder ignores chunks whose checksum is wrong."""
    mended, position = picture[:8], 8
    while picture.startswith(b"\x89PNG") and position + 12 <= len(picture):
        (length,) = struct.unpack(">I", picture[position : position + 4])
        chunk = picture[position + 4 : position + 8 + length]
        mended += picture[position : position + 4] + chunk + struct.pack(">I", zlib.crc32(chunk))
        position += 12 + length
    return mended + picture[position:]


@pytest.mark.parametrize("number", [2_000, pytest.param(100_000, marks=pytest.mark.slow)])
def test_damaged_pictures_are_read_or_refused(seven: NDArray[np.uint8], number: int) -> None:
    """Always the same damage. Undamaged pictures between them are read correctly."""
    pictures = corpus(seven)
    statuses: Counter[int] = Counter()
    wrong: list[tuple[bytes, Response]] = []

    def record(request: bytes, response: Response) -> None:
        statuses[response.status] += 1
        if response.status not in REFUSALS | {200}:
            wrong.append((request, response))

    random = Random(number)
    with ThreadPoolExecutor(1) as reader, serving("--device", "cpu", "--log-level", "error") as service:
        assert service.process.stderr
        log = reader.submit(service.process.stderr.read)  # at once: a full pipe would stop it
        resident = []
        for _ in range(4):
            bodies = islice(damaged(pictures, random), number // 4)
            asyncio.run(send(service.port, (post(random.choice(PATHS), body) for body in bodies), record))
            asyncio.run(send(service.port, (post("/predict", picture) for picture in pictures), assert_seven))
            resident.append(service.resident_kb())
        service.process.terminate()
        assert service.process.wait(60) == 0
    print(f"{dict(statuses)}; memory after each quarter {resident} kB")
    assert not wrong, wrong[0]
    assert log.result() == ""  # neither from the service nor from the libraries that decode
    assert min(statuses[200], statuses[415]) > number // 20  # some got through the decoder, and some did not
    assert resident[3] < resident[2] + 50_000  # sizes that damage makes huge leave holes in the heap


def assert_seven(request: bytes, response: Response) -> None:
    assert response.status == 200
    assert b'"digit":7' in response.body


@pytest.fixture
def garbage_collection_off() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def living_pictures() -> int:
    return sum(isinstance(instance, Image.Image) for instance in gc.get_objects())


@pytest.mark.usefixtures("garbage_collection_off")
@pytest.mark.parametrize("path", ["/predict", "/read", "/explain"])
@pytest.mark.parametrize("server", ["client", "plain_client"])
def test_damaged_picture_is_freed_at_once(path: str, server: str, request: pytest.FixtureRequest) -> None:
    """It may take 200 MB when its damage is found, too much to leave to the garbage collector."""
    client: TestClient = request.getfixturevalue(server)
    before = living_pictures()
    noise = encode(np.random.default_rng(0).integers(0, 256, (600, 600), np.uint8), "JPEG")
    assert client.post(path, content=noise[: len(noise) // 2]).status_code == 415
    wait_until(lambda: living_pictures() <= before)
