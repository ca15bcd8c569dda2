"""The hot routes answer as FastAPI would, and know when a caller has left."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import Any

import pytest
from starlette.types import Message

from app.errors import BlankPicture
from app.fastlane import WATCH_AFTER_S, Answer, Call, FastLane, HotRoute, Watch, pattern_of


async def nowhere(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "elsewhere", "path": scope["path"]})


async def tell(call: Call) -> Answer:
    return Answer(b" ".join([call.path.get("name", "").encode(), call.query, call.body]), b"text/plain")


def scope_of(path: str, method: str = "POST") -> dict[str, Any]:
    headers = [(b"content-length", b"1")]
    return {"type": "http", "path": path, "method": method, "query_string": b"q=1", "headers": headers}


async def ask(lane: FastLane, scope: dict[str, Any], *messages: Message) -> list[Message]:
    """What the lane sends for these messages of a caller, who stays until it is answered."""
    waiting = list(messages)
    sent: list[Message] = []

    async def receive() -> Message:
        if not waiting:
            await asyncio.Event().wait()
        return waiting.pop(0)

    async def send(message: Message) -> None:
        sent.append(message)

    await lane(scope, receive, send)
    return sent


def lane(endpoint: Callable[[Call], Awaitable[Answer]]) -> FastLane:
    routes = [HotRoute("/tell", endpoint), HotRoute("/about/{name}:tell", endpoint)]
    return FastLane(nowhere, routes, SimpleNamespace(watch=Watch()), max_bytes=10)


def body(content: bytes, *, more: bool = False) -> Message:
    return {"type": "http.request", "body": content, "more_body": more}


def test_hot_route_is_answered_with_its_length_and_type() -> None:
    start, end = asyncio.run(ask(lane(tell), scope_of("/tell"), body(b"hello")))
    assert start["status"] == 200
    headers = dict(start["headers"])
    assert headers.pop(b"x-request-id")
    assert headers == {b"content-length": b"10", b"content-type": b"text/plain"}
    assert end["body"] == b" q=1 hello"


def test_body_in_pieces_is_put_together() -> None:
    pieces = [body(b"a", more=True), body(b"b", more=True), body(b"c")]
    assert asyncio.run(ask(lane(tell), scope_of("/tell"), *pieces))[1]["body"] == b" q=1 abc"


def test_body_that_comes_slowly_loses_nothing_to_whoever_watches_for_the_end() -> None:
    async def scenario() -> list[Message]:
        pieces = [body(b"a", more=True), body(b"b", more=True), body(b"c")]
        sent: list[Message] = []

        async def receive() -> Message:
            if not pieces:
                await asyncio.Event().wait()
            await asyncio.sleep(2 * WATCH_AFTER_S)
            return pieces.pop(0)

        async def send(message: Message) -> None:
            sent.append(message)

        await lane(tell)(scope_of("/tell"), receive, send)
        return sent

    assert asyncio.run(scenario())[1]["body"] == b" q=1 abc"


def test_names_in_the_path_are_handed_on() -> None:
    assert asyncio.run(ask(lane(tell), scope_of("/about/mnist:tell"), body(b"")))[1]["body"] == b"mnist q=1 "


@pytest.mark.parametrize("path", ["/", "/tell/", "/tellx", "/about/a/b:tell", "/about/:tell"])
def test_other_paths_go_on(path: str) -> None:
    assert asyncio.run(ask(lane(tell), scope_of(path))) == [{"type": "elsewhere", "path": path}]


@pytest.mark.parametrize(
    "headers",
    [
        [],
        [(b"content-length", b"11")],
        [(b"content-length", b"1e3")],
        [(b"content-length", b"1"), (b"origin", b"https://app.example")],
        [(b"content-length", b"1"), (b"content-encoding", b"gzip")],
    ],
    ids=str,
)
def test_requests_that_need_more_than_their_answer_go_on(headers: list[tuple[bytes, bytes]]) -> None:
    assert asyncio.run(ask(lane(tell), scope_of("/tell") | {"headers": headers}))[0]["type"] == "elsewhere"


def test_other_methods_go_on() -> None:
    assert asyncio.run(ask(lane(tell), scope_of("/tell", "GET")))[0]["type"] == "elsewhere"


def test_refusal_is_a_problem_and_a_failure_of_ours_is_logged_and_told_without(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def refuse(call: Call) -> Answer:
        raise BlankPicture("Draw something.")

    async def fail(call: Call) -> Answer:
        raise RuntimeError("the password is 1234")

    start, end = asyncio.run(ask(lane(refuse), scope_of("/tell"), body(b"")))
    assert (start["status"], b"Draw something." in end["body"]) == (422, True)
    assert not caplog.text
    start, end = asyncio.run(ask(lane(fail), scope_of("/tell"), body(b"")))
    assert (start["status"], b"1234" in end["body"]) == (500, False)
    assert "the password is 1234" in caplog.text


def test_pattern_takes_nothing_for_an_expression() -> None:
    assert pattern_of("/a.b/{name}") == r"/a\.b/(?P<name>[^/:]+)"


def test_caller_who_leaves_while_sending_is_not_worked_for() -> None:
    assert asyncio.run(ask(lane(tell), scope_of("/tell"), body(b"a", more=True), {"type": "http.disconnect"})) == []


def test_work_is_cancelled_once_its_caller_has_left() -> None:
    ends: list[str] = []

    async def work(call: Call) -> Answer:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            ends.append("cancelled")
            raise
        return Answer(b"")

    async def scenario() -> None:
        it = lane(work)
        assert await ask(it, scope_of("/tell"), body(b""), {"type": "http.disconnect"}) == []
        assert not it.state.watch.working
        assert not it.state.watch.watchers

    asyncio.run(scenario())
    assert ends == ["cancelled"]


def test_caller_who_stays_is_answered_however_long_it_takes() -> None:
    async def work(call: Call) -> Answer:
        await asyncio.sleep(0.2)
        return Answer(b"at last")

    async def scenario() -> None:
        it = lane(work)
        answers = await asyncio.gather(*(ask(it, scope_of("/tell"), body(b"")) for _ in range(3)))
        assert [sent[1]["body"] for sent in answers] == [b"at last"] * 3
        await asyncio.sleep(0)
        assert not it.state.watch.watchers

    asyncio.run(scenario())
