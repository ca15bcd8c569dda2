"""A connection to the server's HTTP protocol without a network."""

from __future__ import annotations

import asyncio
import http.client
import io
from types import SimpleNamespace
from typing import Any

import uvicorn

from app.server.connection.http_protocol import HttpProtocol
from app.server.uvicorn_internals import ServerState


class Wire(asyncio.Transport):
    """Keeps what the protocol writes. A test calls the protocol's `data_received` in place of a client."""

    def __init__(self, app: Any, *default_headers: tuple[bytes, bytes]) -> None:
        super().__init__()
        self.written: list[bytes] = []
        self.closed = False
        self.ended = False  # for writing: no response follows
        self.reading = True
        self.changed = asyncio.Event()  # something was written, or the connection closed
        self.state = ServerState()
        self.state.default_headers = list(default_headers)
        config = uvicorn.Config(app, interface="asgi3", lifespan="off", log_config=None, access_log=False)
        self.protocol = HttpProtocol(config=config, server_state=self.state, app_state={})
        self.protocol.connection_made(self)

    async def responses(self) -> bytes:
        """All that was written, once the last request has its response or the connection is closed."""
        while not self.ended and not (self.written and self.protocol.is_idle() and not self.protocol.unread):
            await self.changed.wait()
            await asyncio.sleep(0)  # the protocol acts after it writes
        return b"".join(self.written)

    def write(self, data: Any) -> None:
        self.written.append(bytes(data))
        self.changed.set()

    def close(self) -> None:
        if not self.closed:
            asyncio.get_running_loop().call_soon(self.disconnect)
        self.closed = self.ended = True
        self.changed.set()

    def abort(self) -> None:
        self.close()

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        self.ended = True
        self.changed.set()

    def get_write_buffer_size(self) -> int:
        return 0

    def disconnect(self) -> None:
        self.closed = self.ended = True
        self.protocol.connection_lost(None)

    def is_closing(self) -> bool:
        return self.closed

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return default

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True


def parse_response(written: bytes, method: str = "POST") -> http.client.HTTPResponse:
    connection: Any = SimpleNamespace(makefile=lambda _: io.BytesIO(written))
    response = http.client.HTTPResponse(connection, method=method)
    response.begin()
    return response
