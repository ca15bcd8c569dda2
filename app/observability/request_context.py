"""The request that is being answered, as whatever works on it may want to know it."""

from __future__ import annotations

import itertools
import os
import re
from collections.abc import Mapping
from contextvars import ContextVar

from starlette.types import ASGIApp, Message, Receive, Scope, Send

REQUEST_ID = b"x-request-id"
HARMLESS_ID = re.compile(rb"[A-Za-z0-9._~:/+=@-]{1,128}")  # it is sent back, and written to the log
TRACEPARENT = re.compile(rb"[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}.*")


_process = os.urandom(6).hex().encode()  # random numbers for each request would take ten times as long
_count = itertools.count(1)


class Context:
    """Its name in the log, and the moments at which its images were ready and predicted (0: they were not)."""

    __slots__ = ("answered", "asked", "headers", "number")

    def __init__(self, headers: Mapping[bytes, bytes]) -> None:
        self.headers = headers
        self.number = next(_count)
        self.asked = 0.0
        self.answered = 0.0

    @property
    def request_id(self) -> bytes:
        """The caller's where that is one, else one of our own."""
        given = self.headers.get(REQUEST_ID)
        return given if given and HARMLESS_ID.fullmatch(given) else b"%b-%06x" % (_process, self.number)

    @property
    def trace_id(self) -> str | None:
        """The trace that the caller says this is a part of. Source: W3C Trace Context."""
        match = TRACEPARENT.fullmatch(self.headers.get(b"traceparent", b""))
        return match[1].decode() if match else None


CURRENT: ContextVar[Context | None] = ContextVar("request", default=None)


def enter(headers: Mapping[bytes, bytes]) -> Context:
    """From here on, in this task, the request with these headers is the current one."""
    context = Context(headers)
    CURRENT.set(context)
    return context


class RequestIdMiddleware:
    """Gives every request its context, and its answer the id."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        context = enter(dict(scope["headers"]))

        async def send_named(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message.get("headers", ()), (REQUEST_ID, context.request_id)]}
            await send(message)

        await self.app(scope, receive, send_named)
