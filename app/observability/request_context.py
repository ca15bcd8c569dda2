"""The request that is being answered, known to all code that runs for it."""

from __future__ import annotations

import itertools
import math
import os
import re
import time
from collections.abc import Mapping
from contextvars import ContextVar
from typing import NamedTuple

from opentelemetry.trace import Tracer
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.errors import DeadlineExceeded

REQUEST_ID = b"x-request-id"
SAFE_ID = re.compile(rb"[A-Za-z0-9._~:/+=@-]{1,128}")  # it is sent back and written to the log
NO_MODEL = ("", "")
TRACEPARENT = re.compile(rb"[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}.*")


_process = os.urandom(6).hex().encode()  # random numbers for each request would take ten times as long
_count = itertools.count(1)


class TracedRun(NamedTuple):
    """One run of a model for a request. Times are by time.perf_counter."""

    queued_at: float
    began: float
    ended: float
    batch_images: int


class RequestTrace:
    """What becomes the spans of a request. Times are by time.perf_counter; 0: not reached."""

    def __init__(self, tracer: Tracer, trace_id: str) -> None:
        self.tracer = tracer
        self.trace_id = trace_id  # the client's, or a new one
        self.preparing_at = 0.0  # the first picture
        self.queued_at = 0.0  # the first images
        self.runs: list[TracedRun] = []


class RequestContext:
    """The request's ids and deadline, its model, and when its images were decoded and predicted (0: they were not).

    All times are by time.perf_counter.
    """

    __slots__ = ("deadline", "decoded_at", "headers", "model", "number", "predicted_at", "trace")

    def __init__(self, headers: Mapping[bytes, bytes]) -> None:
        self.headers = headers
        self.number = next(_count)
        self.deadline = math.inf  # set by who knows `timeout_ms`
        self.model = NO_MODEL  # name and version, once its images are asked for
        self.decoded_at = 0.0
        self.predicted_at = 0.0
        self.trace: RequestTrace | None = None  # while tracing, from the request's span on

    def abandon(self) -> None:
        """Nobody waits for the answer any more: work in other threads ends at its next `check_deadline`."""
        self.deadline = -math.inf

    @property
    def request_id(self) -> bytes:
        """The client's request id if it is safe, else a new one."""
        given = self.headers.get(REQUEST_ID)
        return given if given and SAFE_ID.fullmatch(given) else b"%b-%06x" % (_process, self.number)

    @property
    def trace_id(self) -> str | None:
        """The id of the request's trace, or the client's from its header traceparent. Source: W3C Trace Context."""
        if self.trace:
            return self.trace.trace_id
        match = TRACEPARENT.fullmatch(self.headers.get(b"traceparent", b""))
        return match[1].decode() if match else None


CURRENT_REQUEST: ContextVar[RequestContext | None] = ContextVar("request", default=None)


def enter_request(headers: Mapping[bytes, bytes]) -> RequestContext:
    """Makes the request with these headers the current one of this task."""
    context = RequestContext(headers)
    CURRENT_REQUEST.set(context)
    return context


def check_deadline() -> None:
    """Call it between two steps of long work, in any thread. Raises `DeadlineExceeded` once nobody waits for it."""
    context = CURRENT_REQUEST.get()
    if context and time.perf_counter() > context.deadline:
        raise DeadlineExceeded("The request was not answered in time: retry later, or send less at once.")


def note_preparing() -> None:
    """The body of the current request is read: what follows is preprocessing. Only traces need it."""
    context = CURRENT_REQUEST.get()
    if context and context.trace and not context.trace.preparing_at:
        context.trace.preparing_at = time.perf_counter()


class RequestIdMiddleware:
    """Gives every request its context, and every response the request's id."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        context = enter_request(dict(scope["headers"]))

        async def send_with_id(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message.get("headers", ()), (REQUEST_ID, context.request_id)]}
            await send(message)

        await self.app(scope, receive, send_with_id)
