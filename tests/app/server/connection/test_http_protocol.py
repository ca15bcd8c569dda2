"""The server's protocol: what it answers on the fast path, what it hands to uvicorn, and in which order."""

from __future__ import annotations

import asyncio
import time

import pytest

from app.http.endpoint import RawRequest, RawResponse
from app.http.security_headers import SECURITY_HEADERS
from app.observability.request_context import REQUEST_ID
from app.server.connection.clock import CHECK_INTERVAL_S, PROBE, check_connections
from app.server.connection.request_framing import MAX_HEAD_BYTES
from app.server.connection.response import CONNECTION_CLOSE
from tests.support.hot_app import DATE, HotApp, Pending, bodies, connect, echo, echo_later, exchange, post
from tests.support.wire import Wire, parse_response


def test_hot_route_is_answered_in_one_write_with_the_headers_of_every_response() -> None:
    (written,) = exchange(HotApp(echo=echo_later), post("/echo", b"me")).written
    response = parse_response(written)
    assert (response.status, response.read()) == (200, b"later me")
    headers = {name.encode(): value.encode() for name, value in response.getheaders()}
    assert headers.pop(REQUEST_ID)
    assert headers == dict([DATE, *SECURITY_HEADERS, (b"content-length", b"8"), (b"content-type", b"text/plain")])


def test_request_may_come_in_any_pieces() -> None:
    request = post("/echo", b"piece by piece")
    for size in (1, 7, len(request) - 3):
        pieces = [request[start : start + size] for start in range(0, len(request), size)]
        assert bodies(exchange(HotApp(echo=echo), *pieces).written[0]) == [b"hot piece by piece"]


@pytest.mark.parametrize(
    "request_",
    [
        b"GET /echo HTTP/1.1\r\nHost: x\r\n\r\n",
        b"PUT" + post("/echo").removeprefix(b"POST"),
        post("/other"),
        post("/echo", b"x", version="1.0"),
        post("/echo", b"x", "Connection: close"),
        post("/echo", b"x", "Origin: https://app.example"),
        post("/echo", b"x", "Content-Encoding: gzip"),
        post("/echo", bytes(200_001)),
        b"POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n",
    ],
    ids=lambda request: request[:120].decode(),
)
def test_request_that_is_not_eligible_for_the_fast_path_is_handed_to_uvicorn(request_: bytes) -> None:
    assert b"asgi " in b"".join(exchange(HotApp(echo=echo), request_).written)


def test_client_that_expects_100_continue_gets_it_before_its_body() -> None:
    head, body = post("/echo", b"x", "Expect: 100-continue")[:-1], b"x"

    async def scenario() -> list[bytes]:
        wire = connect(echo=echo)
        wire.protocol.data_received(head)
        await asyncio.sleep(0.01)
        assert wire.written == [b"HTTP/1.1 100 Continue\r\n\r\n"]
        wire.protocol.data_received(body)
        await asyncio.sleep(0.01)
        return wire.written

    assert asyncio.run(scenario())[-1] == b"asgi POST /echo x"


# --- one connection, many requests ------------------------------------------------------------------------------------


def test_client_of_http_1_0_that_expects_100_continue_gets_only_the_answer() -> None:
    """It would take 100 for the answer: RFC 9110, 10.1.1."""
    (written, *_) = exchange(HotApp(echo=echo), post("/echo", b"x", "Expect: 100-continue", version="1.0")).written
    assert parse_response(written).status == 200


def test_client_of_http_1_0_that_asks_for_it_keeps_its_connection_on_hot_routes() -> None:
    """As ab -k and HAProxy do; uvicorn closes the connection of every other request of HTTP/1.0."""

    async def scenario() -> Wire:
        wire = connect(echo=echo_later)
        for body in (b"1", b"2"):
            wire.protocol.data_received(post("/echo", body, "Connection: Keep-Alive", version="1.0"))
            await wire.responses()
        assert not wire.closed
        wire.protocol.data_received(post("/echo", b"3", version="1.0"))
        await wire.responses()
        return wire

    wire = asyncio.run(scenario())
    responses = [parse_response(written) for written in wire.written[:2]]
    assert [response.getheader("connection") for response in responses] == ["keep-alive", "keep-alive"]
    assert [response.read() for response in responses] == [b"later 1", b"later 2"]
    assert b"asgi POST /echo 3" in b"".join(wire.written[2:])
    assert wire.ended


def test_response_to_http_1_1_says_nothing_of_the_connection_that_is_kept() -> None:
    (written,) = exchange(HotApp(echo=echo), post("/echo", b"x", "Connection: keep-alive")).written
    assert parse_response(written).getheader("connection") is None


