"""Administrative requests that are refused for their key go into the audit log, wherever they are refused."""

from __future__ import annotations

import re
import time
from contextlib import suppress

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.audit.author import acting
from app.audit.log import AuditLog
from app.audit.record import Act, ActKind
from app.errors import AuditUnavailable
from app.http.auth import Authenticator, combine

ADMINISTRATIVE = re.compile(r"/v2/repository/models/([^/]+)/(load|unload)")
REASONS = {401: "no known key", 403: "not an administrator's key"}
PER_MINUTE = 60  # refusals that have a record of their own


class AuditRefusalsMiddleware:
    """Around `ProblemMiddleware`, whose statuses it reads. All other requests pass."""

    def __init__(self, app: ASGIApp, audit: AuditLog, authenticator: Authenticator) -> None:
        self.app = app
        self.audit = audit
        self.authenticator = authenticator
        self.budget = RefusalBudget()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        match = ADMINISTRATIVE.fullmatch(scope["path"]) if scope["type"] == "http" else None
        if not match or scope["method"] != "POST":
            await self.app(scope, receive, send)
            return
        model, kind = match[1], match[2]

        async def send_recording(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] in REASONS:
                await self.record(scope, "load" if kind == "load" else "unload", model, message["status"])
            await send(message)

        await self.app(scope, receive, send_recording)

    async def record(self, scope: Scope, kind: ActKind, model: str, status: int) -> None:
        """A log that cannot be written changes nothing: the request is refused anyhow, and the failure is logged."""
        omitted = self.budget.take(time.monotonic())
        if omitted is None:
            return
        reason = f"{status}: {REASONS[status]}" + (f"; {omitted} refusals before it have no record" if omitted else "")
        with acting("request", self.authenticator.key_id(combine(scope["headers"]))), suppress(AuditUnavailable):
            await self.audit.record(Act(kind, model, "refused", reason))


class RefusalBudget:
    """Refusals need no key: without a bound everyone could fill the disk."""

    def __init__(self) -> None:
        self.minute_began = 0.0
        self.recorded = 0  # in this minute
        self.omitted = 0  # since the last record

    def take(self, now: float) -> int | None:
        """The refusals without a record before this one; None: it has none either."""
        if now - self.minute_began >= 60:
            self.minute_began, self.recorded = now, 0
        if self.recorded >= PER_MINUTE:
            self.omitted += 1
            return None
        self.recorded += 1
        omitted, self.omitted = self.omitted, 0
        return omitted
