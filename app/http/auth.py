"""What stands between the network and the routes: problems for whatever goes wrong, headers, keys, the body limit."""

from __future__ import annotations

import hashlib
import hmac
import logging
import time
import zlib
from collections.abc import Mapping, Sequence

from starlette.datastructures import MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.observability import logs
from app.observability import metrics
from app.errors import (
    CONTENT_TYPE,
    JSON_ROUTES,
    BodyTooLarge,
    Forbidden,
    InternalError,
    InvalidRequest,
    ServiceError,
    Unauthorized,
)

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


class Problems:
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


SAFE_HEADERS = (
    (b"x-content-type-options", b"nosniff"),  # what we call JSON or a picture is never run as a script
    (b"referrer-policy", b"no-referrer"),  # a query may hold what is nobody else's business
)


class SafeHeaders:
    """Adds to every answer what keeps browsers from taking it for something else."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_safely(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message.get("headers", ()), *SAFE_HEADERS]}
            await send(message)

        await self.app(scope, receive, send_safely)


Headers = Mapping[bytes, bytes]  # names in lower case


class Access:
    """Whose key is known. Only digests of keys are: whoever reads the settings can ask nothing.

    Keys are long and random (`python -m app key`), so that a plain SHA-256 gives nothing away.
    """

    def __init__(self, api_keys: Sequence[str], admin_keys: Sequence[str]) -> None:
        """SHA-256 digests, hexadecimal in lower case."""
        self.admins = tuple(admin_keys)
        self.everyone = (*api_keys, *admin_keys)

    def knows(self, headers: Headers) -> bool:
        return is_known(key_of(headers), self.everyone)

    def check(self, headers: Headers) -> None:
        """Raises `Unauthorized`."""
        if not self.knows(headers):
            raise Unauthorized("Send a key that is known here, as Authorization: Bearer KEY or as X-API-Key: KEY.")

    def check_admin(self, headers: Headers) -> None:
        """Raises `Unauthorized`, or `Forbidden` if another key is needed or none would do."""
        if not self.admins:
            raise Forbidden("Nobody may do this here: the operator opens it with admin_keys.")
        self.check(headers)
        if not is_known(key_of(headers), self.admins):
            raise Forbidden("This key is not for that: send one of an administrator.")


def key_of(headers: Headers) -> bytes:
    scheme, _, token = headers.get(b"authorization", b"").partition(b" ")
    return token.strip() if scheme.lower() == b"bearer" else headers.get(b"x-api-key", b"")


def is_known(key: bytes, digests: Sequence[str]) -> bool:
    """Compared with every one, so that the time it takes tells nothing."""
    digest = hashlib.sha256(key).hexdigest()
    return sum([hmac.compare_digest(digest, each) for each in digests]) > 0


# Probes, which send no keys; the page and the description, in which there is nothing that is not public anyway.
PROBES = ("/", "/health/live", "/health/ready", "/v2/health/live", "/v2/health/ready", "/ping")
OPEN_PATHS = (*PROBES, "/docs", "/openapi.json")
OPEN_FOLDERS = ("/static/", "/docs/files/")


class Keys:
    """Lets only those with a known key through, but for what is open to all."""

    def __init__(self, app: ASGIApp, access: Access, health_route: str) -> None:
        """`health_route` is a platform's own address of a probe, or empty."""
        self.app = app
        self.access = access
        self.open_paths = {*OPEN_PATHS, health_route}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not self.is_open(scope):
            self.access.check(dict(scope["headers"]))
        await self.app(scope, receive, send)

    def is_open(self, scope: Scope) -> bool:
        path = scope["path"]
        return scope["method"] in ("GET", "HEAD") and (path in self.open_paths or path.startswith(OPEN_FOLDERS))


class BodyLimit:
    """Refuses a body larger than `max_bytes`: at its Content-Length, or while reading when that is absent.

    A body of Content-Encoding gzip or deflate is inflated here, to at most `max_bytes` too.
    """

    def __init__(self, app: ASGIApp, max_bytes: int) -> None:
        self.app = app
        self.max_bytes = max_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        length, encoding = None, b""
        for name, value in scope["headers"]:
            if name == b"content-length":
                length = value
            elif name == b"content-encoding":
                encoding = value
        if length is None or not length.isdigit():
            receive = self._counting(receive)
        elif int(length) > self.max_bytes:
            raise self._too_large()
        if encoding and encoding != b"identity":
            receive = await self._inflated(encoding, scope, receive)
        await self.app(scope, receive, send)

    def _counting(self, receive: Receive) -> Receive:
        received = 0

        async def receive_counting() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > self.max_bytes:
                raise self._too_large()
            return message

        return receive_counting

    async def _inflated(self, encoding: bytes, scope: Scope, receive: Receive) -> Receive:
        """Reads it all, and gives it again in one message."""
        inflate = Inflate(encoding, self.max_bytes)
        chunks: list[bytes] = []
        more = True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise ClientDisconnect
            chunks.append(inflate(message.get("body", b"")))
            more = message.get("more_body", False)
            if inflate.exceeded:
                raise self._too_large()
        if not inflate.ended:
            raise InvalidRequest(f"The body is not whole {encoding.decode('latin-1')} data: send it again.")
        body: list[Message] = [{"type": "http.request", "body": b"".join(chunks), "more_body": False}]
        headers = MutableHeaders(scope=scope)
        del headers["content-encoding"], headers["content-length"]

        async def receive_inflated() -> Message:
            return body.pop() if body else await receive()

        return receive_inflated

    def _too_large(self) -> BodyTooLarge:
        return BodyTooLarge(f"The body is larger than {self.max_bytes:,} bytes: send less in one request.")


class Inflate:
    """gzip or deflate, never to more than `max_bytes`. Raises `InvalidRequest`."""

    def __init__(self, encoding: bytes, max_bytes: int) -> None:
        if encoding not in (b"gzip", b"x-gzip", b"deflate"):
            raise InvalidRequest("Content-Encoding may be gzip or deflate: send the body as one of them, or as it is.")
        self.deflate = encoding == b"deflate"
        self.left = max_bytes
        self.exceeded = False
        self.ended = False
        # deflate is meant to be zlib's format (RFC 9110, 8.4.1.2), but some send the bare stream: the first byte tells
        self.stream = None if self.deflate else zlib.decompressobj(wbits=31)

    def __call__(self, chunk: bytes) -> bytes:
        if not chunk:
            return b""
        if self.stream is None:
            self.stream = zlib.decompressobj(wbits=15 if chunk[0] & 0x0F == 8 else -15)
        try:
            inflated = self.stream.decompress(chunk, self.left + 1)
        except zlib.error as error:
            raise InvalidRequest("The body is not what its Content-Encoding says: send it again.") from error
        self.left -= len(inflated)
        self.exceeded = self.left < 0
        self.ended = self.stream.eof
        return inflated
