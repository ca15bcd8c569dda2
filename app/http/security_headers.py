"""Response headers that keep browsers from treating an answer as something else."""

from __future__ import annotations

from starlette.types import ASGIApp, Message, Receive, Scope, Send

SECURITY_HEADERS = (
    (b"x-content-type-options", b"nosniff"),  # what we call JSON or a picture is never run as a script
    (b"referrer-policy", b"no-referrer"),  # a query may hold what is nobody else's business
)


class SecurityHeadersMiddleware:
    """Adds to every answer what keeps browsers from taking it for something else."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_safely(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message.get("headers", ()), *SECURITY_HEADERS]}
            await send(message)

        await self.app(scope, receive, send_safely)
