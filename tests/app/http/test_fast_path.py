"""Which requests are of a hot route, and what FastAPI makes of the others."""

from __future__ import annotations

import asyncio

import pytest
from fastapi import FastAPI
from starlette.requests import ClientDisconnect
from starlette.testclient import TestClient
from starlette.types import Message, Receive

from app.http.endpoint import HotRoute, RawRequest, RawResponse, cancel_on_disconnect, fastapi_endpoint
from app.http.fast_path import MAX_URL_BYTES, FastPath, path_pattern


async def tell(call: RawRequest[object]) -> RawResponse:
    said = [call.path_params.get("name", "").encode(), call.query, call.headers[b"host"], call.body]
    return RawResponse(b" ".join(said), b"text/plain", [(b"x-said", b"4")])


FAST_PATH = FastPath([HotRoute("/tell", tell), HotRoute("/about/{name}:tell", tell)], state=None, max_body_bytes=10)
PLAIN = {b"content-length": b"1"}


@pytest.mark.parametrize(
    ("url", "path", "query"),
    [
        (b"/tell", {}, b""),
        (b"/tell?a=1&b=%20", {}, b"a=1&b=%20"),
        (b"/about/mnist:tell", {"name": "mnist"}, b""),
        (b"/about/%C3%A9:tell?", {"name": "é"}, b""),
        (b"http://example.org/tell?a", {}, b"a"),
    ],
)
def test_address_of_a_hot_route_is_taken_apart(url: bytes, path: dict[str, str], query: bytes) -> None:
    found = FAST_PATH.match(url, PLAIN)
    assert found
    assert (found.route.endpoint, found.path_params, found.query) == (tell, path, query)


@pytest.mark.parametrize(
    "url",
    [
        *(b"/", b"*", b"", b"tell", b"/tell/", b"/tellx", b"/Tell", b"//tell", b"/about/a/b:tell", b"/about/:tell"),
        *(b"/about/a%2Fb:tell", b"/about/\xff:tell", b"http://[/tell"),
        b"/tell?" + b"x" * MAX_URL_BYTES,
    ],
)
def test_other_addresses_are_not(url: bytes) -> None:
    assert FAST_PATH.match(url, PLAIN) is None


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {b"content-length": b"11"},
        {b"content-length": b"1e3"},
        {b"content-length": b"-1"},
        PLAIN | {b"origin": b"https://app.example"},
        PLAIN | {b"content-encoding": b"gzip"},
        PLAIN | {b"transfer-encoding": b"chunked"},
        PLAIN | {b"expect": b"100-continue"},
        PLAIN | {b"upgrade": b"websocket"},
    ],
    ids=str,
)
def test_requests_that_need_more_than_their_answer_are_for_fastapi(headers: dict[bytes, bytes]) -> None:
    assert FAST_PATH.match(b"/tell", headers) is None


def test_pattern_takes_nothing_for_an_expression() -> None:
    assert path_pattern("/a.b/{name}") == r"/a\.b/(?P<name>[^/:]+)"


def test_addresses_are_remembered_and_no_more_than_a_thousand() -> None:
    for number in range(3000):
        FAST_PATH.match(b"/tell?%d" % number, PLAIN)
    assert FAST_PATH.cached_route.cache_info().currsize == 1024


def test_fastapi_runs_the_same_function() -> None:
    app = FastAPI()
    app.add_api_route("/about/{name}:tell", fastapi_endpoint(tell), methods=["POST"])
    response = TestClient(app).post("/about/mnist:tell?q=1", content=b"hello")
    assert response.content == b"mnist q=1 testserver hello"
    assert (response.headers["content-type"], response.headers["x-said"]) == ("text/plain", "4")


def receive_after(seconds: float, *messages: Message) -> Receive:
    waiting = list(messages)

    async def receive() -> Message:
        await asyncio.sleep(seconds if waiting else 60)
        return waiting.pop(0)

    return receive


def test_work_is_cancelled_once_its_caller_has_left() -> None:
    ends: list[str] = []

    async def work() -> RawResponse:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            ends.append("cancelled")
            raise
        return RawResponse(b"")

    async def scenario() -> None:
        receive = receive_after(0.01, {"type": "http.request"}, {"type": "http.disconnect"})
        with pytest.raises(ClientDisconnect):
            await cancel_on_disconnect(receive, work())
        await asyncio.sleep(0)
        assert len(asyncio.all_tasks()) == 1

    asyncio.run(scenario())
    assert ends == ["cancelled"]


def test_caller_who_stays_is_answered_however_long_it_takes() -> None:
    async def work() -> RawResponse:
        await asyncio.sleep(0.2)
        return RawResponse(b"at last")

    async def scenario() -> RawResponse:
        answer = await cancel_on_disconnect(receive_after(0), work())
        await asyncio.sleep(0)
        assert len(asyncio.all_tasks()) == 1
        return answer

    assert asyncio.run(scenario()).body == b"at last"


def test_work_ends_with_whoever_waits_for_it() -> None:
    ends: list[str] = []

    async def work() -> RawResponse:
        try:
            await asyncio.sleep(60)
        finally:
            ends.append("ended")
        return RawResponse(b"")

    async def scenario() -> None:
        waiting = asyncio.create_task(cancel_on_disconnect(receive_after(0), work()))
        await asyncio.sleep(0.01)
        waiting.cancel()
        await asyncio.wait([waiting])

    asyncio.run(scenario())
    assert ends == ["ended"]
