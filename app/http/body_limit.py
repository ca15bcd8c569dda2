"""Request bodies: bounded in bytes, alone and together, and compressed ones decompressed within the same bounds."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import AsyncIterator, Iterable, Iterator
from typing import NamedTuple

from starlette.datastructures import MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.errors import BodyTooLarge, InvalidRequest, Overloaded, UnsupportedCoding

SMALL_BODY = 2**16  # bytes
SHARE_OF_LARGE = 7 / 8  # of the bytes under way; the rest is for small bodies
DECOMPRESSED_AT_ONCE = 2**16  # bytes, 0.2 ms: a small chunk may decompress to a thousand times its size
MAX_GZIP_MEMBERS = 1000  # some tools write one for each block; an empty one of 20 bytes takes 5 us to read
CODINGS = (b"gzip", b"x-gzip", b"deflate")


class InflightBytes:
    """The bytes of all bodies under way, from the first one read to the response.

    Large bodies leave a part of the limit to small ones: uploads that stall do not shut out the others.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.limit_of_large = int(limit * SHARE_OF_LARGE)
        self.taken = 0

    def reserve(self, count: int, body_bytes: int) -> None:
        """Takes `count` bytes of a body that is `body_bytes` long so far. Raises `Overloaded`."""
        if self.taken + count > (self.limit if body_bytes <= SMALL_BODY else self.limit_of_large):
            raise Overloaded(f"Bodies of {self.taken:,} bytes are under way already: send the request again later.")
        self.taken += count

    def release(self, count: int) -> None:
        self.taken -= count


class RequestLimits(NamedTuple):
    """What any request may take before it is understood."""

    max_body_bytes: int
    inflight: InflightBytes
    timeout_s: float  # from the first byte of the request to its response


class BodyLimitMiddleware:
    """Refuses a body that is too large, by its Content-Length or while reading, or for which there is no room.

    A body with Content-Encoding gzip or deflate is decompressed here, within the same limits.
    """

    def __init__(self, app: ASGIApp, limits: RequestLimits) -> None:
        self.app = app
        self.limits = limits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        body = BoundedBody(self.limits)
        try:
            await self.app(scope, await self._bounded(body, scope, receive), send)
        finally:
            body.release()

    async def _bounded(self, body: BoundedBody, scope: Scope, receive: Receive) -> Receive:
        headers = dict(scope["headers"])
        length = headers.get(b"content-length", b"")
        if length.isdigit() and int(length):
            body.declare(int(length))
        encoding = b",".join(content_codings(scope["headers"]))
        return await body.decompressed(encoding, scope, receive) if encoding else body.counting(receive)


def content_codings(headers: Iterable[tuple[bytes, bytes]]) -> Iterator[bytes]:
    """In lower case, without empty elements of the list (RFC 9110, 5.6.1) and identity, which is none."""
    for name, value in headers:
        for coding in value.lower().split(b",") if name == b"content-encoding" else ():
            if coding.strip() not in (b"", b"identity"):
                yield coding.strip()


