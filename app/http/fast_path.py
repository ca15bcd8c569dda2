"""Which requests our own server answers itself, without FastAPI."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple
from urllib.parse import unquote

import httptools
from starlette.types import Scope

from app.http.auth import Access
from app.http.endpoint import HotRoute

LONGEST_URL = 256  # a longer one is of nobody who is in a hurry, and a thousand of any length would be kept in memory
# Answers that carry CORS headers, bodies that are inflated, and what is sent in another way than at once.
NOT_PLAIN = frozenset((b"origin", b"content-encoding", b"transfer-encoding", b"expect", b"upgrade"))


class RouteMatch(NamedTuple):
    """What a URL asks for."""

    route: HotRoute
    path: Mapping[str, str]  # what the route's pattern names
    query: bytes
    scope: Scope  # as much of it as problems and the access log ask for


class FastPath:
    """Knows which requests are of a hot route and need nothing else."""

    def __init__(self, routes: Sequence[HotRoute], state: Any, max_bytes: int, access: Access | None = None) -> None:
        """With `access` only for those whose key it knows."""
        self.state = state
        self.max_bytes = max_bytes
        self.access = access
        self.routes = [(re.compile(pattern_of(route.path)), route) for route in routes]
        self.route_again = functools.lru_cache(maxsize=1024)(self.route)

    def find(self, url: bytes, headers: Mapping[bytes, bytes]) -> RouteMatch | None:
        """What a POST asks for; None if it is for FastAPI."""
        length = headers.get(b"content-length", b"")
        plain = length.isdigit() and int(length) <= self.max_bytes and NOT_PLAIN.isdisjoint(headers)
        if not plain or len(url) > LONGEST_URL or (self.access and not self.access.knows(headers)):
            return None
        return self.route_again(url)

    def route(self, url: bytes) -> RouteMatch | None:
        try:
            parsed = httptools.parse_url(url)
            path = unquote(parsed.path.decode("ascii"))
        except (httptools.HttpParserInvalidURLError, AttributeError, UnicodeDecodeError):  # uvicorn says so
            return None
        for pattern, route in self.routes:
            if match := pattern.fullmatch(path):
                return RouteMatch(route, match.groupdict(), parsed.query or b"", {"method": "POST", "path": path})
        return None


def pattern_of(path: str) -> str:
    """The regular expression of a path. What stands between the names is taken literally."""
    literal = re.escape(path).replace(r"\{", "{").replace(r"\}", "}")
    return re.sub(r"{(\w+)}", r"(?P<\1>[^/:]+)", literal)
