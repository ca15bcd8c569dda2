"""CORS: which pages of other origins may call the service."""

from __future__ import annotations

import logging
from collections.abc import Collection
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from app.errors import InvalidRequest
from app.http.problems import problem_response

METHODS = ("GET", "HEAD", "POST")
EXPOSED_HEADERS = ("Allow", "Inference-Header-Content-Length", "Retry-After", "WWW-Authenticate", "X-Request-ID")
MAX_LOGGED_ORIGINS = 100  # an attacker may name any number of them
MAX_LOGGED_CHARACTERS = 200  # of one origin

logger = logging.getLogger(__name__)


class CorsMiddleware(CORSMiddleware):
    """Starlette's, which logs each refused origin once: in the browser a refusal looks like a broken network.

    Without cookies: keys are in headers. An allowed page of a public site may call a service in a private network.
    """

    def __init__(self, app: ASGIApp, origins: Collection[str]) -> None:
        """`origins`: as browsers send them, or * for all."""
        super().__init__(
            app,
            allow_origins=origins,
            allow_methods=METHODS,
            allow_headers=["*"],
            allow_private_network=True,
            expose_headers=EXPOSED_HEADERS,
        )
        self.logged_origins: set[str] = set()

    async def simple_response(self, scope: Scope, receive: Receive, send: Send, request_headers: Headers) -> None:
        self.log_refused_origin(request_headers)
        await super().simple_response(scope, receive, send, request_headers)

    def preflight_response(self, request_headers: Headers) -> Response:
        self.log_refused_origin(request_headers)
        response = super().preflight_response(request_headers)
        if response.status_code == 200:
            return response
        reason = bytes(response.body).decode()
        refused = InvalidRequest(f"{reason}: the operator lists origins in cors_origins; methods are GET, HEAD, POST.")
        problem = problem_response(refused, {"path": ""})
        problem.headers["Vary"] = response.headers["Vary"]
        return problem

    def log_refused_origin(self, headers: Headers) -> None:
        origin = headers.get("Origin", "")[:MAX_LOGGED_CHARACTERS]
        refused = origin and not self.is_allowed_origin(origin) and not is_same_origin(origin, headers)
        if refused and origin not in self.logged_origins and len(self.logged_origins) < MAX_LOGGED_ORIGINS:
            self.logged_origins.add(origin)
            logger.warning("pages of %r may not read responses of this service: see DIGITS_CORS_ORIGINS", origin)


def is_same_origin(origin: str, headers: Headers) -> bool:
    """Whether the page is our own: browsers send Origin with its POST requests too."""
    try:
        host = urlsplit(origin).netloc
    except ValueError:
        return False
    return headers.get("Sec-Fetch-Site") == "same-origin" or host == headers.get("Host")
