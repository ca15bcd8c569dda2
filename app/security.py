"""What stands between the network and the routes: the problem body for whatever goes wrong, and the body limit."""

from __future__ import annotations

import logging

from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.errors import CONTENT_TYPE, BodyTooLarge, InternalError, ServiceError

logger = logging.getLogger(__name__)


def problem_response(error: ServiceError) -> Response:
    return Response(error.problem().body(), error.status, dict(error.headers), media_type=CONTENT_TYPE)


class Problems:
    """Turns every error that leaves a route into the one problem body. What is ours is logged, and told without."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started = False

        async def send_noting_start(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self.app(scope, receive, send_noting_start)
        except ClientDisconnect:
            logger.debug("a client left while sending its request")
        except Exception as error:
            if started:
                raise  # too late for another answer; the server closes the connection
            if not isinstance(error, ServiceError):
                logger.exception("%s %s failed", scope["method"], scope["path"])
                error = InternalError()
            await problem_response(error)(scope, receive, send)


class BodyLimit:
    """Refuses a body larger than `max_bytes`: at its Content-Length, or while reading when that is absent or lies."""

    def __init__(self, app: ASGIApp, max_bytes: int) -> None:
        self.app = app
        self.max_bytes = max_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        length = Headers(scope=scope).get("content-length", "0")
        if length.isdecimal() and int(length) > self.max_bytes:
            raise self._too_large()
        received = 0

        async def receive_counting() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > self.max_bytes:
                raise self._too_large()
            return message

        await self.app(scope, receive_counting, send)

    def _too_large(self) -> BodyTooLarge:
        return BodyTooLarge(f"The body is larger than {self.max_bytes:,} bytes: send less in one request.")
