"""What stands between the network and the routes."""

from __future__ import annotations

from collections.abc import Iterator
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
