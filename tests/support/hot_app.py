"""A small application with hot routes, and what its connections write."""

from __future__ import annotations

import asyncio
import re

from starlette.types import Receive, Scope, Send

from app.http.body_limit import InflightBytes, RequestLimits
from app.http.endpoint import Endpoint, HotRoute, RawRequest, RawResponse
from app.http.fast_path import FastPath
from app.observability import metrics
from tests.support.wire import Wire

DATE = (b"date", b"Tue, 24 Nov 2026 08:00:00 GMT")  # a header of every response


async def echo(request: RawRequest[object]) -> RawResponse:
    return RawResponse(b"hot " + request.body, b"text/plain")


async def echo_later(request: RawRequest[object]) -> RawResponse:
    """In the next turn of the event loop, as after a batch."""
    future = asyncio.get_running_loop().create_future()
    asyncio.get_running_loop().call_soon(future.set_result, b"later ")
    return RawResponse(await future + request.body, b"text/plain")


class Pending:
    """An endpoint that answers when the test sets a future's result."""

    def __init__(self) -> None:
        self.futures: list[asyncio.Future[bytes]] = []

    async def __call__(self, request: RawRequest[object]) -> RawResponse:
        self.futures.append(asyncio.get_running_loop().create_future())
        return RawResponse(await self.futures[-1])


class HotApp:
    """Hot routes; its ASGI side answers "asgi METHOD PATH BODY"."""

    def __init__(self, **endpoints: Endpoint[object]) -> None:
        routes = [HotRoute(f"/{name}", endpoint) for name, endpoint in endpoints.items()]
        limits = RequestLimits(max_body_bytes=200_000, inflight=InflightBytes(2**22), timeout_s=10)
        self.fast_path = FastPath[object](routes, None, limits=limits)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        body, more = b"", True
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        content = f"asgi {scope['method']} {scope['path']} ".encode() + body
        await send(
            {"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(content))]}
        )
        await send({"type": "http.response.body", "body": content})


def post(path: str, body: bytes = b"x", *lines: str, version: str = "1.1") -> bytes:
    head = [f"POST {path} HTTP/{version}", "Host: x", f"Content-Length: {len(body)}", *lines, "", ""]
    return "\r\n".join(head).encode() + body


def connect(**endpoints: Endpoint[object]) -> Wire:
    return Wire(HotApp(**endpoints), DATE)


def exchange(app: HotApp, *packets: bytes) -> Wire:
    """The connection after these packets and the responses to them."""

    async def scenario() -> Wire:
        wire = Wire(app, DATE)
        for packet in packets:
            wire.protocol.data_received(packet)
        await asyncio.wait_for(wire.responses(), 60)
        return wire

    return asyncio.run(scenario())


def bodies(responses: bytes) -> list[bytes]:
    """The bodies of consecutive responses."""
    found = []
    while responses:
        head, _, rest = responses.partition(b"\r\n\r\n")
        length = re.search(rb"content-length: (\d+)", head)
        assert length
        found.append(rest[: int(length[1])])
        responses = rest[int(length[1]) :]
    return found


def request_count(route: str, status: int) -> float:
    labels = {"route": route, "status": str(status), "model": "", "version": ""}
    return metrics.values(labels).get("digits_request_seconds_count", 0)
