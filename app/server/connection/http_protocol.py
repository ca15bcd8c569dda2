"""uvicorn's HTTP protocol, which answers hot routes itself.

    bytes -> framing -> llhttp -> head -+- `FastPath` matches: a FastPathCycle: body -> endpoint -> one write
                                        +- no match: uvicorn's cycle and task, our layers, FastAPI

A connection has one request in progress. Backpressure: what a client sends behind it is neither parsed nor read further
before the response, and each request has a turn of the event loop of its own.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from typing import Any

import httptools

from app.errors import InvalidRequest, MethodNotAllowed, ServiceError
from app.http.endpoint import RawResponse
from app.http.fast_path import FastPath
from app.http.problems import problem_response, record_request
from app.http.security_headers import SECURITY_HEADERS
from app.observability.request_context import REQUEST_ID, RequestContext
from app.server.connection.clock import ConnectionClock
from app.server.connection.fast_path_cycle import FastPathCycle, to_raw_response
from app.server.connection.flow import CycleTransport, HoldableFlowControl
from app.server.connection.request_framing import RequestFraming, check_head
from app.server.connection.response import CONNECTION_CLOSE, CONNECTION_KEEP_ALIVE, Header, response_bytes
from app.server.uvicorn_internals import HttpToolsProtocol

UPGRADE_LINE = re.compile(rb"^upgrade:.*\r\n", re.IGNORECASE | re.MULTILINE)
MAX_PIECES = 500  # of a request, parsed in one turn of the event loop: a body may come in chunks of one byte


class HttpProtocol(HttpToolsProtocol):
    """One connection. The application in uvicorn's configuration must have a `fast_path`."""

    flow: HoldableFlowControl

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        app: Any = self.config.app
        self.headers = []  # of the request that arrives
        self.fast_path: FastPath[object] = app.fast_path
        self.fast_cycle: FastPathCycle | None = None  # the latest one, in progress or complete
        self.receiving: FastPathCycle | None = None  # the same one while its body arrives
        self.framing = RequestFraming()
        self.clock = ConnectionClock(self)
        self.unread = b""  # received, and not parsed yet
        self.upgrade_offered = False  # by the head that llhttp parsed last
        self.request_complete = False  # the last piece that llhttp parsed ended it

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self.flow = HoldableFlowControl(transport)

    # --- from bytes to requests ---

    def data_received(self, data: bytes) -> None:
        clock = self.clock
        if clock.lingering:
            clock.drop(len(data))
            return
        if self.unread:
            data, self.unread = self.unread + data, b""
        if not clock.began_at:
            clock.began_at = time.perf_counter()
        self.consume(data)

    def consume(self, data: bytes) -> None:
        """Parses up to the end of one request at most."""
        self.request_complete = self.framing.in_head and not self.is_idle()
        for _ in range(MAX_PIECES):
            if self.request_complete:
                break
            try:
                length = self.framing.next_piece(data)
                if not length:  # more bytes are needed
                    self.unread = data
                    return
                self.parse(data[:length])
            except ServiceError as error:
                self.unread = data
                self.refuse(error)
                return
            data = data[length:]
            if not data:
                return
        self.hold(data)

    def hold(self, data: bytes) -> None:
        self.unread = data.lstrip(b"\r\n") if self.framing.in_head else data  # old clients end a body with a line end
        if self.unread:
            self.flow.hold()
            if self.is_idle() or not self.framing.in_head:
                self.loop.call_soon(self.resume)

    def resume(self) -> None:
        """Parses what is held, and reads on."""
        if self.transport.is_closing() or self.clock.lingering:
            return
        data, self.unread = self.unread, b""
        self.flow.release()
        if data:
            self.clock.began_at = self.clock.began_at or time.perf_counter()
            self.consume(data)

    def parse(self, piece: bytes) -> None:
        """Raises `ServiceError`: that of a callback, or `InvalidRequest`."""
        try:
            self.parser.feed_data(piece)
        except httptools.HttpParserUpgrade:
            pass
        except httptools.HttpParserError as error:
            if isinstance(error.__context__, ServiceError):
                raise error.__context__ from None
            if isinstance(error, httptools.HttpParserCallbackError):
                raise InvalidRequest(
                    "The address of the request cannot be parsed: send a path such as /predict."
                ) from error
            raise InvalidRequest(f"The request is not valid HTTP/1.1: {error}.") from error
        if self.upgrade_offered:
            self.decline_upgrade(piece)

    def decline_upgrade(self, head: bytes) -> None:
        """Parses the head again without the offer, which may be ignored: RFC 9110, 7.8.

        llhttp takes what follows an offered upgrade for another protocol, although the request may have a body.
        """
        self.upgrade_offered = False
        head, offers = UPGRADE_LINE.subn(b"", head)
        if not offers or self.parser.get_method() == b"CONNECT":
            raise MethodNotAllowed("This is no proxy: CONNECT is not supported.", allow="GET, HEAD, OPTIONS, POST")
        self.parser = httptools.HttpRequestParser(self)
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)  # as uvicorn does: Connection: close
        self.parse(head)

    # --- callbacks of llhttp ---

    def on_message_begin(self) -> None:
        """uvicorn makes an ASGI scope here, which the fast path does without: see `hand_to_uvicorn`."""
        self.url = b""
        self.headers = []
        self.expect_100_continue = False

    def on_header(self, name: bytes, value: bytes) -> None:
        """In place of uvicorn's: white space behind a value is no part of it (RFC 9112, 5.1)."""
        name, value = name.lower(), value.rstrip(b" \t")
        if name == b"expect" and value.lower() == b"100-continue":
            self.expect_100_continue = True
        self.headers.append((name, value))

    def on_headers_complete(self) -> None:
        parser = self.parser
        if parser.should_upgrade():
            self.upgrade_offered = True
            return
        headers, version = dict(self.headers), parser.get_http_version()
        check_head(self.headers, headers, version)
        self.framing.begin_body(headers)
        if cycle := self.fast_path_cycle(headers):
            self.cycle = cycle  # type: ignore[assignment]  # it has the attributes that uvicorn uses
            self.fast_cycle = self.receiving = cycle
        else:
            self.hand_to_uvicorn()
        if self.framing.chunked:
            self.headers = []  # trailers go here, and nowhere: they are no headers (RFC 9110, 6.5.1)

    def fast_path_cycle(self, headers: Mapping[bytes, bytes]) -> FastPathCycle | None:
        """A cycle on the fast path if the request is eligible, and the client reads its responses and stays connected.

        Raises `Overloaded` if there is no room for its body.
        """
        parser = self.parser
        if self.flow.write_paused or not parser.should_keep_alive():
            return None
        match = self.fast_path.match(parser.get_method(), self.url, headers)
        return FastPathCycle(self, match, headers, self.framing.remaining) if match else None

    def is_idle(self) -> bool:
        return self.cycle is None or self.cycle.response_complete

    def hand_to_uvicorn(self) -> None:
        url, headers, expects = self.url, self.headers, self.expect_100_continue
        super().on_message_begin()
        # An HTTP/1.0 client would take 100 for the answer: RFC 9110, 10.1.1.
        self.url, self.expect_100_continue = url, expects and self.parser.get_http_version() != "1.0"
        self.headers.extend(headers)  # the scope holds this very list
        self.scope["state"]["began_at"] = self.clock.began_at
        super().on_headers_complete()
        self.cycle.transport = CycleTransport(self.transport, self.close_after_response)  # type: ignore[assignment]  # it has what a cycle uses

    def on_body(self, body: bytes) -> None:
        if self.receiving:
            self.receiving.chunks.append(body)
        else:
            super().on_body(body)

    def on_message_complete(self) -> None:
        if self.upgrade_offered:
            return
        self.framing.begin_head()
        self.request_complete = True
        if self.receiving:
            cycle, self.receiving = self.receiving, None
            cycle.start()
            return
        super().on_message_complete()
        if self.is_idle():  # the response came before the end of the request
            self.end_request()

    # --- the end of a request and of the connection ---

    def on_response_complete(self) -> None:
        """In place of uvicorn's, which sets a timer for each response."""
        self.server_state.total_requests += 1
        if self.framing.in_head and not self.transport.is_closing():
            self.end_request()

    def end_request(self) -> None:
        self.clock.stop()
        self.headers = []
        if self.clock.half_closed_at:
            self.transport.close()
        elif self.unread:
            self.loop.call_soon(self.resume)

    def eof_received(self) -> bool | None:  # type: ignore[override]  # asyncio's own type; uvicorn's is narrower
        """Keeps the connection open for the response to a complete request: its client may only have stopped sending.

        Whether it is still there shows when `ConnectionClock` writes to it.
        """
        if self.clock.lingering or self.is_idle() or not self.framing.in_head:
            return None
        self.cycle.keep_alive = False
        self.clock.half_close(may_probe=self.parser.get_http_version() == "1.1")
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        if self.fast_cycle:
            self.fast_cycle.disconnect()
        # Reference cycles would keep the bodies until the next garbage collection.
        self.cycle = self.fast_cycle = self.receiving = None  # type: ignore[assignment]
        self.unread = b""

    def shutdown(self) -> None:
        if self.clock.lingering:
            self.transport.close()
        else:
            super().shutdown()

    def send_400_response(self, msg: str) -> None:
        """Refuses what cannot be parsed. uvicorn's own response is plain text."""
        self.refuse(InvalidRequest(msg))

    def refuse(self, error: ServiceError) -> None:
        """Answers the request that is arriving, or in uvicorn's hands, with a problem, and closes the connection."""
        receiving, self.receiving = self.receiving, None
        if receiving:
            receiving.refuse_body(error)
            return
        if not self.is_idle():
            self.cycle.disconnected = True
            self.cycle.message_event.set()
            if self.cycle.response_started:
                self.transport.abort()
                return
        record_request({"method": "-", "path": "-"}, "other", error.status, self.clock.seconds())
        request_id = (REQUEST_ID, RequestContext(dict(self.headers)).request_id)
        self.write(error.status, to_raw_response(problem_response(error, {"path": ""})), request_id, closing=True)

    def write(self, status: int, response: RawResponse, *headers: Header, closing: bool) -> None:
        """Writes head and body in one piece. `closing`: this response is the connection's last."""
        common = (*self.server_state.default_headers, *SECURITY_HEADERS)
        headers += (*response.headers,)
        closes = CONNECTION_CLOSE in common or CONNECTION_CLOSE in headers
        if closing and not closes:
            headers += (CONNECTION_CLOSE,)
        elif not closes and self.parser.get_http_version() == "1.0":
            headers += (CONNECTION_KEEP_ALIVE,)  # else its client waits for the end of the connection
        self.transport.write(response_bytes(status, response, common, headers))
        if closing or closes:
            self.close_after_response()

    def close_after_response(self) -> None:
        """Lets a client that still sends read its response first: a closed socket would reset the connection."""
        if self.framing.in_head and not self.unread:
            self.transport.close()
            return
        self.unread = b""
        self.clock.linger()
        self.flow.release()
        if self.transport.can_write_eof():
            self.transport.write_eof()
