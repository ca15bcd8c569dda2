"""uvicorn's HTTP protocol, which answers hot routes itself.

    bytes -> llhttp -> head -+- `FastPath` matches: a FastPathCycle: body -> endpoint -> one write
                             +- no match: uvicorn's cycle and task, our layers, FastAPI

A connection has one request in progress. Requests that arrive behind one on the fast path wait in uvicorn's queue.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

from app.errors import InvalidRequest, ServiceError
from app.http.endpoint import RawResponse
from app.http.fast_path import FastPath
from app.http.problems import problem_response
from app.http.security_headers import SECURITY_HEADERS
from app.server.fast_path_cycle import FastPathCycle, to_raw_response
from app.server.uvicorn_internals import HttpToolsProtocol

Header = tuple[bytes, bytes]

CONNECTION_CLOSE = (b"connection", b"close")
MAX_HEAD_BYTES = 2**16  # of a head, a chunk's extension or a trailer: neither uvicorn nor llhttp has a limit
STATUS_LINES = {status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode() for status in HTTPStatus}


class HttpProtocol(HttpToolsProtocol):
    """One connection. The application in uvicorn's configuration must have a `fast_path`."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        app: Any = self.config.app
        self.fast_path: FastPath[object] = app.fast_path
        self.fast_cycle: FastPathCycle | None = None  # the latest one, in progress or complete
        self.receiving: FastPathCycle | None = None  # the same one while its body arrives
        self.fast_path_taken = False  # since data_received was called
        self.head_bytes = 0  # since the latest chunk of a body or end of a request

    def data_received(self, data: bytes) -> None:
        self.fast_path_taken = False
        self.head_bytes += len(data)
        super().data_received(data)
        if self.head_bytes > MAX_HEAD_BYTES and not self.transport.is_closing():
            self.refuse(InvalidRequest(f"The headers are longer than {MAX_HEAD_BYTES:,} bytes: send fewer or shorter."))

    def on_message_begin(self) -> None:
        """uvicorn makes an ASGI scope here, which the fast path does without: see `hand_to_uvicorn`."""
        self.url = b""
        self.headers = []
        self.expect_100_continue = False

    def on_headers_complete(self) -> None:
        cycle = self.fast_path_cycle()
        if cycle:
            self.cycle = cycle  # type: ignore[assignment]  # it has the attributes that uvicorn uses
            self.fast_cycle = self.receiving = cycle
            self.fast_path_taken = True
        else:
            self.hand_to_uvicorn()

    def fast_path_cycle(self) -> FastPathCycle | None:
        """A cycle on the fast path if the request is eligible, the connection idle, and it stays open.

        Backpressure: of the requests in one read only the first is eligible, so that a thousand pipelined ones cannot
        hold up the event loop, and none is while the client does not read its responses.
        """
        parser = self.parser
        if (
            parser.get_method() != b"POST"
            or not self.is_idle()
            or self.fast_path_taken
            or self.flow.write_paused
            or not parser.should_keep_alive()
            or parser.get_http_version() != "1.1"
        ):
            return None
        headers = dict(self.headers)
        match = self.fast_path.match(self.url, headers)
        return FastPathCycle(self, match, headers) if match else None

    def is_idle(self) -> bool:
        return self.cycle is None or self.cycle.response_complete

    def hand_to_uvicorn(self) -> None:
        url, headers, expect_100_continue = self.url, self.headers, self.expect_100_continue
        super().on_message_begin()
        self.url, self.expect_100_continue = url, expect_100_continue
        self.headers.extend(headers)  # the scope holds this very list
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self.head_bytes = 0
        if self.receiving:
            self.receiving.chunks.append(body)
        else:
            super().on_body(body)

    def on_message_complete(self) -> None:
        self.head_bytes = 0
        if self.receiving:
            cycle, self.receiving = self.receiving, None
            cycle.start()
        else:
            super().on_message_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        if self.fast_cycle:
            self.fast_cycle.disconnect()

    def send_400_response(self, msg: str) -> None:
        """Refuses what cannot be parsed. uvicorn's own response is plain text."""
        self.refuse(InvalidRequest(msg))

    def refuse(self, error: ServiceError) -> None:
        """Answers the request that is arriving with a problem, and closes the connection.

        Only closes it if the client would take the problem for the response to an earlier request.
        """
        cycle = self.cycle
        if self.is_idle() or (cycle.more_body and not cycle.response_started and not self.pipeline):
            self.write(error.status, to_raw_response(problem_response(error, {"path": ""})), closing=True)
        self.transport.close()

    def write(self, status: int, response: RawResponse, *headers: Header, closing: bool) -> None:
        """Writes head and body in one piece. `closing`: this response is the connection's last."""
        common = (*self.server_state.default_headers, *SECURITY_HEADERS)
        headers += (*response.headers,)
        if closing and CONNECTION_CLOSE not in common and CONNECTION_CLOSE not in headers:
            headers += (CONNECTION_CLOSE,)
        self.transport.write(
            b"%b%b%bcontent-length: %d\r\ncontent-type: %b\r\n\r\n%b"
            % (
                STATUS_LINES[status],
                cached_header_lines(common),
                header_lines(headers),
                len(response.body),
                response.content_type,
                response.body,
            )
        )
        if CONNECTION_CLOSE in common or CONNECTION_CLOSE in headers:
            self.transport.close()


def header_lines(headers: Sequence[Header]) -> bytes:
    return b"".join([b"%b: %b\r\n" % header for header in headers])


cached_header_lines = functools.lru_cache(maxsize=4)(header_lines)  # the common ones change once a second
