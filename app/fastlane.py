"""The hot routes: plain ASGI in front of FastAPI and of all that stands around it.

FastAPI's routing and response handling cost a request more than reading a digit does. So a hot route is one function
from `Call` to `Answer`. `FastLane` calls it for requests that need nothing else: of no page, whose answers would carry
CORS headers, and with no body that must be inflated, or counted while it is read. `documented` makes a FastAPI route of
the same function, for those and for /docs.
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

from app import metrics
from app.context import CURRENT, REQUEST_ID, Context, enter
from app.security import Access, finish, problem_of

WHOLE_ANSWER = "digits.whole_answer"  # an ASGI extension of our own server: (headers, body) -> whether it wrote them
LONGEST_PATH = 256  # a longer one is of nobody who is in a hurry, and a thousand of any length would be kept in memory
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
        watch: Watch = request.app.state.watch
        task = watch.begin(time.perf_counter(), request.receive)
        try:
            answer = await work(endpoint, call, scope["route"].path, CURRENT.get())
        except asyncio.CancelledError:
            if watch.has_left(task):
                raise ClientDisconnect from None
            raise
        finally:
            watch.end(task)
        response = Response(answer.body)
        response.raw_headers += [(b"content-type", answer.content_type), *answer.headers]
        return response

    del run.__wrapped__  # FastAPI would read the endpoint's parameters for the request's
    return run


async def work(endpoint: Endpoint, call: Call, route: str, context: Context | None) -> Answer:
    """What the endpoint answers; and it is noted how long it decoded and encoded."""
    began = time.perf_counter()
    answer = await endpoint(call)
    if context and context.asked:
        metrics.observe_stages(route, context.asked - began, time.perf_counter() - context.answered)
    return answer


class FastLane:
    """Answers plain requests of the hot routes; every other request goes on to `app`."""

    def __init__(
        self, app: ASGIApp, routes: Sequence[HotRoute], state: Any, max_bytes: int, access: Access | None = None
    ) -> None:
        """`access` is asked about each request, if there is one."""
        self.app = app
        self.state = state
        self.max_bytes = max_bytes
        self.access = access
        self.routes = [(re.compile(pattern_of(route.path)), route) for route in routes]
        self.find_again = functools.lru_cache(maxsize=1024)(self.find)

    def find(self, path: str) -> tuple[HotRoute, dict[str, str]] | None:
        for pattern, route in self.routes:
            if match := pattern.fullmatch(path):
                return route, match.groupdict()
        return None

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        if scope["type"] == "http" and scope["method"] == "POST" and len(scope["path"]) <= LONGEST_PATH:
            found = self.find_again(scope["path"])
            if found and self.is_plain(headers := dict(scope["headers"])):
                return self.answer(*found, headers, scope, receive, send)
        return self.app(scope, receive, send)

    def is_plain(self, headers: Mapping[bytes, bytes]) -> bool:
        length = headers.get(b"content-length", b"")
        return (
            length.isdigit()
            and int(length) <= self.max_bytes
            and b"origin" not in headers
            and b"content-encoding" not in headers
        )

    async def answer(  # noqa: PLR0913, PLR0917  # each is there already, and one object of them all would take time
        self,
        route: HotRoute,
        path: Mapping[str, str],
        headers: Mapping[bytes, bytes],
        scope: Scope,
        receive: Receive,
        send: Send,
    ) -> None:
        """What `documented` and the layers do, in one function: each more of them costs every request half a us."""
        began = time.perf_counter()
        context = enter(headers)
        status = 499  # as nginx names it: the caller has left
        watch: Watch = self.state.watch
        task = None
        try:
            if self.access:
                self.access.check(headers)
            message = await receive()
            body = await rest_of(message, receive) if message.get("more_body") else message.get("body")
            if body is not None:
                task = watch.begin(began, receive)  # not before: two that receive would share the body between them
                call = Call(self.state, path, scope["query_string"], headers, body)
                answer = await work(route.endpoint, call, route.path, context)
                status = 200
                sent = headers_of(answer, context)
                write_whole = scope.get("extensions", {}).get(WHOLE_ANSWER)
                if not (write_whole and write_whole(sent, answer.body)):
                    await send({"type": "http.response.start", "status": 200, "headers": sent})
                    await send({"type": "http.response.body", "body": answer.body})
        except asyncio.CancelledError:
            if task is None or not watch.has_left(task):
                raise
        except Exception as error:  # noqa: BLE001  # whatever it is becomes the one problem body
            problem = problem_of(error, scope)
            status = problem.status_code
            problem.raw_headers.append((REQUEST_ID, context.request_id))
            await problem(scope, receive, send)
        finally:
            if task:
                watch.end(task)
            finish(scope, route.path, status, time.perf_counter() - began)


def pattern_of(path: str) -> str:
    """The regular expression of a path. What stands between the names is taken literally."""
    literal = re.escape(path).replace(r"\{", "{").replace(r"\}", "}")
    return re.sub(r"{(\w+)}", r"(?P<\1>[^/:]+)", literal)


async def rest_of(message: Message, receive: Receive) -> bytes | None:
    """The whole body whose first message this is; None if its caller has left before the last."""
    chunks = [message["body"]]
    while message.get("more_body"):
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        chunks.append(message["body"])
    return b"".join(chunks)


def headers_of(answer: Answer, context: Context) -> list[tuple[bytes, bytes]]:
    length = (b"content-length", b"%d" % len(answer.body))
    return [length, (b"content-type", answer.content_type), (REQUEST_ID, context.request_id), *answer.headers]


class Watch:
    """Notices callers who leave, and cancels their work.

    Only a task that waits for the next message notices, and such a task costs time too. So one is
    started for those requests alone that are still waiting after `WATCH_AFTER_S`.
    """

    def __init__(self) -> None:
        self.working: dict[asyncio.Task[Any], tuple[float, Receive]] = {}
        self.watchers: dict[asyncio.Task[Any], asyncio.Task[None]] = {}
        self.left: set[asyncio.Task[Any]] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._loop: asyncio.AbstractEventLoop | None = None  # asked for once: asking costs a system call

    def begin(self, began: float, receive: Receive) -> asyncio.Task[Any]:
        """From now on this task is cancelled once its caller has left. `end` must follow."""
        if self._timer is None:
            self._loop = asyncio.get_running_loop()
            self._timer = self._loop.call_later(WATCH_AFTER_S, self._look)
        task = asyncio.current_task(self._loop)
        assert task is not None
        self.working[task] = (began, receive)
        return task

    def has_left(self, task: asyncio.Task[Any]) -> bool:
        """Whether that is why it was cancelled, which then is over."""
        if task in self.left:
            task.uncancel()
        return task in self.left

    def end(self, task: asyncio.Task[Any]) -> None:
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
        while (await receive())["type"] != "http.disconnect":
            pass
        if task in self.working:
            self.left.add(task)
            task.cancel()
