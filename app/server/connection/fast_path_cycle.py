"""One request answered on the fast path, without an ASGI scope, a task or FastAPI."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine, Mapping
from typing import Any, Protocol

from starlette.responses import Response

from app.errors import DeadlineExceeded, Overloaded, ServiceError
from app.http.endpoint import RawRequest, RawResponse, observe_stages
from app.http.fast_path import FastPath, RouteMatch
from app.http.problems import CLIENT_CLOSED_REQUEST, problem_of, record_request
from app.observability.request_context import CURRENT_REQUEST, REQUEST_ID, RequestContext, enter_request
from app.server.connection.clock import ConnectionClock

# Load shedding must cost the client time too. Eight clients that were refused at once asked again at once, and left the
# model 2,000 images/s of the 8,000 that it processes without them.
REFUSAL_DELAY_S = 0.02


class Connection(Protocol):
    """What a cycle needs of the HTTP protocol."""

    fast_path: FastPath[object]
    transport: asyncio.Transport
    clock: ConnectionClock

    def write(self, status: int, response: RawResponse, *headers: tuple[bytes, bytes], closing: bool) -> None: ...

    def on_response_complete(self) -> None: ...


class FastPathCycle:
    """From a request's head to its response. For uvicorn it stands in for a `RequestResponseCycle`.

    The endpoint runs without a task, which takes 4 us to create: everything it awaits is a future, and the future's
    callback resumes it.
    """

    # What uvicorn reads and writes: `uvicorn_internals.CYCLE`.
    message_event = asyncio.Event()
    more_body = True
    keep_alive = True
    disconnected = False
    response_started = False
    response_complete = False

    # From `start` on.
    context: RequestContext
    body_complete_at: float
    coroutine: Coroutine[Any, Any, RawResponse]
    awaited: asyncio.Future[Any] | None = None
    delayed_refusal: asyncio.TimerHandle | None = None
    expired: DeadlineExceeded | None = None

    def __init__(
        self, protocol: Connection, match: RouteMatch[object], headers: Mapping[bytes, bytes], body_bytes: int
    ) -> None:
        """Raises `Overloaded` if the bodies under way leave no room for this one."""
        protocol.fast_path.limits.inflight.reserve(body_bytes, body_bytes)
        self.protocol = protocol
        self.match = match
        self.headers = headers
        self.body_bytes = body_bytes
        self.chunks: list[bytes] = []
        self.began_at = protocol.clock.began_at

    def start(self) -> None:
        """Calls the endpoint once the body is complete."""
        route, path_params, query, _ = self.match
        body, self.chunks, self.more_body = b"".join(self.chunks), [], False
        fast_path = self.protocol.fast_path
        self.context = enter_request(self.headers)
        self.context.deadline = self.began_at + fast_path.limits.timeout_s
        self.body_complete_at = time.perf_counter()
        request = RawRequest(fast_path.state, path_params, query, self.headers, body)
        self.coroutine = route.endpoint(request)
        self.step()
        CURRENT_REQUEST.set(None)  # what follows in this turn of the event loop belongs to other requests

    def step(self, _: object = None) -> None:
        """Runs the endpoint until it awaits a future, returns or raises."""
        self.awaited = None
        try:
            self.awaited = self.coroutine.send(None)
            self.awaited.add_done_callback(self.step)
        except StopIteration as returned:
            self.succeed(returned.value)
        except asyncio.CancelledError:
            if self.expired:
                self.refuse(self.expired)
            else:
                self.end(CLIENT_CLOSED_REQUEST)
        except Exception as error:  # noqa: BLE001  # every exception becomes a problem document
            self.fail(error)

    def succeed(self, response: RawResponse) -> None:
        observe_stages(self.match.route.path, self.context, self.body_complete_at)
        self.respond(200, response)

    def fail(self, error: Exception) -> None:
        if isinstance(error, Overloaded):
            loop = asyncio.get_running_loop()
            self.delayed_refusal = loop.call_later(REFUSAL_DELAY_S, self.refuse, error)
        else:
            self.refuse(error)

    def refuse(self, error: Exception) -> None:
        self.delayed_refusal = None  # the handle refers to this cycle
        problem = problem_of(error, self.match.scope)
        error.__traceback__ = None  # its frames refer to it: a cycle that would hold the picture until it is collected
        self.respond(problem.status_code, to_raw_response(problem))

    def refuse_body(self, error: ServiceError) -> None:
        """Refuses the request while its body arrives."""
        self.context = enter_request(self.headers)
        self.keep_alive = False
        self.chunks = []
        self.refuse(error)
        CURRENT_REQUEST.set(None)

    def expire(self, error: DeadlineExceeded) -> None:
        """Cancels the endpoint, and answers in its place."""
        if self.awaited:
            self.expired = error
            self.awaited.cancel()  # and `step` gets the CancelledError

    def respond(self, status: int, response: RawResponse) -> None:
        if self.protocol.transport.is_closing():
            self.end(CLIENT_CLOSED_REQUEST)
            return
        request_id = (REQUEST_ID, self.context.request_id)
        self.protocol.write(status, response, request_id, closing=not self.keep_alive)
        self.end(status)
        self.protocol.on_response_complete()

    def disconnect(self) -> None:
        """Cancels the endpoint of a client that has gone."""
        if self.awaited:
            self.awaited.cancel()  # and `step` gets the CancelledError
        elif not self.response_complete:
            if self.delayed_refusal:
                self.delayed_refusal.cancel()
            enter_request(self.headers)
            self.end(CLIENT_CLOSED_REQUEST)
            CURRENT_REQUEST.set(None)

    def end(self, status: int) -> None:
        self.response_complete = True
        self.chunks = []
        self.protocol.fast_path.limits.inflight.release(self.body_bytes)
        record_request(self.match.scope, self.match.route.path, status, time.perf_counter() - self.began_at)


def to_raw_response(problem: Response) -> RawResponse:
    headers = dict(problem.raw_headers)
    del headers[b"content-length"]
    return RawResponse(bytes(problem.body), headers.pop(b"content-type"), tuple(headers.items()))
