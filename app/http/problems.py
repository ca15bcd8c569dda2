"""Every error that leaves a route becomes one problem document (RFC 9457)."""

from __future__ import annotations

import asyncio
import logging
import time

from fastapi import FastAPI, Request
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.errors import (
    PLAIN_JSON_PREFIXES,
    PROBLEM_CONTENT_TYPE,
    InternalError,
    InvalidRequest,
    RouteNotFound,
    ServiceError,
    Stopping,
)
from app.observability import logs, metrics

CLIENT_CLOSED_REQUEST = 499  # nginx's status for a client that disconnected before its response; only counted

logger = logging.getLogger(__name__)


def problem_response(error: ServiceError, scope: Scope) -> Response:
    """The error as a problem document."""
    metrics.observe_problem(error.slug)
    content_type = "application/json" if scope["path"].startswith(PLAIN_JSON_PREFIXES) else PROBLEM_CONTENT_TYPE
    return Response(error.problem().to_json(), error.status, dict(error.headers), media_type=content_type)


def problem_of(error: Exception, scope: Scope) -> Response:
    """Logs what is answered with 500, with the request's ids: an exception, whose text is not sent, or a failed run."""
    if not isinstance(error, ServiceError):
        logger.error("%s %s failed", scope["method"], scope["path"], exc_info=error)
        error = InternalError()
    elif isinstance(error, InternalError):
        logger.error("%s %s failed with the run of its batch", scope["method"], scope["path"])
    return problem_response(error, scope)


class ProblemMiddleware:
    """Answers every error of a route with a problem document, and records each request's status and duration."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started = time.perf_counter()
        status, complete = 0, False

        async def send_watching(message: Message) -> None:
            nonlocal status, complete
            if status == 0:
                status = message["status"]
            else:
                complete = not message.get("more_body", False)
            await send(message)

        try:
            await self.app(scope, receive, send_watching)
        except ClientDisconnect:
            status = CLIENT_CLOSED_REQUEST
        except asyncio.CancelledError:  # the server ends, and waits no longer
            if status == 0:
                await problem_of(Stopping(), scope)(scope, receive, send_watching)
        except Exception as error:
            problem = problem_of(error, scope)
            if status == 0:
                await problem(scope, receive, send_watching)
            elif not complete:
                raise  # too late for another response; the server closes the connection
        finally:
            record_request(scope, route_of(scope), status, time.perf_counter() - started)


def record_request(scope: Scope, route: str, status: int, seconds: float) -> None:
    """The metrics and the access log of a finished request, on the fast path and off it."""
    metrics.observe_request(route, status, seconds)
    logs.note_access(scope["method"], scope["path"], status, seconds)


def route_of(scope: Scope) -> str:
    """The path as the route declares it. As a metric's label the requested path would have unbounded values."""
    return str(getattr(scope.get("route"), "path", "other"))


# --- what FastAPI and its router refuse -------------------------------------------------------------------------------


def add_error_handlers(app: FastAPI) -> None:
    app.add_exception_handler(ServiceError, on_service_error)
    app.add_exception_handler(Exception, on_unexpected_error)
    app.add_exception_handler(HTTPException, on_http_exception)


async def on_service_error(request: Request, error: Exception) -> Response:
    return problem_of(error, request.scope)


async def on_unexpected_error(request: Request, error: Exception) -> Response:
    """Starlette raises the error again once this response is sent, and `ProblemMiddleware` logs it."""
    return problem_response(InternalError(), request.scope)


async def on_http_exception(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return problem_response(to_service_error(request, error), request.scope)


def to_service_error(request: Request, error: HTTPException) -> ServiceError:
    path = request.url.path
    if error.status_code == 404:
        return RouteNotFound(f"There is nothing at {path}: see /docs for the routes.")
    return InvalidRequest(str(error.detail))
