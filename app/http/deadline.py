"""One deadline for each request, counted from its first byte: 408 while the request arrives, 504 after that."""

from __future__ import annotations

import asyncio
import time

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.errors import DeadlineExceeded, RequestTimeout
from app.observability.request_context import CURRENT_REQUEST


class DeadlineMiddleware:
    """Cancels a request that has no response within `timeout_s`. A response that has begun may take longer.

    Our own server says when the request began, in the scope's state; under another one it begins here.
    """

    def __init__(self, app: ASGIApp, timeout_s: float) -> None:
        self.app = app
        self.timeout_s = timeout_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        now = time.perf_counter()
        deadline = scope.get("state", {}).get("began_at", now) + self.timeout_s
        if context := CURRENT_REQUEST.get():
            context.deadline = deadline
        arriving = True

        async def receive_watching() -> Message:
            nonlocal arriving
            message = await receive()
            arriving = arriving and message.get("more_body", False)
            return message

        async def send_watching(message: Message) -> None:
            if not timeout.expired():
                timeout.reschedule(None)
            await send(message)

        timeout = asyncio.timeout_at(asyncio.get_running_loop().time() + deadline - now)
        try:
            async with timeout:
                await self.app(scope, receive_watching, send_watching)
        except TimeoutError:
            if not timeout.expired():
                raise
            raise (request_timeout if arriving else deadline_exceeded)(self.timeout_s) from None


def request_timeout(timeout_s: float) -> RequestTimeout:
    return RequestTimeout(f"The request was not complete within {timeout_s:g} s: send it again, or a smaller one.")


def deadline_exceeded(timeout_s: float) -> DeadlineExceeded:
    return DeadlineExceeded(f"The request was not answered within {timeout_s:g} s: send it again later.")
