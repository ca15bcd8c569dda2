"""uvicorn's HTTP protocol, with the hot routes answered inside it.

    bytes -> llhttp -> head -+- `FastPath` takes it: Exchange: body -> endpoint -> one write
                             +- uvicorn's way: a cycle and a task, our layers, FastAPI

One connection has one request under way. Whatever comes behind a hot one goes uvicorn's way, in its queue.
"""

from __future__ import annotations

import asyncio
import functools
import time
from collections.abc import Coroutine, Mapping
from typing import Any

from starlette.responses import Response
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from app.errors import InvalidRequest, Overloaded, ServiceError
from app.http.endpoint import RawRequest, RawResponse, note_stages
from app.http.fast_path import FastPath, RouteMatch
from app.http.problems import finish, problem_of, problem_response
from app.http.security_headers import SECURITY_HEADERS
from app.observability.request_context import CURRENT, REQUEST_ID, Context, enter

CLOSE = (b"connection", b"close")
LEFT = 499  # as nginx names it: nobody is there to get an answer
# Whoever is told at once that there is no room asks again at once, and eight such callers leave the model too little of
# their core ever to make room: 2,000 images a second were answered, and 8,000 without them.
REFUSED_AFTER_S = 0.02
MOST_BETWEEN = 2**16  # bytes of a head, or between two pieces of a body: uvicorn and llhttp would take any number


class Protocol(HttpToolsProtocol):
    """The application that uvicorn is given has a `fast_path`."""

    def __init__(self, *positional: Any, **named: Any) -> None:
        super().__init__(*positional, **named)
        app: Any = self.config.app
        self.fast_path: FastPath = app.fast_path
        self.exchange: Exchange | None = None  # the last one
        self.receiving: Exchange | None = None  # the same while its body comes in
        self.had_one = False  # in what was read last
        self.between = 0  # bytes since the last piece of a body or end of a request

    def data_received(self, data: bytes) -> None:
        self.had_one = False
        self.between += len(data)
        super().data_received(data)
        if self.between > MOST_BETWEEN and not self.transport.is_closing():
            self.refuse(InvalidRequest(f"The headers are longer than {MOST_BETWEEN:,} bytes: send fewer, or shorter."))

    def on_message_begin(self) -> None:
        """uvicorn begins a scope here, which hot routes do without."""
        self.url = b""
        self.headers = []
        self.expect_100_continue = False

    def on_headers_complete(self) -> None:
        exchange = self.hot_exchange()
        if exchange:
            self.cycle = exchange  # type: ignore[assignment]  # it has what is asked of one
            self.exchange = self.receiving = exchange
            self.had_one = True
        else:
            self.go_uvicorns_way()

    def hot_exchange(self) -> Exchange | None:
        """The request as one of a hot route, if it is, and its turn has come, and the connection stays open.

        No more than one of what was read at once: a thousand sent together would keep everyone waiting.
        """
        parser = self.parser
        if (
            parser.get_method() != b"POST"
            or not self.is_free()
            or self.had_one
            or self.flow.write_paused
            or not parser.should_keep_alive()
            or parser.get_http_version() != "1.1"
        ):
            return None
        headers = dict(self.headers)
        found = self.fast_path.find(self.url, headers)
        return Exchange(self, found, headers) if found else None

    def is_free(self) -> bool:
        return self.cycle is None or self.cycle.response_complete

    def go_uvicorns_way(self) -> None:
        url, headers, expects = self.url, self.headers, self.expect_100_continue
        super().on_message_begin()
        self.url, self.expect_100_continue = url, expects
        self.headers.extend(headers)  # the scope holds that very list
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self.between = 0
        if self.receiving:
            self.receiving.chunks.append(body)
        else:
            super().on_body(body)

    def on_message_complete(self) -> None:
        self.between = 0
        if self.receiving:
            exchange, self.receiving = self.receiving, None
            exchange.begin()
        else:
            super().on_message_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        if self.exchange:
            self.exchange.leave()

    def send_400_response(self, msg: str) -> None:
        """To what cannot be parsed; uvicorn's is plain text."""
        self.refuse(InvalidRequest(msg))

    def refuse(self, error: ServiceError) -> None:
        """The request that is coming in, and the connection with it.

        Where one before it waits for its answer, or it has some of its own, nothing more is said.
        """
        cycle = self.cycle
        if self.is_free() or (cycle.more_body and not cycle.response_started and not self.pipeline):
            self.write(error.status, answer_of(problem_response(error, {"path": ""})), closing=True)
        self.transport.close()

    def write(self, status: int, answer: RawResponse, *headers: tuple[bytes, bytes], closing: bool) -> None:
        """Head and body at once. With `closing` nothing comes after it on this connection."""
        of_all = (*self.server_state.default_headers, *SECURITY_HEADERS)
        headers += (*answer.headers,)
        if closing and CLOSE not in of_all and CLOSE not in headers:
            headers += (CLOSE,)
        self.transport.write(
            b"%b%b%bcontent-length: %d\r\ncontent-type: %b\r\n\r\n%b"
            % (
                STATUS_LINE[status],
                lines_again(of_all),
                lines_of(headers),
                len(answer.body),
                answer.content_type,
                answer.body,
            )
        )
        if CLOSE in of_all or CLOSE in headers:
            self.transport.close()


