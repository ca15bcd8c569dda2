"""The deadline of a request outside the fast path, under any server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.testclient import TestClient
from starlette.types import Message, Scope

from app.http.deadline import DeadlineMiddleware
from app.http.problems import ProblemMiddleware

cancelled: list[str] = []


async def slow(request: Request) -> Response:
    await request.body()
    try:
        await asyncio.sleep(60)
    except asyncio.CancelledError:
        cancelled.append(request.url.path)
        raise
    return PlainTextResponse("late")


async def quick(request: Request) -> Response:
    return PlainTextResponse("in time")


async def long_answer(request: Request) -> Response:
    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(3):
            yield b"piece "
            await asyncio.sleep(0.1)

    return StreamingResponse(pieces())


ROUTES = [Route(f"/{endpoint.__name__}", endpoint, methods=["POST"]) for endpoint in (slow, quick, long_answer)]


def app(timeout_s: float) -> ProblemMiddleware:
    return ProblemMiddleware(DeadlineMiddleware(Starlette(routes=ROUTES), timeout_s))


def test_request_within_its_deadline_is_answered() -> None:
    assert TestClient(app(10)).post("/quick").text == "in time"


def test_work_past_the_deadline_is_cancelled_and_answered_with_504() -> None:
    response = TestClient(app(0.05)).post("/slow")
    assert response.status_code == 504
    assert response.json()["type"] == "urn:digits:problem:deadline-exceeded"
    assert cancelled == ["/slow"]


def test_response_that_has_begun_may_take_longer() -> None:
    assert TestClient(app(0.05)).post("/long_answer").text == "piece piece piece "


def exchange(state: dict[str, float], messages: list[Message]) -> list[Message]:
    """What the application sends to a client whose body stops after these messages."""
    sent: list[Message] = []

    async def receive() -> Message:
        if messages:
            return messages.pop(0)
        await asyncio.sleep(60)
        raise AssertionError

    async def send(message: Message) -> None:
        sent.append(message)

    scope: Scope = {
        "type": "http",
        "method": "POST",
        "path": "/slow",
        "headers": [],
        "query_string": b"",
        "state": state,
    }
    asyncio.run(app(0.5)(scope, receive, send))
    return sent


def test_body_that_stops_arriving_is_answered_with_408() -> None:
    sent = exchange({}, [{"type": "http.request", "body": b"x", "more_body": True}])
    assert sent[0]["status"] == 408
    assert (b"connection", b"close") in sent[0]["headers"]


def test_deadline_counts_from_when_the_server_says_the_request_began() -> None:
    """The request began long ago: it is refused at once, and not half a second later."""
    sent = exchange({"began_at": -1e6}, [])
    assert sent[0]["status"] == 408
