"""The hot routes: plain ASGI in front of FastAPI, which documents them and never runs them.

FastAPI's routing and response handling cost a request more than reading a digit does. So a hot route is one function
from `Call` to `Answer`. `FastLane` calls it for the requests that match; `documented` makes a FastAPI route of the same
function, for /docs and for whoever runs the application without the lane.
"""

from __future__ import annotations

import asyncio
import functools
import re
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, NamedTuple

from fastapi import Request, Response
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.errors import MethodNotAllowed

WATCH_AFTER_S = 0.05  # a request that waits longer is watched: whoever leaves then is waiting in vain for nobody


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


Endpoint = Callable[[Call], Awaitable[Answer]]


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
        call = Call(request.app.state, request.path_params, scope["query_string"], headers, await request.body())
        answer = await endpoint(call)
        response = Response(answer.body)
        response.raw_headers += [(b"content-type", answer.content_type), *answer.headers]
        return response

    del run.__wrapped__  # FastAPI would read the endpoint's parameters for the request's
    return run


class FastLane:
    """Answers the hot routes; every other request goes on to `app`."""

    def __init__(self, app: ASGIApp, routes: Sequence[HotRoute], state: Any) -> None:
        self.app = app
        self.state = state
        self.routes = [(re.compile(pattern_of(route.path)), route) for route in routes]
        self.find = functools.lru_cache(maxsize=4096)(self._find)
        self.watch = Watch()

    def _find(self, path: str) -> tuple[HotRoute, dict[str, str]] | None:
        for pattern, route in self.routes:
            if match := pattern.fullmatch(path):
                return route, match.groupdict()
        return None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        found = self.find(scope["path"]) if scope["type"] == "http" else None
        if found is None:
            await self.app(scope, receive, send)
            return
        route, path = found
        scope["route_path"] = route.path
        if scope["method"] != "POST":
            raise MethodNotAllowed(f"{scope['path']} does not take {scope['method']}: use POST.", allow="POST")
        call = Call(self.state, path, scope["query_string"], dict(scope["headers"]), await read(receive))
        await respond(send, await self.watch.over(route.endpoint(call), receive))


def pattern_of(path: str) -> str:
    """The regular expression of a path. What stands between the names is taken literally."""
    literal = re.escape(path).replace(r"\{", "{").replace(r"\}", "}")
    return re.sub(r"{(\w+)}", r"(?P<\1>[^/:]+)", literal)


async def read(receive: Receive) -> bytes:
    """The whole body. Raises `ClientDisconnect` if it does not come."""
    message = await receive()
    if not message.get("more_body", False) and message["type"] == "http.request":
        body: bytes = message.get("body", b"")
        return body
    chunks = []
    while message["type"] == "http.request":
        chunks.append(message.get("body", b""))
        if not message.get("more_body", False):
            return b"".join(chunks)
        message = await receive()
    raise ClientDisconnect


async def respond(send: Send, answer: Answer) -> None:
    headers = [
        (b"content-length", b"%d" % len(answer.body)),
        (b"content-type", answer.content_type),
        *answer.headers,
    ]
    start: Message = {"type": "http.response.start", "status": 200, "headers": headers}
    await send(start)
    await send({"type": "http.response.body", "body": answer.body})


class Watch:
    """Notices callers who leave, and cancels their work.

    Only a task that waits for the next message notices, and such a task costs a fifth of a small request. So one is
    started for those requests alone that are still waiting after `WATCH_AFTER_S`.
    """

    def __init__(self) -> None:
        self.working: dict[asyncio.Task[Any], tuple[float, Receive]] = {}
        self.watchers: dict[asyncio.Task[Any], asyncio.Task[None]] = {}
        self.left: set[asyncio.Task[Any]] = set()
        self._timer: asyncio.TimerHandle | None = None

    async def over(self, work: Awaitable[Answer], receive: Receive) -> Answer:
        """The answer of `work`. Raises `ClientDisconnect` once its caller has left."""
        task = asyncio.current_task()
        assert task is not None
        self.working[task] = (time.perf_counter(), receive)
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(WATCH_AFTER_S, self._look)
        try:
            return await work
        except asyncio.CancelledError:
            if task in self.left:
                task.uncancel()
                raise ClientDisconnect from None
            raise
        finally:
            del self.working[task]
            if watcher := self.watchers.pop(task, None):
                watcher.cancel()
            self.left.discard(task)

    def _look(self) -> None:
        self._timer = None
        before = time.perf_counter() - WATCH_AFTER_S
        for task, (began, receive) in self.working.items():
            if began <= before and task not in self.watchers:
                self.watchers[task] = asyncio.ensure_future(self._wait_for_end(task, receive))
        if self.working:
            self._timer = asyncio.get_running_loop().call_later(WATCH_AFTER_S, self._look)

    async def _wait_for_end(self, task: asyncio.Task[Any], receive: Receive) -> None:
        message = await receive()
        if message["type"] == "http.disconnect" and task in self.working:
            self.left.add(task)
            task.cancel()
