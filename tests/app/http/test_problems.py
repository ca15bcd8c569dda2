"""Every error of a route becomes a problem document."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient
from starlette.types import Message, Receive, Scope, Send

from app.errors import BlankPicture, InternalError
from app.http.problems import ProblemMiddleware


async def fail(request: Request) -> PlainTextResponse:
    raise RuntimeError("the password is 1234")


async def refuse(request: Request) -> PlainTextResponse:
    raise BlankPicture("Draw something.")


def client_of(endpoint: Callable[[Request], Any]) -> TestClient:
    app = Starlette(routes=[Route("/", endpoint, methods=["POST"])])
    app.add_middleware(ProblemMiddleware)
    return TestClient(app)


def test_refusal_of_a_route_becomes_a_problem() -> None:
    response = client_of(refuse).post("/")
    assert response.status_code == 422
    assert response.json()["detail"] == "Draw something."


def test_request_of_a_failed_run_is_logged_and_a_refused_one_is_not(caplog: pytest.LogCaptureFixture) -> None:
    """The run's traceback is logged once for its whole batch, which no request id leads to."""

    async def fail_in_batch(request: Request) -> PlainTextResponse:
        raise InternalError

    assert client_of(fail_in_batch).post("/").status_code == 500
    assert client_of(refuse).post("/").status_code == 422
    (line,) = caplog.records
    assert line.getMessage() == "POST / failed with the run of its batch"
    assert line.exc_info is None


def test_unexpected_error_is_logged_and_its_text_is_not_sent(caplog: pytest.LogCaptureFixture) -> None:
    response = client_of(fail).post("/")
    assert response.status_code == 500
    assert response.headers["content-type"] == "application/problem+json"
    assert "1234" not in response.text
    assert "the password is 1234" in caplog.text


def test_unknown_path_and_wrong_method_are_problems(client: TestClient) -> None:
    missing = client.get("/nothing")
    assert (missing.status_code, missing.json()["type"]) == (404, "urn:digits:problem:route-not-found")
    wrong = client.get("/predict")
    assert (wrong.status_code, wrong.headers["allow"]) == (405, "POST")
    assert wrong.json()["type"] == "urn:digits:problem:method-not-allowed"


def test_request_that_the_server_cancels_at_its_end_is_answered_with_503() -> None:
    sent: list[Message] = []

    async def hang(scope: Scope, receive: Receive, send: Send) -> None:
        await asyncio.sleep(60)

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Message:
        raise AssertionError

    async def scenario() -> None:
        scope: Scope = {"type": "http", "method": "POST", "path": "/", "headers": []}
        request = asyncio.create_task(ProblemMiddleware(hang)(scope, receive, send))
        await asyncio.sleep(0)
        request.cancel()
        await request

    asyncio.run(scenario())
    assert sent[0]["status"] == 503
    assert b"urn:digits:problem:stopping" in sent[1]["body"]