@pytest.mark.parametrize("space", [b" ", b"\t", b" \t "])
def test_white_space_behind_a_header_is_no_part_of_it(space: bytes) -> None:
    """RFC 9112, 5.1. Microcontrollers and shell scripts send it."""
    spaces = space.replace(b"\t", b" ")  # llhttp refuses a tab here
    chunked = b"POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked%b\r\n\r\n1\r\nx\r\n0\r\n\r\n"
    assert b"asgi POST /echo x" in b"".join(exchange(HotApp(echo=echo), chunked % spaces).written)
    head = post("/echo", b"x", f"Expect: 100-continue{space.decode()}")
    assert exchange(HotApp(echo=echo), head).written[0] == b"HTTP/1.1 100 Continue\r\n\r\n"
    (named,) = exchange(HotApp(echo=echo), post("/echo", b"x", f"X-Request-ID: mine{space.decode()}")).written
    assert parse_response(named).getheader("x-request-id") == "mine"


def test_connection_is_kept_for_the_next_request() -> None:
    async def scenario() -> bytes:
        wire = connect(echo=echo_later)
        for request in (post("/echo", b"1"), post("/other", b"2"), post("/echo", b"3")):
            wire.protocol.data_received(request)
            await wire.responses()
        assert not wire.closed
        assert wire.state.total_requests == 3
        return b"".join(wire.written)

    assert bodies(asyncio.run(scenario())) == [b"later 1", b"asgi POST /other 2", b"later 3"]


@pytest.mark.parametrize("together", [True, False])
def test_responses_come_in_the_order_of_the_requests_however_long_each_takes(together: bool) -> None:
    slow = Pending()
    requests = [post("/slow"), post("/other", b"2"), post("/echo", b"3"), post("/slow"), post("/echo", b"5")]

    async def scenario() -> bytes:
        wire = connect(slow=slow, echo=echo)
        for packet in [b"".join(requests)] if together else requests:
            wire.protocol.data_received(packet)
        await asyncio.sleep(0.01)
        assert not wire.written
        reading = [wire.reading]  # backpressure: no more is read than can be answered
        slow.futures[0].set_result(b"1")
        while len(slow.futures) < 2:
            await asyncio.sleep(0.001)
        slow.futures[1].set_result(b"4")
        responses = await wire.responses()
        assert [*reading, wire.reading] == [False, True]
        return responses

    assert bodies(asyncio.run(scenario())) == [b"1", b"asgi POST /other 2", b"hot 3", b"4", b"hot 5"]


def test_thousand_pipelined_requests_do_not_hold_up_the_event_loop() -> None:
    called: list[RawRequest[object]] = []

    async def note(request: RawRequest[object]) -> RawResponse:
        called.append(request)
        return await echo(request)

    async def scenario() -> bytes:
        wire = connect(note=note)
        wire.protocol.data_received(post("/note") * 1000)
        assert len(called) == 1
        return await wire.responses()

    assert len(bodies(asyncio.run(scenario()))) == 1000


def test_idle_connection_is_closed_after_a_while() -> None:
    async def scenario() -> Wire:
        wire = connect(slow=slow)
        check_connections(wire.state.connections)  # type: ignore[arg-type]
        wire.protocol.timeout_keep_alive = 0.02  # type: ignore[assignment]  # seconds, whole ones in the settings
        wire.protocol.data_received(post("/slow"))
        await asyncio.sleep(0.05)
        assert not wire.closed  # a request is in progress
        slow.futures[0].set_result(b"")
        await wire.responses()
        await asyncio.sleep(2 * CHECK_INTERVAL_S)
        return wire

    slow = Pending()
    assert asyncio.run(scenario()).closed


def test_client_that_does_not_read_its_responses_gets_no_more_of_them() -> None:
    async def scenario() -> bytes:
        wire = connect(echo=echo)
        wire.protocol.pause_writing()
        wire.protocol.data_received(post("/echo"))
        await asyncio.sleep(0.01)
        assert not wire.written
        wire.protocol.resume_writing()
        return await wire.responses()

    assert bodies(asyncio.run(scenario())) == [b"asgi POST /echo x"]


# --- graceful shutdown ------------------------------------------------------------------------------------------------


def test_response_while_draining_says_that_it_is_the_last() -> None:
    async def scenario() -> Wire:
        wire = connect(slow=slow)
        wire.protocol.data_received(post("/slow"))
        wire.state.default_headers.append(CONNECTION_CLOSE)
        wire.protocol.shutdown()
        slow.futures[0].set_result(b"done")
        await wire.responses()
        return wire

    slow = Pending()
    wire = asyncio.run(scenario())
    assert wire.written[0].count(b"connection: close\r\n") == 1
    assert wire.closed