class BoundedBody:
    """The bytes that one request's body takes of the limits, compressed and decompressed."""

    def __init__(self, limits: RequestLimits) -> None:
        self.limits = limits
        self.reserved = 0
        self.received = 0

    def reserve(self, count: int) -> None:
        """Raises `Overloaded`."""
        self.limits.inflight.reserve(count, self.reserved + count)
        self.reserved += count

    def release(self) -> None:
        self.limits.inflight.release(self.reserved)

    def declare(self, length: int) -> None:
        """Raises `BodyTooLarge` or `Overloaded`."""
        if length > self.limits.max_body_bytes:
            raise self.too_large()
        self.reserve(length)

    def receive(self, chunk: bytes) -> None:
        """Counts a chunk as it came. Raises `BodyTooLarge` or `Overloaded`."""
        self.received += len(chunk)
        if self.received > self.limits.max_body_bytes:
            raise self.too_large()
        if self.received > self.reserved:
            self.reserve(self.received - self.reserved)

    def counting(self, receive: Receive) -> Receive:
        async def receive_counting() -> Message:
            message = await receive()
            self.receive(message.get("body", b""))
            return message

        return receive_counting

    async def decompressed(self, encoding: bytes, scope: Scope, receive: Receive) -> Receive:
        """Reads the whole body and returns a `receive` that delivers it in one message."""
        decompressor = Decompressor(encoding, self.limits.max_body_bytes)
        chunks: list[bytes] = []
        async for chunk in body_chunks(receive):
            self.receive(chunk)
            for piece in decompressor.feed(chunk):
                self.reserve(len(piece))
                chunks.append(piece)
                await asyncio.sleep(0)  # other requests have their turn between two pieces
            if decompressor.exceeded:
                raise self.too_large()
        if not decompressor.complete:
            raise InvalidRequest(f"The body is incomplete {encoding.decode('latin-1')} data: send it again.")
        body: list[Message] = [{"type": "http.request", "body": b"".join(chunks), "more_body": False}]
        del chunks
        headers = MutableHeaders(scope=scope)
        del headers["content-encoding"], headers["content-length"]

        async def receive_decompressed() -> Message:
            return body.pop() if body else await receive()

        return receive_decompressed

    def too_large(self) -> BodyTooLarge:
        return BodyTooLarge(f"The body is larger than {self.limits.max_body_bytes:,} bytes: send less in one request.")


async def body_chunks(receive: Receive) -> AsyncIterator[bytes]:
    """The body as it arrives. Raises `ClientDisconnect`."""
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        yield message.get("body", b"")
        more = message.get("more_body", False)


class Decompressor:
    """gzip or deflate, to at most one byte more than `max_bytes`. Raises `InvalidRequest` or `UnsupportedCoding`."""

    def __init__(self, encoding: bytes, max_bytes: int) -> None:
        self.encoding = encoding
        self.gzip = encoding != b"deflate"
        self.remaining_bytes = max_bytes
        self.exceeded = False
        self.members = 0
        self.stream: zlib._Decompress | None = None

    @property
    def complete(self) -> bool:
        """Without content too, which the header describes (RFC 9110, 8.4): clients send it with GET as well."""
        return self.stream is None or self.stream.eof

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        """What the chunk decompresses to, in pieces."""
        while chunk and not self.exceeded:
            piece, chunk = self.decompress(self.open_stream(chunk), chunk)
            self.remaining_bytes -= len(piece)
            self.exceeded = self.remaining_bytes < 0
            yield piece

    def open_stream(self, chunk: bytes) -> zlib._Decompress:
        """The open stream, or one for the next member of a gzip file: RFC 1952, 2.2."""
        if self.encoding not in CODINGS:
            name = self.encoding.decode("latin-1")
            raise UnsupportedCoding(f"Content-Encoding {name[:40]!r} is not supported: send gzip or deflate, or plain.")
        if self.stream is None or self.stream.eof:
            self.members += 1
            if self.members > (MAX_GZIP_MEMBERS if self.gzip else 1):
                raise InvalidRequest("More follows behind the end of the compressed body: send it as one stream.")
            self.stream = zlib.decompressobj(wbits=31 if self.gzip else deflate_window(chunk))
        return self.stream

    def decompress(self, stream: zlib._Decompress, chunk: bytes) -> tuple[bytes, bytes]:
        """A piece, and the rest of the chunk."""
        try:
            piece = stream.decompress(chunk, min(self.remaining_bytes + 1, DECOMPRESSED_AT_ONCE))
        except zlib.error as error:
            raise InvalidRequest("The body does not match its Content-Encoding: send it again.") from error
        return piece, stream.unused_data if stream.eof else stream.unconsumed_tail


def deflate_window(chunk: bytes) -> int:
    """RFC 9110, 8.4.1.2: deflate means zlib's format. Some clients send the bare stream; the first byte tells which."""
    return 15 if chunk[0] & 0x0F == 8 else -15
