"""One request on the fast path: its context, its endpoint, and the ways it can end."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from typing import Any

import pytest

from app.errors import BlankPicture, Overloaded
from app.http.endpoint import RawRequest, RawResponse
from app.http.problems import CLIENT_CLOSED_REQUEST
from app.observability.request_context import CURRENT_REQUEST, RequestContext
from app.server.connection.fast_path_cycle import REFUSAL_DELAY_S
from tests.support.hot_app import HotApp, Pending, bodies, connect, echo_later, exchange, post, request_count
from tests.support.wire import Wire, parse_response


async def refuse(request: RawRequest[object]) -> RawResponse:
    raise BlankPicture("Draw something.")


async def overload(request: RawRequest[object]) -> RawResponse:
    await echo_later(request)
    raise Overloaded("Come back later.")


async def fail(request: RawRequest[object]) -> RawResponse:
    raise RuntimeError("the password is 1234")


async def await_no_future(request: RawRequest[object]) -> RawResponse:
    await asyncio.sleep(0)
    return RawResponse(b"")


def test_request_keeps_its_id_and_no_other_request_gets_it() -> None:
    seen: list[RequestContext | None] = []

    async def note(request: RawRequest[object]) -> RawResponse:
        seen.append(CURRENT_REQUEST.get())
        await echo_later(request)
        seen.append(CURRENT_REQUEST.get())
        return RawResponse(b"")

    async def scenario() -> list[str | None]:
        first, second = connect(note=note), connect(note=note)
        first.protocol.data_received(post("/note", b"", "X-Request-ID: mine"))
        assert CURRENT_REQUEST.get() is None
        second.protocol.data_received(post("/note", b"", "X-Request-ID: yours"))
        return [parse_response(await wire.responses()).getheader("x-request-id") for wire in (first, second)]

    assert asyncio.run(scenario()) == ["mine", "yours"]
    assert [context.request_id for context in seen if context] == [b"mine", b"yours", b"mine", b"yours"]


def test_access_log_has_a_line_for_each_request(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "app.access")
    exchange(HotApp(echo=echo_later), post("/echo?secret=1"))
    (line,) = caplog.messages
    assert re.fullmatch(r"POST /echo 200 [0-9.]+ ms", line)


def test_endpoint_may_wait_for_a_thread() -> None:
    async def work(request: RawRequest[object]) -> RawResponse:
        return RawResponse(await asyncio.to_thread(request.body.upper))

    assert bodies(exchange(HotApp(work=work), post("/work", b"done")).written[0]) == [b"DONE"]


# --- refusals and errors ----------------------------------------------------------------------------------------------


def test_refusal_is_a_problem_and_the_connection_stays_open(caplog: pytest.LogCaptureFixture) -> None:
    before = request_count("/refuse", 422)
    response = parse_response(exchange(HotApp(refuse=refuse), post("/refuse")).written[0])
    assert (response.status, response.getheader("content-type")) == (422, "application/problem+json")
    assert response.getheader("connection") is None
    assert b"Draw something." in response.read()
    assert request_count("/refuse", 422) == before + 1
    assert not caplog.text


def test_overload_says_when_to_come_back() -> None:
    response = parse_response(exchange(HotApp(overload=overload), post("/overload")).written[0])
    assert (response.status, response.getheader("retry-after")) == (503, "1")


def test_refusal_under_overload_comes_after_the_responses_that_are_ready_meanwhile() -> None:
    async def scenario() -> None:
        refused, answered = connect(overload=overload), connect(later=echo_later)
        refused.protocol.data_received(post("/overload"))
        answered.protocol.data_received(post("/later"))
        await asyncio.wait_for(answered.responses(), 60)
        assert refused.written == []
        assert parse_response(await asyncio.wait_for(refused.responses(), 60)).status == 503

    asyncio.run(scenario())


@pytest.mark.parametrize("endpoint", [fail, await_no_future])
def test_unexpected_error_is_logged_and_its_text_is_not_sent(
    caplog: pytest.LogCaptureFixture, endpoint: Callable[[RawRequest[object]], Any]
) -> None:
    response = parse_response(exchange(HotApp(fail=endpoint), post("/fail")).written[0])
    assert response.status == 500
    assert b"1234" not in response.read()
    assert "POST /fail failed" in caplog.text


# --- clients that disconnect ------------------------------------------------------------------------------------------


def test_endpoint_is_cancelled_when_its_client_disconnects_and_counted_as_such() -> None:
    before = request_count("/slow", CLIENT_CLOSED_REQUEST)
    slow = Pending()

    async def scenario() -> Wire:
        wire = connect(slow=slow)
        wire.protocol.data_received(post("/slow"))
        wire.disconnect()
        assert slow.futures[0].cancelled()
        await asyncio.sleep(0.01)
        return wire

    assert asyncio.run(scenario()).written == []
    assert request_count("/slow", CLIENT_CLOSED_REQUEST) == before + 1


def test_endpoint_is_not_called_for_a_client_that_disconnects_while_sending() -> None:
    before = request_count("/slow", CLIENT_CLOSED_REQUEST)
    slow = Pending()

    async def scenario() -> Wire:
        wire = connect(slow=slow)
        wire.protocol.data_received(post("/slow", b"half")[:-2])
        wire.disconnect()
        return wire

    assert asyncio.run(scenario()).written == []
    assert slow.futures == []
    assert request_count("/slow", CLIENT_CLOSED_REQUEST) == before + 1


def test_response_that_comes_too_late_is_not_written_to_a_closed_connection() -> None:
    async def scenario() -> Wire:
        wire = connect(slow=slow)
        wire.protocol.data_received(post("/slow"))
        slow.futures[0].set_result(b"done")
        wire.disconnect()
        await asyncio.sleep(0.01)
        return wire

    slow = Pending()
    assert asyncio.run(scenario()).written == []


@pytest.mark.parametrize("wait_s", [0, REFUSAL_DELAY_S / 4], ids=["before the error", "during the delay"])
def test_client_that_disconnects_before_its_delayed_refusal_is_counted_once(wait_s: float) -> None:
    def counts() -> tuple[float, float]:
        return request_count("/overload", CLIENT_CLOSED_REQUEST), request_count("/overload", 503)

    before = counts()

    async def scenario() -> Wire:
        wire = connect(overload=overload)
        wire.protocol.data_received(post("/overload"))
        if wait_s:
            await asyncio.sleep(wait_s)
        wire.disconnect()
        await asyncio.sleep(2 * REFUSAL_DELAY_S)
        return wire

    assert asyncio.run(scenario()).written == []
    assert counts() == (before[0] + 1, before[1])
