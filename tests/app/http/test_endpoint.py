"""An endpoint as FastAPI runs it, and what happens to it when its client disconnects."""

from __future__ import annotations

import asyncio

import pytest
from fastapi import FastAPI
from starlette.requests import ClientDisconnect
from starlette.testclient import TestClient
from starlette.types import Message, Receive

from app.http.endpoint import RawRequest, RawResponse, cancel_on_disconnect, fastapi_endpoint


async def echo(request: RawRequest[object]) -> RawResponse:
    parts = [request.path_params["name"].encode(), request.query, request.headers[b"host"], request.body]
    return RawResponse(b" ".join(parts), b"text/plain", [(b"x-parts", b"4")])


def test_fastapi_runs_the_same_function() -> None:
    app = FastAPI()
    app.add_api_route("/about/{name}:echo", fastapi_endpoint(echo), methods=["POST"])
    response = TestClient(app).post("/about/mnist:echo?q=1", content=b"hello")
    assert response.content == b"mnist q=1 testserver hello"
    assert (response.headers["content-type"], response.headers["x-parts"]) == ("text/plain", "4")


def receive_after(seconds: float, *messages: Message) -> Receive:
    waiting = list(messages)

    async def receive() -> Message:
        await asyncio.sleep(seconds if waiting else 60)
        return waiting.pop(0)

    return receive


def test_work_is_cancelled_once_its_client_has_disconnected() -> None:
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


def test_client_that_stays_is_answered_however_long_it_takes() -> None:
    async def work() -> RawResponse:
        await asyncio.sleep(0.2)
        return RawResponse(b"at last")

    async def scenario() -> RawResponse:
        response = await cancel_on_disconnect(receive_after(0), work())
        await asyncio.sleep(0)
        assert len(asyncio.all_tasks()) == 1
        return response

    assert asyncio.run(scenario()).body == b"at last"


def test_work_is_cancelled_with_the_task_that_awaits_it() -> None:
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
