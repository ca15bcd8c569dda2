"""Bodies: bounded, and decompressed within the same bound."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable, Iterator

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from app.errors import Overloaded
from app.http.body_limit import BodyLimitMiddleware, InflightBytes, RequestLimits
from app.http.problems import ProblemMiddleware


async def echo(request: Request) -> PlainTextResponse:
    return PlainTextResponse(await request.body())


def echoing(max_bytes: int, inflight_bytes: int = 2**24) -> TestClient:
    app = Starlette(routes=[Route("/echo", echo, methods=["GET", "POST"])])
    inflight = InflightBytes(inflight_bytes)
    limits = RequestLimits(max_body_bytes=max_bytes, inflight=inflight, timeout_s=10)
    app.add_middleware(BodyLimitMiddleware, limits=limits)
    app.add_middleware(ProblemMiddleware)
    return TestClient(app)


def test_body_within_the_limit_passes() -> None:
    assert echoing(10).post("/echo", content=b"0123456789").text == "0123456789"


def test_declared_body_over_the_limit_is_refused() -> None:
    response = echoing(10).post("/echo", content=b"0123456789+")
    assert response.status_code == 413
    assert response.headers["connection"] == "close"
    assert response.json()["type"] == "urn:digits:problem:body-too-large"


def test_undeclared_body_over_the_limit_is_refused_while_reading() -> None:
    def chunks() -> Iterator[bytes]:
        for _ in range(4):
            yield b"0123"

    assert echoing(10).post("/echo", content=chunks()).status_code == 413


def gzipped(content: bytes) -> bytes:
    return gzip.compress(content)


def raw_deflate(content: bytes) -> bytes:
    stream = zlib.compressobj(wbits=-15)
    return stream.compress(content) + stream.flush()


@pytest.mark.parametrize(
    ("encoding", "compress"),
    [
        ("gzip", gzipped),
        ("GZIP", gzipped),
        ("X-Gzip", gzipped),
        (" gzip ", gzipped),
        ("gzip", lambda content: gzip.compress(content[:30]) + gzip.compress(content[30:])),
        ("deflate", zlib.compress),
        ("Deflate", raw_deflate),
        ("identity", bytes),
        ("gzip,", gzipped),
        (", identity, gzip", gzipped),
        (",", bytes),
    ],
    ids=[
        "gzip",
        "capitals",
        "x-gzip",
        "spaces",
        "two members",
        "deflate",
        "bare deflate",
        "identity",
        "empty at the end",
        "identity before it",
        "empty",
    ],
)
def test_compressed_body_is_decompressed(encoding: str, compress: Callable[[bytes], bytes]) -> None:
    response = echoing(100).post("/echo", content=compress(b"x" * 100), headers={"Content-Encoding": encoding})
    assert response.text == "x" * 100


def test_compressed_body_over_the_limit_is_refused_though_it_is_small() -> None:
    client = echoing(100_000)
    bomb = gzip.compress(bytes(50_000_000))
    assert len(bomb) < 100_000
    assert client.post("/echo", content=bomb, headers={"Content-Encoding": "gzip"}).status_code == 413
    fits = gzip.compress(bytes(100_000))
    assert len(client.post("/echo", content=fits, headers={"Content-Encoding": "gzip"}).content) == 100_000


@pytest.mark.parametrize(
    ("encoding", "body"),
    [
        ("gzip", b"no gzip"),
        ("deflate", b"\xff\xff"),
        ("gzip", gzip.compress(b"abc")[:-4]),
        ("gzip", gzip.compress(b"abc") + b"garbage"),
        ("gzip", gzip.compress(b"abc") + gzip.compress(b"def")[:-4]),
        ("gzip", gzip.compress(b"") * 1001),
        ("deflate", zlib.compress(b"abc") + b"x"),
    ],
    # Explicit: gzip's output contains the time, and pytest-xdist's processes must agree on the names of tests.
    ids=[
        "gzip of something else",
        "deflate of something else",
        "cut off",
        "garbage behind it",
        "second member cut off",
        "too many members",
        "more behind the end of deflate",
    ],
)
def test_body_that_does_not_match_its_encoding_is_refused(encoding: str, body: bytes) -> None:
    response = echoing(100_000).post("/echo", content=body, headers={"Content-Encoding": encoding})
    assert response.status_code == 400
    assert response.json()["type"] == "urn:digits:problem:invalid-request"


@pytest.mark.parametrize("encoding", ["br", "zstd", "gzip, gzip", "utf-8"])
def test_encoding_that_is_not_supported_is_answered_with_those_that_are(encoding: str) -> None:
    response = echoing(100_000).post("/echo", content=b"abc", headers={"Content-Encoding": encoding})
    assert response.status_code == 415
    assert response.json()["type"] == "urn:digits:problem:unsupported-coding"
    assert response.headers["Accept-Encoding"] == "gzip, deflate"


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br"])
def test_encoding_of_no_content_is_ignored(encoding: str) -> None:
    """As HTTP libraries send it whose headers are set once for all requests, and probes configured with it."""
    client, headers = echoing(100), {"Content-Encoding": encoding}
    for response in (client.get("/echo", headers=headers), client.post("/echo", headers=headers)):
        assert (response.status_code, response.text) == (200, "")


# --- the bytes of all bodies under way -------------------------------------------------------------------------------


def test_large_bodies_leave_a_part_of_the_limit_to_small_ones() -> None:
    inflight = InflightBytes(800_000)
    inflight.reserve(700_000, 700_000)
    with pytest.raises(Overloaded):
        inflight.reserve(70_000, 70_000)
    inflight.reserve(60_000, 60_000)
    inflight.reserve(40_000, 40_000)
    with pytest.raises(Overloaded):
        inflight.reserve(1, 1)
    inflight.release(700_000)
    inflight.reserve(600_000, 600_000)


@pytest.mark.parametrize("encoding", ["identity", "gzip"])
@pytest.mark.parametrize("declared", [True, False])
def test_body_without_room_is_refused_and_all_bytes_are_given_back(encoding: str, declared: bool) -> None:
    """A compressed body counts twice: as it came, and decompressed."""

    def content(size: int) -> bytes | Iterator[bytes]:
        body = gzip.compress(bytes(size)) if encoding == "gzip" else bytes(size)
        return body if declared else iter([body[:10], body[10:]])

    client = echoing(2**20, inflight_bytes=200_000)
    for _ in range(3):
        refused = client.post("/echo", content=content(190_000), headers={"Content-Encoding": encoding})
        assert refused.status_code == 503
        assert refused.headers["retry-after"] == "1"
        accepted = client.post("/echo", content=content(170_000), headers={"Content-Encoding": encoding})
        assert len(accepted.content) == 170_000
