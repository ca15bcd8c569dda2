"""What stands between the network and the routes."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from app.errors import BlankPicture
from app.main import create_app
from app.security import BodyLimit, Problems
from app.settings import Settings


async def echo(request: Request) -> PlainTextResponse:
    return PlainTextResponse(await request.body())


async def fail(request: Request) -> PlainTextResponse:
    raise RuntimeError("the password is 1234")


async def refuse(request: Request) -> PlainTextResponse:
    raise BlankPicture("Draw something.")


@pytest.fixture
def small() -> TestClient:
    app = Starlette(routes=[Route(f"/{each.__name__}", each, methods=["POST"]) for each in (echo, fail, refuse)])
    app.add_middleware(BodyLimit, max_bytes=10)
    app.add_middleware(Problems)
    return TestClient(app)


def test_body_within_the_limit_passes(small: TestClient) -> None:
    assert small.post("/echo", content=b"0123456789").text == "0123456789"


def test_declared_body_over_the_limit_is_refused(small: TestClient) -> None:
    response = small.post("/echo", content=b"0123456789+")
    assert response.status_code == 413
    assert response.headers["connection"] == "close"
    assert response.json()["type"] == "urn:digits:problem:body-too-large"


def test_undeclared_body_over_the_limit_is_refused_while_reading(small: TestClient) -> None:
    def chunks() -> Iterator[bytes]:
        for _ in range(4):
            yield b"0123"

    assert small.post("/echo", content=chunks()).status_code == 413


def echoing(max_bytes: int) -> TestClient:
    return TestClient(Problems(BodyLimit(Starlette(routes=[Route("/echo", echo, methods=["POST"])]), max_bytes)))


def gzipped(content: bytes) -> bytes:
    return gzip.compress(content)


def raw_deflate(content: bytes) -> bytes:
    stream = zlib.compressobj(wbits=-15)
    return stream.compress(content) + stream.flush()


@pytest.mark.parametrize(
    ("encoding", "compress"),
    [("gzip", gzipped), ("deflate", zlib.compress), ("deflate", raw_deflate), ("identity", bytes)],
)
def test_compressed_body_is_inflated(encoding: str, compress: Callable[[bytes], bytes]) -> None:
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
        ("br", b"abc"),
        ("gzip", b""),
    ],
)
def test_body_that_is_not_what_its_encoding_says_is_refused(encoding: str, body: bytes) -> None:
    response = echoing(100).post("/echo", content=body, headers={"Content-Encoding": encoding})
    assert response.status_code == 400
    assert response.json()["type"] == "urn:digits:problem:invalid-request"


def test_refusal_of_a_route_becomes_a_problem(small: TestClient) -> None:
    response = small.post("/refuse")
    assert response.status_code == 422
    assert response.json()["detail"] == "Draw something."


def test_failure_of_ours_is_logged_and_told_without_its_words(
    small: TestClient, caplog: pytest.LogCaptureFixture
) -> None:
    response = small.post("/fail")
    assert response.status_code == 500
    assert response.headers["content-type"] == "application/problem+json"
    assert "1234" not in response.text
    assert "the password is 1234" in caplog.text


@pytest.fixture(scope="module")
def shared(models: Path) -> Iterator[TestClient]:
    settings = Settings(models=models, device="cpu", cors_origins=("https://app.example",))
    with TestClient(create_app(settings), raise_server_exceptions=False) as client:
        yield client


@pytest.mark.parametrize("path", ["/", "/docs", "/docs/files/swagger-ui.css", "/static/page.js", "/health", "/nothing"])
def test_no_answer_is_taken_for_what_it_is_not(client: TestClient, path: str) -> None:
    headers = client.get(path, headers={"Accept": "text/html"}).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"


@pytest.mark.parametrize("path", ["/", "/docs"])
def test_pages_run_scripts_of_their_own_alone_and_stand_in_no_frame(client: TestClient, path: str) -> None:
    policy = client.get(path, headers={"Accept": "text/html"}).headers["content-security-policy"]
    rules = dict(rule.split(" ", 1) for rule in policy.split("; "))
    assert rules["default-src"] == rules["frame-ancestors"] == "'none'"
    assert rules["script-src"] == rules["connect-src"] == "'self'"


ORIGIN = {"Origin": "https://app.example"}


@pytest.mark.parametrize(
    ("status", "request_"),
    [
        (200, {"method": "GET", "url": "/health"}),
        (404, {"method": "GET", "url": "/nothing"}),
        (405, {"method": "GET", "url": "/predict"}),
        (415, {"method": "POST", "url": "/predict", "content": b"x"}),
        (413, {"method": "POST", "url": "/predict", "content": bytes(17 * 2**20)}),
    ],
)
def test_every_answer_can_be_read_by_an_allowed_page(shared: TestClient, status: int, request_: dict[str, Any]) -> None:
    response = shared.request(**request_, headers=ORIGIN)
    assert response.status_code == status
    assert response.headers["access-control-allow-origin"] == "https://app.example"


def test_failure_of_ours_can_be_read_by_an_allowed_page(models: Path) -> None:
    app = create_app(Settings(models=models, device="cpu", cors_origins=("*",)))
    app.add_api_route("/fail", fail, methods=["POST"])
    with TestClient(app) as client:
        response = client.post("/fail", headers=ORIGIN)
    assert response.status_code == 500
    assert response.headers["access-control-allow-origin"] == "*"


def test_other_pages_are_not_allowed_by_default(client: TestClient) -> None:
    assert "access-control-allow-origin" not in client.get("/health", headers=ORIGIN).headers
