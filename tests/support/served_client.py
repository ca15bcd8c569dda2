"""A client whose requests go as bytes through our own server's protocol, and not straight into the application."""

from __future__ import annotations

import asyncio
import http.client
import io
from types import SimpleNamespace
from typing import Any

import httpx2
import uvicorn
from starlette.testclient import TestClient
from uvicorn.server import ServerState

from app.server.http_protocol import HttpProtocol


class Wire(asyncio.Transport):
    """A connection on which nothing is lost, nobody is slow, and what was written can be read."""

    def __init__(self, app: Any, *default_headers: tuple[bytes, bytes]) -> None:
        super().__init__()
        self.written: list[bytes] = []
        self.closed = False
        self.reading = True
        self.news = asyncio.Event()
        self.state = ServerState()
        self.state.default_headers = list(default_headers)
        config = uvicorn.Config(app, interface="asgi3", lifespan="off", log_config=None, access_log=False)
        self.protocol = HttpProtocol(config=config, server_state=self.state, app_state={})
        self.protocol.connection_made(self)

    async def answer(self) -> bytes:
        """All that was written, once the last request has its answer or the connection is closed."""
        while not self.closed and not (self.written and self.protocol.is_idle()):
            await self.news.wait()
            await asyncio.sleep(0)  # what was written is not yet all that is done
        return b"".join(self.written)

    def write(self, data: Any) -> None:
        self.written.append(bytes(data))
        self.news.set()

    def close(self) -> None:
        if not self.closed:
            asyncio.get_running_loop().call_soon(self.leave)
        self.closed = True
        self.news.set()

    def leave(self) -> None:
        """The connection is no more."""
        self.closed = True
        self.protocol.connection_lost(None)

    def is_closing(self) -> bool:
        return self.closed

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return default

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True


class ServedClient(TestClient):
    def __init__(self, app: Any, **options: Any) -> None:
        super().__init__(app, **options)
        self._transport = ThroughTheServer(self)


class ThroughTheServer(httpx2.BaseTransport):
    def __init__(self, client: TestClient) -> None:
        self.client = client

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        with self.client._portal_factory() as portal:
            answer = parsed(portal.call(self.ask, raw(request)), request.method)
        return httpx2.Response(answer.status, headers=answer.getheaders(), content=answer.read(), request=request)

    async def ask(self, request: bytes) -> bytes:
        wire = Wire(self.client.app)
        wire.protocol.data_received(request)
        return await wire.answer()


def raw(request: httpx2.Request) -> bytes:
    body = request.read()
    if "transfer-encoding" in request.headers:
        body = b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body) if body else b"0\r\n\r\n"
    lines = [b"%b: %b\r\n" % each for each in request.headers.raw]
    return b"%b %b HTTP/1.1\r\n%b\r\n%b" % (request.method.encode(), request.url.raw_path, b"".join(lines), body)


def parsed(answer: bytes, method: str = "POST") -> http.client.HTTPResponse:
    connection: Any = SimpleNamespace(makefile=lambda _: io.BytesIO(answer))
    response = http.client.HTTPResponse(connection, method=method)
    response.begin()
    return response
