"""An endpoint: one function from a request, body included, to its response.

FastAPI's routing and response handling cost a request more than reading a digit does. So a hot endpoint is written
once and called from two places: by FastAPI, through `fastapi_endpoint`, which documents it and serves it under every
server; and by our own server on the fast path, for the requests that `app.http.fast_path` matches.
"""

from __future__ import annotations

import asyncio
import functools
import time
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from typing import Any, Generic, NamedTuple, TypeVar

from fastapi import Request, Response
from starlette.requests import ClientDisconnect
from starlette.types import Receive

from app.http.body_limit import body_chunks
from app.observability import metrics
from app.observability.request_context import CURRENT_REQUEST, RequestContext
from app.observability.tracing import stage_spans

State = TypeVar("State")  # the application's, whose class stands above this room
State_co = TypeVar("State_co", covariant=True)


class RawRequest(NamedTuple, Generic[State_co]):
    """A request with its whole body, not parsed yet."""

    state: State_co
    path_params: Mapping[str, str]
    query: bytes
    headers: Mapping[bytes, bytes]  # names in lower case
    body: bytes


class RawResponse(NamedTuple):
    """A response with status 200. Every other status is raised as a `ServiceError`."""

    body: bytes
    content_type: bytes = b"application/json"
    headers: Sequence[tuple[bytes, bytes]] = ()


Endpoint = Callable[[RawRequest[State]], Coroutine[Any, None, RawResponse]]


class HotRoute(NamedTuple, Generic[State]):
    """An endpoint that is eligible for the fast path. `path` is written as FastAPI's, with {names} for parameters."""

    path: str
    endpoint: Endpoint[State]
    method: str = "POST"  # or GET, of a probe: it has no body, and needs no key


def fastapi_endpoint(endpoint: Endpoint[State]) -> Callable[[Request], Awaitable[Response]]:
    """The endpoint as FastAPI calls it. Its parameters and body are documented by hand, since it parses them itself."""

    @functools.wraps(endpoint, assigned=("__name__", "__doc__"), updated=())
    async def run(request: Request) -> Response:
        scope, path_params = request.scope, request.path_params
        headers = dict(scope["headers"])
        body = await read_body(request.receive)
        raw = RawRequest(request.app.state, path_params, scope["query_string"], headers, body)
        started = time.perf_counter()
        with stage_spans():
            answered = await cancel_on_disconnect(request.receive, endpoint(raw))
        observe_stages(scope["route"].path, CURRENT_REQUEST.get(), started)
        response = Response(answered.body)
        response.raw_headers += [(b"content-type", answered.content_type), *answered.headers]
        return response

    del run.__wrapped__  # FastAPI would take the endpoint's parameters for the request's
    return run


async def read_body(receive: Receive) -> bytes:
    """The whole body: of one message itself, where Starlette would copy 16 MiB. Raises `ClientDisconnect`."""
    return b"".join([chunk async for chunk in body_chunks(receive)])  # the chunk itself, if there is one


def observe_stages(route: str, context: RequestContext | None, started: float) -> None:
    """Records how long decoding took, from `started` to the images, and encoding, from the prediction until now."""
    if context and context.predicted_at:
        metrics.observe_stages(route, context.decoded_at - started, time.perf_counter() - context.predicted_at)


async def cancel_on_disconnect(receive: Receive, work: Coroutine[Any, None, RawResponse]) -> RawResponse:
    """The result of `work`. If the client disconnects first, cancels `work` and raises `ClientDisconnect`."""
    working = asyncio.ensure_future(work)
    disconnecting = asyncio.ensure_future(wait_for_disconnect(receive))
    try:
        await asyncio.wait((working, disconnecting), return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            raise ClientDisconnect
        return working.result()
    finally:
        working.cancel()
        disconnecting.cancel()


async def wait_for_disconnect(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
