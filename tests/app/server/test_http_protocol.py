"""Our server's protocol: what it answers itself, what it leaves to uvicorn, and in which order, whoever sends what."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from typing import Any

import pytest
from starlette.types import Receive, Scope, Send

from app.errors import BlankPicture, Overloaded
from app.http.endpoint import Endpoint, HotRoute, RawRequest, RawResponse
from app.http.fast_path import FastPath
from app.http.problems import CLIENT_CLOSED_REQUEST
from app.http.security_headers import SECURITY_HEADERS
from app.observability import metrics
from app.observability.request_context import CURRENT, REQUEST_ID, Context
from app.server.fast_path_cycle import REFUSAL_DELAY_S
from app.server.http_protocol import CONNECTION_CLOSE, MAX_HEAD_BYTES
from tests.support.served_client import Wire, parsed

DATE = (b"date", b"Tue, 24 Nov 2026 08:00:00 GMT")


async def tell(call: RawRequest[object]) -> RawResponse:
    return RawResponse(b"hot " + call.body, b"text/plain")


async def tell_later(call: RawRequest[object]) -> RawResponse:
    """Once a turn of the loop has passed, as for a batch."""
    future = asyncio.get_running_loop().create_future()
    asyncio.get_running_loop().call_soon(future.set_result, b"later ")
    return RawResponse(await future + call.body, b"text/plain")


class Waiting:
    """An endpoint that answers when it is told to."""

    def __init__(self) -> None:
        self.futures: list[asyncio.Future[bytes]] = []

    async def __call__(self, call: RawRequest[object]) -> RawResponse:
        self.futures.append(asyncio.get_running_loop().create_future())
        return RawResponse(await self.futures[-1])


class App:
    """Hot routes, and elsewhere the request itself as the answer."""

    def __init__(self, **endpoints: Endpoint) -> None:
        routes = [HotRoute(f"/{name}", endpoint) for name, endpoint in endpoints.items()]
        self.fast_path = FastPath(routes, state=None, max_body_bytes=200_000)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        body, more = b"", True
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        content = f"elsewhere {scope['method']} {scope['path']} ".encode() + body
        await send(
            {"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(content))]}
        )
        await send({"type": "http.response.body", "body": content})


def post(path: str, body: bytes = b"x", *lines: str, version: str = "1.1") -> bytes:
    head = [f"POST {path} HTTP/{version}", "Host: x", f"Content-Length: {len(body)}", *lines, "", ""]
    return "\r\n".join(head).encode() + body


def connection(**endpoints: Endpoint) -> Wire:
    return Wire(App(**endpoints), DATE)


def exchange(app: App, *pieces: bytes) -> Wire:
    """What comes of it when a caller sends these, each in a packet of its own."""

    async def scenario() -> Wire:
        wire = Wire(app, DATE)
        for each in pieces:
            wire.protocol.data_received(each)
        await asyncio.wait_for(wire.answer(), 60)
        return wire

    return asyncio.run(scenario())


def bodies(answers: bytes) -> list[bytes]:
    """Of answers one after the other."""
    found = []
    while answers:
        head, _, rest = answers.partition(b"\r\n\r\n")
        length = re.search(rb"content-length: (\d+)", head)
        assert length
        found.append(rest[: int(length[1])])
        answers = rest[int(length[1]) :]
    return found


def counted(route: str, status: int) -> float:
    return metrics.values({"route": route, "status": str(status)}).get("digits_request_seconds_count", 0)


def test_hot_route_is_answered_in_one_write_with_the_headers_of_every_answer() -> None:
    (written,) = exchange(App(tell=tell_later), post("/tell", b"me")).written
    answer = parsed(written)
    assert (answer.status, answer.read()) == (200, b"later me")
    headers = {name.encode(): value.encode() for name, value in answer.getheaders()}
    assert headers.pop(REQUEST_ID)
    assert headers == dict([DATE, *SECURITY_HEADERS, (b"content-length", b"8"), (b"content-type", b"text/plain")])


def test_request_may_come_in_any_pieces() -> None:
    request = post("/tell", b"piece by piece")
    for size in (1, 7, len(request) - 3):
        pieces = [request[at : at + size] for at in range(0, len(request), size)]
        assert bodies(exchange(App(tell=tell), *pieces).written[0]) == [b"hot piece by piece"]


@pytest.mark.parametrize(
    "request_",
    [
        b"GET /tell HTTP/1.1\r\n\r\n",
        b"PUT" + post("/tell").removeprefix(b"POST"),
        post("/other"),
        post("/tell", b"x", version="1.0"),
        post("/tell", b"x", "Connection: close"),
        post("/tell", b"x", "Connection: keep-alive", version="1.0"),
        post("/tell", b"x", "Origin: https://app.example"),
        post("/tell", b"x", "Content-Encoding: gzip"),
        post("/tell", bytes(200_001)),
        b"POST /tell HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n",
        post("/tell", b"x", "Connection: upgrade", "Upgrade: h2c"),
    ],
    ids=lambda request: request[:120].decode(),
)
def test_what_is_no_plain_request_of_a_hot_route_goes_uvicorns_way(request_: bytes) -> None:
    assert b"elsewhere " in b"".join(exchange(App(tell=tell), request_).written)


def test_caller_who_asks_first_is_told_to_continue() -> None:
    head, body = post("/tell", b"x", "Expect: 100-continue")[:-1], b"x"

    async def scenario() -> list[bytes]:
        wire = connection(tell=tell)
        wire.protocol.data_received(head)
        await asyncio.sleep(0.01)
        assert wire.written == [b"HTTP/1.1 100 Continue\r\n\r\n"]
        wire.protocol.data_received(body)
        await asyncio.sleep(0.01)
        return wire.written

    assert asyncio.run(scenario())[-1] == b"elsewhere POST /tell x"


def test_request_keeps_its_id_and_hands_it_to_nobody_else() -> None:
    seen: list[Context | None] = []

    async def note(call: RawRequest[object]) -> RawResponse:
        seen.append(CURRENT.get())
        await tell_later(call)
        seen.append(CURRENT.get())
        return RawResponse(b"")

    async def scenario() -> list[str | None]:
        first, second = connection(note=note), connection(note=note)
        first.protocol.data_received(post("/note", b"", "X-Request-ID: mine"))
        assert CURRENT.get() is None
        second.protocol.data_received(post("/note", b"", "X-Request-ID: yours"))
        return [parsed(await each.answer()).getheader("x-request-id") for each in (first, second)]

    assert asyncio.run(scenario()) == ["mine", "yours"]
    assert [each.request_id for each in seen if each] == [b"mine", b"yours", b"mine", b"yours"]


# --- one connection, many requests ------------------------------------------------------------------------------------


def test_connection_is_kept_for_the_next_request() -> None:
    async def scenario() -> bytes:
        wire = connection(tell=tell_later)
        for each in (post("/tell", b"1"), post("/other", b"2"), post("/tell", b"3")):
            wire.protocol.data_received(each)
            await wire.answer()
        assert not wire.closed
        assert wire.state.total_requests == 3
        return b"".join(wire.written)

    assert bodies(asyncio.run(scenario())) == [b"later 1", b"elsewhere POST /other 2", b"later 3"]


@pytest.mark.parametrize("together", [True, False])
def test_answers_come_in_the_order_of_the_requests_however_long_each_takes(together: bool) -> None:
    slow = Waiting()
    requests = [post("/slow"), post("/other", b"2"), post("/tell", b"3"), post("/slow"), post("/tell", b"5")]

    async def scenario() -> bytes:
        wire = connection(slow=slow, tell=tell)
        for each in [b"".join(requests)] if together else requests:
            wire.protocol.data_received(each)
        await asyncio.sleep(0.01)
        assert not wire.written
        reading = [wire.reading]  # no more is taken in than can be answered
        slow.futures[0].set_result(b"1")
        await asyncio.sleep(0.01)
        assert [*reading, wire.reading] == [False, True]
        return await wire.answer()

    ways = [
        b"1",
        b"elsewhere POST /other 2",
        *(b"elsewhere POST /%b" % each for each in (b"tell 3", b"slow x", b"tell 5")),
    ]
    assert bodies(asyncio.run(scenario())) == ways


def test_thousand_requests_sent_together_do_not_keep_the_loop() -> None:
    called: list[RawRequest[object]] = []

    async def note(call: RawRequest[object]) -> RawResponse:
        called.append(call)
        return await tell(call)

    async def scenario() -> bytes:
        wire = connection(note=note)
        wire.protocol.data_received(post("/note") * 1000)
        assert len(called) == 1
        return await wire.answer()

    assert len(bodies(asyncio.run(scenario()))) == 1000


def test_idle_connection_is_closed_after_a_while() -> None:
    async def scenario() -> Wire:
        wire = connection(slow=slow)
        wire.protocol.timeout_keep_alive = 0.02  # type: ignore[assignment]  # seconds, whole ones in the settings
        wire.protocol.data_received(post("/slow"))
        await asyncio.sleep(0.05)
        assert not wire.closed  # a request under way is no idleness
        slow.futures[0].set_result(b"")
        await wire.answer()
        await asyncio.sleep(0.05)
        return wire

    slow = Waiting()
    assert asyncio.run(scenario()).closed


def test_who_does_not_read_its_answers_is_not_answered_faster_than_it_reads() -> None:
    async def scenario() -> bytes:
        wire = connection(tell=tell)
        wire.protocol.pause_writing()
        wire.protocol.data_received(post("/tell"))
        await asyncio.sleep(0.01)
        assert not wire.written
        wire.protocol.resume_writing()
        return await wire.answer()

    assert bodies(asyncio.run(scenario())) == [b"elsewhere POST /tell x"]


# --- the end ----------------------------------------------------------------------------------------------------------


def test_answer_while_draining_says_that_it_is_the_last() -> None:
    async def scenario() -> Wire:
        wire = connection(slow=slow)
        wire.protocol.data_received(post("/slow"))
        wire.state.default_headers.append(CONNECTION_CLOSE)
        wire.protocol.shutdown()
        slow.futures[0].set_result(b"done")
        await wire.answer()
        return wire

    slow = Waiting()
    wire = asyncio.run(scenario())
    assert wire.written[0].count(b"connection: close\r\n") == 1
    assert wire.closed


def test_shutdown_closes_what_is_idle_and_answers_what_is_under_way() -> None:
    async def scenario() -> Wire:
        idle, busy, coming = connection(tell=tell), connection(slow=slow), connection(tell=tell)
        idle.protocol.data_received(post("/tell"))
        busy.protocol.data_received(post("/slow"))
        coming.protocol.data_received(post("/tell", b"half")[:-2])
        for each in (idle, busy, coming):
            each.protocol.shutdown()
        assert [each.closed for each in (idle, busy, coming)] == [True, False, False]
        slow.futures[0].set_result(b"done")
        coming.protocol.data_received(b"lf")
        assert bodies(await coming.answer()) == [b"hot half"]
        await busy.answer()
        return busy

    slow = Waiting()
    busy = asyncio.run(scenario())
    assert b"connection: close\r\n" in busy.written[0]
    assert busy.closed


def test_work_is_cancelled_when_its_caller_leaves_and_counted_as_such() -> None:
    before = counted("/slow", CLIENT_CLOSED_REQUEST)
    slow = Waiting()

    async def scenario() -> Wire:
        wire = connection(slow=slow)
        wire.protocol.data_received(post("/slow"))
        wire.leave()
        assert slow.futures[0].cancelled()
        await asyncio.sleep(0.01)
        return wire

    assert asyncio.run(scenario()).written == []
    assert counted("/slow", CLIENT_CLOSED_REQUEST) == before + 1


def test_caller_who_leaves_while_sending_is_not_worked_for() -> None:
    before = counted("/slow", CLIENT_CLOSED_REQUEST)
    slow = Waiting()

    async def scenario() -> Wire:
        wire = connection(slow=slow)
        wire.protocol.data_received(post("/slow", b"half")[:-2])
        wire.leave()
        return wire

    assert asyncio.run(scenario()).written == []
    assert slow.futures == []
    assert counted("/slow", CLIENT_CLOSED_REQUEST) == before + 1


def test_answer_that_comes_too_late_is_not_written_to_a_closed_connection() -> None:
    async def scenario() -> Wire:
        wire = connection(slow=slow)
        wire.protocol.data_received(post("/slow"))
        slow.futures[0].set_result(b"done")
        wire.leave()
        await asyncio.sleep(0.01)
        return wire

    slow = Waiting()
    assert asyncio.run(scenario()).written == []


# --- what goes wrong --------------------------------------------------------------------------------------------------


async def refuse(call: RawRequest[object]) -> RawResponse:
    raise BlankPicture("Draw something.")


async def overload(call: RawRequest[object]) -> RawResponse:
    await tell_later(call)
    raise Overloaded("Come back later.")


async def fail(call: RawRequest[object]) -> RawResponse:
    raise RuntimeError("the password is 1234")


async def wait_for_nothing(call: RawRequest[object]) -> RawResponse:
    await asyncio.sleep(0)
    return RawResponse(b"")


def test_access_log_tells_of_each_request(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "app.access")
    exchange(App(tell=tell_later), post("/tell?secret=1"))
    (line,) = caplog.messages
    assert re.fullmatch(r"POST /tell 200 [0-9.]+ ms", line)


def test_refusal_is_a_problem_and_the_connection_goes_on(caplog: pytest.LogCaptureFixture) -> None:
    before = counted("/refuse", 422)
    answer = parsed(exchange(App(refuse=refuse), post("/refuse")).written[0])
    assert (answer.status, answer.getheader("content-type")) == (422, "application/problem+json")
    assert answer.getheader("connection") is None
    assert b"Draw something." in answer.read()
    assert counted("/refuse", 422) == before + 1
    assert not caplog.text


def test_overload_says_when_to_come_back() -> None:
    answer = parsed(exchange(App(overload=overload), post("/overload")).written[0])
    assert (answer.status, answer.getheader("retry-after")) == (503, "1")


def test_who_is_refused_is_told_after_those_who_are_answered_meanwhile() -> None:
    async def scenario() -> None:
        refused, answered = connection(overload=overload), connection(later=tell_later)
        refused.protocol.data_received(post("/overload"))
        answered.protocol.data_received(post("/later"))
        await asyncio.wait_for(answered.answer(), 60)
        assert refused.written == []
        assert parsed(await asyncio.wait_for(refused.answer(), 60)).status == 503

    asyncio.run(scenario())


def test_who_leaves_before_being_told_of_the_refusal_is_counted_once() -> None:
    before = counted("/overload", CLIENT_CLOSED_REQUEST), counted("/overload", 503)

    async def scenario() -> Wire:
        wire = connection(overload=overload)
        wire.protocol.data_received(post("/overload"))
        wire.leave()
        await asyncio.sleep(2 * REFUSAL_DELAY_S)
        return wire

    assert asyncio.run(scenario()).written == []
    assert (counted("/overload", CLIENT_CLOSED_REQUEST), counted("/overload", 503)) == (before[0] + 1, before[1])


@pytest.mark.parametrize("endpoint", [fail, wait_for_nothing])
def test_failure_of_ours_is_logged_and_told_without_its_words(
    caplog: pytest.LogCaptureFixture, endpoint: Callable[[RawRequest[object]], Any]
) -> None:
    answer = parsed(exchange(App(fail=endpoint), post("/fail")).written[0])
    assert answer.status == 500
    assert b"1234" not in answer.read()
    assert "POST /fail failed" in caplog.text


def test_endpoint_may_wait_for_a_thread() -> None:
    async def work(call: RawRequest[object]) -> RawResponse:
        return RawResponse(await asyncio.to_thread(call.body.upper))

    assert bodies(exchange(App(work=work), post("/work", b"done")).written[0]) == [b"DONE"]


HEAD = b"POST /tell HTTP/1.1\r\nHost: x\r\n"
AMBIGUOUS = {
    "both lengths": HEAD + b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nPOST /tell",
    "both, the other way round": HEAD + b"Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\nPOST /tell",
    "two lengths": HEAD + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nxy",
    "the same length twice": HEAD + b"Content-Length: 1\r\nContent-Length: 1\r\n\r\nx",
    "a list of lengths": HEAD + b"Content-Length: 1, 1\r\n\r\nx",
    "a signed length": HEAD + b"Content-Length: +1\r\n\r\nx",
    "a hexadecimal length": HEAD + b"Content-Length: 0x1\r\n\r\nx",
    "a length beyond 64 bits": HEAD + b"Content-Length: 99999999999999999999\r\n\r\nx",
    "chunked not last": HEAD + b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
    "chunked in disguise": HEAD + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "a chunk without a size": HEAD + b"Transfer-Encoding: chunked\r\n\r\nx\r\n",
    "a space before the colon": HEAD + b"Content-Length : 1\r\n\r\nx",
    "a folded header": HEAD + b"X: a\r\n Content-Length: 1\r\n\r\nx",
    "a header without a name": HEAD + b": 1\r\n\r\n",
    "a nul": HEAD + b"X: a\x00b\r\nContent-Length: 1\r\n\r\nx",
    "another version": b"POST /tell HTTP/3.7\r\n\r\n",
    "no HTTP": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
}


@pytest.mark.parametrize("request_", AMBIGUOUS.values(), ids=AMBIGUOUS)
def test_request_that_could_be_read_in_two_ways_is_refused_and_its_connection_closed(request_: bytes) -> None:
    called: list[RawRequest[object]] = []

    async def note(call: RawRequest[object]) -> RawResponse:
        called.append(call)
        return await tell(call)

    wire = exchange(App(tell=note), request_)
    (written,) = wire.written
    answer = parsed(written)
    assert (answer.status, answer.getheader("connection"), wire.closed) == (400, "close", True)
    assert answer.getheader("content-type") == "application/problem+json"
    assert called == []


def test_body_is_what_its_length_says_and_the_rest_is_the_next_request() -> None:
    wire = exchange(App(tell=tell), post("/tell", b"one") + post("/other", b"two"))
    assert bodies(b"".join(wire.written)) == [b"hot one", b"elsewhere POST /other two"]


def test_nonsense_behind_a_request_is_not_taken_for_its_answer() -> None:
    slow = Waiting()

    async def scenario() -> Wire:
        wire = connection(slow=slow)
        wire.protocol.data_received(post("/slow") + b"nonsense\r\n\r\n")
        await asyncio.sleep(0.01)
        return wire

    wire = asyncio.run(scenario())
    assert wire.closed
    assert wire.written == []


@pytest.mark.parametrize(
    "start",
    [
        b"GET /",
        HEAD + b"X: ",
        HEAD,
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n1;x=",
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\nX: ",
    ],
    ids=["address", "header", "headers", "chunk's extension", "trailer"],
)
def test_endless_head_is_refused(start: bytes) -> None:
    piece = b"X: y\r\n" * 200 if start == HEAD else b"x" * 1200
    pieces = MAX_HEAD_BYTES // 1200 + 1

    async def scenario() -> Wire:
        wire = connection(tell=tell)
        wire.protocol.data_received(start)
        for number in range(pieces):
            assert not wire.closed, number
            wire.protocol.data_received(piece)
            await asyncio.sleep(0)
        return wire

    wire = asyncio.run(scenario())
    assert wire.closed
    assert parsed(wire.written[0]).status == 400


def test_long_bodies_and_many_requests_are_no_endless_head() -> None:
    async def scenario() -> Wire:
        wire = connection(tell=tell)
        request = post("/tell", bytes(190_000))
        for at in range(0, len(request), 50_000):
            wire.protocol.data_received(request[at : at + 50_000])
        wire.protocol.data_received(post("/tell")[:-1])
        wire.protocol.data_received(b"x" + b"".join(post("/other") for _ in range(1000)) + b"POST")
        for _ in range(1000):
            wire.protocol.data_received(b" / HTTP/1.1\r\nX: %b\r\n\r\nPOST" % (b"y" * 80))
        await wire.answer()
        return wire

    assert not asyncio.run(scenario()).closed
