"""The hot routes, which do without the framework.

FastAPI's routing and response handling cost a request more than reading a digit does. So a hot route is one function
from `Call` to `Answer`, with two callers: `documented` makes a FastAPI route of it, for /docs, for other servers and
for requests that need more than their answer; `FastLane` knows the others, which our own server answers itself.
"""

from __future__ import annotations

import asyncio
import functools
import re
import time
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from typing import Any, NamedTuple
from urllib.parse import unquote

import httptools
from fastapi import Request, Response
from starlette.requests import ClientDisconnect
from starlette.types import Receive, Scope

from app.observability import metrics
from app.observability.request_context import CURRENT, Context
from app.http.auth import Access

LONGEST_URL = 256  # a longer one is of nobody who is in a hurry, and a thousand of any length would be kept in memory
# Answers that carry CORS headers, bodies that are inflated, and what is sent in another way than at once.
NOT_PLAIN = frozenset((b"origin", b"content-encoding", b"transfer-encoding", b"expect", b"upgrade"))


class Call(NamedTuple):
    """A request, read whole."""

    state: Any  # the application's
    path: Mapping[str, str]  # what the route's pattern names
    query: bytes
    headers: Mapping[bytes, bytes]  # names in lower case
    body: bytes


class Answer(NamedTuple):
    """A success. What is not one is raised as a `ServiceError`."""

    body: bytes
    content_type: bytes = b"application/json"
    headers: Sequence[tuple[bytes, bytes]] = ()


Endpoint = Callable[[Call], Coroutine[Any, None, Answer]]


class HotRoute(NamedTuple):
    """`path` is written as FastAPI's, with {names} for what may vary between two slashes."""

    path: str
    endpoint: Endpoint


class Found(NamedTuple):
    """What a URL asks for."""

    route: HotRoute
    path: Mapping[str, str]  # what the route's pattern names
    query: bytes
    scope: Scope  # as much of it as problems and the access log ask for


class FastLane:
    """Knows which requests are of a hot route and need nothing else."""

    def __init__(self, routes: Sequence[HotRoute], state: Any, max_bytes: int, access: Access | None = None) -> None:
        """With `access` only for those whose key it knows."""
        self.state = state
        self.max_bytes = max_bytes
        self.access = access
        self.routes = [(re.compile(pattern_of(route.path)), route) for route in routes]
        self.route_again = functools.lru_cache(maxsize=1024)(self.route)

    def find(self, url: bytes, headers: Mapping[bytes, bytes]) -> Found | None:
        """What a POST asks for; None if it is for FastAPI."""
        length = headers.get(b"content-length", b"")
        plain = length.isdigit() and int(length) <= self.max_bytes and NOT_PLAIN.isdisjoint(headers)
        if not plain or len(url) > LONGEST_URL or (self.access and not self.access.knows(headers)):
            return None
        return self.route_again(url)

    def route(self, url: bytes) -> Found | None:
        try:
            parsed = httptools.parse_url(url)
            path = unquote(parsed.path.decode("ascii"))
        except (httptools.HttpParserInvalidURLError, AttributeError, UnicodeDecodeError):  # uvicorn says so
            return None
        for pattern, route in self.routes:
            if match := pattern.fullmatch(path):
                return Found(route, match.groupdict(), parsed.query or b"", {"method": "POST", "path": path})
        return None


def pattern_of(path: str) -> str:
    """The regular expression of a path. What stands between the names is taken literally."""
    literal = re.escape(path).replace(r"\{", "{").replace(r"\}", "}")
    return re.sub(r"{(\w+)}", r"(?P<\1>[^/:]+)", literal)


def documented(endpoint: Endpoint) -> Callable[[Request], Awaitable[Response]]:
    """The endpoint as FastAPI runs it. Parameters and bodies are documented by hand, as it reads them itself."""

    @functools.wraps(endpoint, assigned=("__name__", "__doc__"), updated=())
    async def run(request: Request) -> Response:
        scope = request.scope
        headers = dict(scope["headers"])
        call = Call(request.app.state, request.path_params, scope["query_string"], headers, await request.body())
        began = time.perf_counter()
        answer = await unless_left(request.receive, endpoint(call))
        note_stages(scope["route"].path, CURRENT.get(), began)
        response = Response(answer.body)
        response.raw_headers += [(b"content-type", answer.content_type), *answer.headers]
        return response

    del run.__wrapped__  # FastAPI would read the endpoint's parameters for the request's
    return run


def note_stages(route: str, context: Context | None, began: float) -> None:
    """How long it took to decode a request, which began then, and to encode its answer, which ends now."""
    if context and context.asked:
        metrics.observe_stages(route, context.asked - began, time.perf_counter() - context.answered)


async def unless_left(receive: Receive, work: Coroutine[Any, None, Answer]) -> Answer:
    """The work is cancelled once its caller has left: then `ClientDisconnect` is raised."""
    working = asyncio.ensure_future(work)
    leaving = asyncio.ensure_future(end_of(receive))
    try:
        await asyncio.wait((working, leaving), return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            raise ClientDisconnect
        return working.result()
    finally:
        working.cancel()
        leaving.cancel()


async def end_of(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