def test_shutdown_closes_idle_connections_and_answers_requests_in_progress() -> None:
    async def scenario() -> Wire:
        idle, busy, receiving = connect(echo=echo), connect(slow=slow), connect(echo=echo)
        idle.protocol.data_received(post("/echo"))
        busy.protocol.data_received(post("/slow"))
        receiving.protocol.data_received(post("/echo", b"half")[:-2])
        for wire in (idle, busy, receiving):
            wire.protocol.shutdown()
        assert [wire.closed for wire in (idle, busy, receiving)] == [True, False, False]
        slow.futures[0].set_result(b"done")
        receiving.protocol.data_received(b"lf")
        assert bodies(await receiving.responses()) == [b"hot half"]
        await busy.responses()
        return busy

    slow = Pending()
    busy = asyncio.run(scenario())
    assert b"connection: close\r\n" in busy.written[0]
    assert busy.closed


# --- malformed requests -----------------------------------------------------------------------------------------------

HEAD = b"POST /echo HTTP/1.1\r\nHost: x\r\n"


def test_refusal_of_a_malformed_request_is_a_problem() -> None:
    (written,) = exchange(HotApp(echo=echo), HEAD + b"Content-Length: +1\r\n\r\nx").written
    response = parse_response(written)
    assert (response.status, response.getheader("connection")) == (400, "close")
    assert response.getheader("content-type") == "application/problem+json"
    assert response.getheader("x-request-id")
    assert b"Content-Length" in response.read()


@pytest.mark.parametrize("target", ["http://x", "/%ff\xff", "http://:x:"])
def test_address_that_cannot_be_parsed_is_refused_without_the_parsers_words(target: str) -> None:
    request = f"GET {target} HTTP/1.1\r\nHost: x\r\n\r\n".encode("latin-1")
    response = parse_response(exchange(HotApp(echo=echo), request).written[0])
    assert response.status == 400
    assert b"callback" not in response.read()


def test_body_is_what_its_length_says_and_the_rest_is_the_next_request() -> None:
    wire = exchange(HotApp(echo=echo), post("/echo", b"one") + post("/other", b"two"))
    assert bodies(b"".join(wire.written)) == [b"hot one", b"asgi POST /other two"]


def test_nonsense_behind_a_request_is_refused_after_the_response_to_it() -> None:
    slow = Pending()

    async def scenario() -> Wire:
        wire = connect(slow=slow)
        wire.protocol.data_received(post("/slow") + b"nonsense\r\n\r\n")
        await asyncio.sleep(0.01)
        assert wire.written == []
        slow.futures[0].set_result(b"fine")
        await wire.responses()
        return wire

    wire = asyncio.run(scenario())
    assert wire.ended
    assert [parse_response(written).status for written in wire.written] == [200, 400]


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
        wire = connect(echo=echo)
        wire.protocol.data_received(start)
        for number in range(pieces):
            assert not wire.ended, number
            wire.protocol.data_received(piece)
            await asyncio.sleep(0)
        return wire

    wire = asyncio.run(scenario())
    assert wire.ended
    assert parse_response(wire.written[0]).status == 400


def test_long_bodies_and_many_requests_are_no_endless_head() -> None:
    async def scenario() -> Wire:
        wire = connect(echo=echo)
        request = post("/echo", bytes(190_000))
        for start in range(0, len(request), 50_000):
            wire.protocol.data_received(request[start : start + 50_000])
        wire.protocol.data_received(post("/echo")[:-1])
        wire.protocol.data_received(b"x" + b"".join(post("/other") for _ in range(1000)) + b"POST")
        for _ in range(1000):
            wire.protocol.data_received(b" / HTTP/1.1\r\nHost: x\r\nX: %b\r\n\r\nPOST" % (b"y" * 80))
        while wire.state.total_requests < 2002 and not wire.ended:
            await asyncio.sleep(0)
        return wire

    assert not asyncio.run(scenario()).closed


@pytest.mark.parametrize(("may_probe", "written"), [(True, [PROBE]), (False, [])], ids=["HTTP/1.1", "HTTP/1.0"])
def test_client_that_stopped_sending_is_probed_if_it_knows_interim_responses(
    may_probe: bool, written: list[bytes]
) -> None:
    """A client that has left answers the probe with a reset."""

    async def scenario() -> list[bytes]:
        wire = connect(slow=slow)
        wire.protocol.data_received(post("/slow"))
        assert wire.protocol.eof_received()
        if not may_probe:
            wire.protocol.clock.half_close(may_probe=False)
        wire.protocol.clock.check(time.perf_counter() + 1)
        probed = list(wire.written)
        slow.futures[0].set_result(b"late")
        assert bodies((await wire.responses()).removeprefix(b"".join(probed))) == [b"late"]
        return probed

    slow = Pending()
    assert asyncio.run(scenario()) == written