def lines_of(headers: tuple[tuple[bytes, bytes], ...]) -> bytes:
    return b"".join([b"%b: %b\r\n" % each for each in headers])


lines_again = functools.lru_cache(maxsize=4)(lines_of)  # they change once a second


class Exchange:
    """A request of a hot route, from its head to its answer. Among uvicorn's own it passes for a cycle.

    The endpoint runs without a task, which takes 4 us to make: all that it awaits are futures, and each goes on with it
    when it is done.
    """

    message_event = asyncio.Event()  # uvicorn sets it; nobody waits for it
    # From `begin` on:
    context: Context
    whole_at: float
    work: Coroutine[Any, Any, RawResponse]

    def __init__(self, protocol: Protocol, found: RouteMatch, headers: Mapping[bytes, bytes]) -> None:
        self.protocol = protocol
        self.found = found
        self.headers = headers
        self.chunks: list[bytes] = []
        self.began = time.perf_counter()
        self.waits_for: asyncio.Future[Any] | None = None
        self.refused = False
        # What uvicorn reads and writes of a cycle.
        self.more_body = True
        self.keep_alive = True
        self.disconnected = False
        self.response_started = False
        self.response_complete = False

    def begin(self) -> None:
        """With the body whole."""
        route, path, query, _ = self.found
        body, self.chunks, self.more_body = b"".join(self.chunks), [], False
        self.context = enter(self.headers)
        self.whole_at = time.perf_counter()
        self.work = route.endpoint(RawRequest(self.protocol.fast_path.state, path, query, self.headers, body))
        self._go_on()
        CURRENT.set(None)  # what this connection and others bring next is of another request

    def leave(self) -> None:
        """The caller has gone, and is not worked for any more."""
        if self.waits_for:
            self.waits_for.cancel()
        elif not self.response_complete:
            enter(self.headers)
            self._end(LEFT)
            CURRENT.set(None)

    def _go_on(self, _: object = None) -> None:
        """Runs the endpoint until it waits for something, or to its end."""
        self.waits_for = None
        try:
            self.waits_for = self.work.send(None)
            self.waits_for.add_done_callback(self._go_on)
        except StopIteration as end:
            note_stages(self.found.route.path, self.context, self.whole_at)
            self._answer(200, end.value)
        except asyncio.CancelledError:
            self._end(LEFT)
        except Exception as error:  # noqa: BLE001  # whatever it is becomes the one problem body
            if isinstance(error, Overloaded) and not self.refused:
                self.refused, self.work = True, after(REFUSED_AFTER_S, error)
                self._go_on()
                return
            problem = problem_of(error, self.found.scope)
            error.__traceback__ = None  # of its frames this one has the error: garbage, and all that they hold with it
            self._answer(problem.status_code, answer_of(problem))

    def _answer(self, status: int, answer: RawResponse) -> None:
        if self.protocol.transport.is_closing():
            self._end(LEFT)
            return
        request_id = (REQUEST_ID, self.context.request_id)
        self.protocol.write(status, answer, request_id, closing=not self.keep_alive)
        self._end(status)
        self.protocol.on_response_complete()

    def _end(self, status: int) -> None:
        self.response_complete = True
        finish(self.found.scope, self.found.route.path, status, time.perf_counter() - self.began)


async def after(seconds: float, error: ServiceError) -> RawResponse:
    await asyncio.sleep(seconds)
    raise error


def answer_of(problem: Response) -> RawResponse:
    headers = dict(problem.raw_headers)
    del headers[b"content-length"]
    return RawResponse(bytes(problem.body), headers.pop(b"content-type"), tuple(headers.items()))
