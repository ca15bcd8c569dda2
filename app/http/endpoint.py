"""An endpoint: one function from a request, read whole, to its response.

FastAPI's routing and response handling cost a request more than reading a digit does. So a hot endpoint is written
once and called by two: `documented` makes a FastAPI route of it, for /docs, for other servers and for requests that
need more; `app.http.fast_path` finds the requests that our own server answers itself.
"""

from __future__ import annotations

import asyncio
import functools
import time
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from typing import Any, NamedTuple

from fastapi import Request, Response
from starlette.requests import ClientDisconnect
from starlette.types import Receive

from app.observability import metrics
from app.observability.request_context import CURRENT, Context


class RawRequest(NamedTuple):
    """A request, read whole."""

    state: Any  # the application's
    path: Mapping[str, str]  # what the route's pattern names
    query: bytes
    headers: Mapping[bytes, bytes]  # names in lower case
    body: bytes


class RawResponse(NamedTuple):
    """A success. What is not one is raised as a `ServiceError`."""

    body: bytes
    content_type: bytes = b"application/json"
    headers: Sequence[tuple[bytes, bytes]] = ()


Endpoint = Callable[[RawRequest], Coroutine[Any, None, RawResponse]]


class HotRoute(NamedTuple):
    """`path` is written as FastAPI's, with {names} for what may vary between two slashes."""

    path: str
    endpoint: Endpoint


def documented(endpoint: Endpoint) -> Callable[[Request], Awaitable[Response]]:
    """The endpoint as FastAPI runs it. Parameters and bodies are documented by hand, as it reads them itself."""

    @functools.wraps(endpoint, assigned=("__name__", "__doc__"), updated=())
    async def run(request: Request) -> Response:
        scope = request.scope
        headers = dict(scope["headers"])
        call = RawRequest(request.app.state, request.path_params, scope["query_string"], headers, await request.body())
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


async def unless_left(receive: Receive, work: Coroutine[Any, None, RawResponse]) -> RawResponse:
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
