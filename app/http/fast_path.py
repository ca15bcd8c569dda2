"""Which requests are eligible for the fast path, where our own server answers them without FastAPI."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping, Sequence
from typing import Generic, NamedTuple
from urllib.parse import unquote

import httptools
from starlette.types import Scope

from app.http.auth import Authenticator
from app.http.body_limit import RequestLimits
from app.http.endpoint import HotRoute, State
from app.http.routing import canonical_path

MAX_URL_BYTES = 256  # the routes of up to 1,024 URLs stay in memory; a longer URL is left to FastAPI
# FastAPI's layers handle what these ask for: CORS headers, decompression, bodies of unknown length, 100-continue.
LAYERED_HEADERS = frozenset((b"origin", b"content-encoding", b"transfer-encoding", b"expect", b"upgrade"))


class RouteMatch(NamedTuple, Generic[State]):
    """The hot route of a URL, and the URL's parts."""

    route: HotRoute[State]
    path_params: Mapping[str, str]
    query: bytes
    scope: Scope  # the members that problems and the access log read


class FastPath(Generic[State]):
    """Matches the requests of hot routes that need none of FastAPI's layers."""

    def __init__(
        self,
        routes: Sequence[HotRoute[State]],
        state: State,
        *,
        limits: RequestLimits,
        authenticator: Authenticator | None = None,
        root_path: str = "",
    ) -> None:
        """With an `authenticator`, only requests whose key it accepts match."""
        self.state = state
        self.limits = limits
        self.authenticator = authenticator
        self.root_path = root_path
        self.routes = [(re.compile(path_pattern(route.path)), route) for route in routes]
        self.cached_route = functools.lru_cache(maxsize=1024)(self.route)

    def match(self, method: bytes, url: bytes, headers: Mapping[bytes, bytes]) -> RouteMatch[State] | None:
        """The hot route that a request asks for, or None if the request is for FastAPI."""
        if len(url) > MAX_URL_BYTES or not LAYERED_HEADERS.isdisjoint(headers):
            return None
        if method == b"POST":
            length = headers.get(b"content-length", b"")
            if not length.isdigit() or int(length) > self.limits.max_body_bytes:
                return None
            if self.authenticator and not self.authenticator.accepts(headers):
                return None
        elif method != b"GET" or b"content-length" in headers:
            return None
        return self.cached_route(method, url)

    def route(self, method: bytes, url: bytes) -> RouteMatch[State] | None:
        try:
            parsed = httptools.parse_url(url)
            path = canonical_path(unquote(parsed.path.decode("ascii")), self.root_path)
        except (httptools.HttpParserInvalidURLError, AttributeError, UnicodeDecodeError):  # uvicorn refuses it
            return None
        for pattern, route in self.routes:
            if route.method.encode() == method and (match := pattern.fullmatch(path)):
                return RouteMatch(route, match.groupdict(), parsed.query or b"", {"method": route.method, "path": path})
        return None


def path_pattern(path: str) -> str:
    """The regular expression of a route's path: each {name} matches up to the next slash or colon."""
    literal = re.escape(path).replace(r"\{", "{").replace(r"\}", "}")
    return re.sub(r"{(\w+)}", r"(?P<\1>[^/:]+)", literal)
