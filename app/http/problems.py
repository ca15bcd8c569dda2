"""Every error that leaves a route becomes one problem document (RFC 9457)."""

from __future__ import annotations

import logging
import time

from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.errors import CONTENT_TYPE, JSON_ROUTES, InternalError, ServiceError
from app.observability import logs, metrics

logger = logging.getLogger(__name__)


def problem_response(error: ServiceError, scope: Scope) -> Response:
    """The one problem body."""
    metrics.observe_problem(error.slug)
    content_type = "application/json" if scope["path"].startswith(JSON_ROUTES) else CONTENT_TYPE
    return Response(error.problem().body(), error.status, dict(error.headers), media_type=content_type)


def problem_of(error: Exception, scope: Scope) -> Response:
    """What is ours is logged, and told without."""
    if not isinstance(error, ServiceError):
        logger.error("%s %s failed", scope["method"], scope["path"], exc_info=error)
        error = InternalError()
    return problem_response(error, scope)


class ProblemMiddleware:
    """Turns every error that leaves a route into the one problem body.

    Every request's status and time are counted here, by the path that its route is declared with.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        began = time.perf_counter()
        status, complete = 0, False

        async def send_noting(message: Message) -> None:
            nonlocal status, complete
            if status == 0:
                status = message["status"]
            else:
                complete = not message.get("more_body", False)
            await send(message)

        try:
            await self.app(scope, receive, send_noting)
        except ClientDisconnect:
            status = 499  # as nginx names it: nobody is there to get one
        except Exception as error:
            problem = problem_of(error, scope)
            if status == 0:
                await problem(scope, receive, send_noting)
            elif not complete:
                raise  # too late for another answer; the server closes the connection
        finally:
            finish(scope, route_of(scope), status, time.perf_counter() - began)


def finish(scope: Scope, route: str, status: int, seconds: float) -> None:
    """At the end of every request, whichever road it took."""
    metrics.observe_request(route, status, seconds)
    logs.note_access(scope["method"], scope["path"], status, seconds)


def route_of(scope: Scope) -> str:
    """The declared path, never the one asked for: its values would be as many as callers make up."""
    return str(getattr(scope.get("route"), "path", "other"))
