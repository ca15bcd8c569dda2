"""Request bodies: bounded in bytes, and compressed ones decompressed within the same bound."""

from __future__ import annotations

import zlib

from starlette.datastructures import MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.errors import BodyTooLarge, InvalidRequest


class BodyLimitMiddleware:
    """Refuses a body larger than `max_bytes`: by its Content-Length, or while reading if that header is absent.

    A body with Content-Encoding gzip or deflate is decompressed here, to at most `max_bytes` too.
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
            receive = await self._decompressed(encoding, scope, receive)
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

    async def _decompressed(self, encoding: bytes, scope: Scope, receive: Receive) -> Receive:
        """Reads the whole body and returns a `receive` that delivers it in one message."""
        decompressor = Decompressor(encoding, self.max_bytes)
        chunks: list[bytes] = []
        more = True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise ClientDisconnect
            chunks.append(decompressor.feed(message.get("body", b"")))
            more = message.get("more_body", False)
            if decompressor.exceeded:
                raise self._too_large()
        if not decompressor.complete:
            raise InvalidRequest(f"The body is incomplete {encoding.decode('latin-1')} data: send it again.")
        body: list[Message] = [{"type": "http.request", "body": b"".join(chunks), "more_body": False}]
        headers = MutableHeaders(scope=scope)
        del headers["content-encoding"], headers["content-length"]

        async def receive_decompressed() -> Message:
            return body.pop() if body else await receive()

        return receive_decompressed

    def _too_large(self) -> BodyTooLarge:
        return BodyTooLarge(f"The body is larger than {self.max_bytes:,} bytes: send less in one request.")


class Decompressor:
    """gzip or deflate, to at most one byte more than `max_bytes`. Raises `InvalidRequest`."""

    def __init__(self, encoding: bytes, max_bytes: int) -> None:
        if encoding not in (b"gzip", b"x-gzip", b"deflate"):
            raise InvalidRequest("Content-Encoding must be gzip or deflate: send the body as one of them, or plain.")
        self.remaining_bytes = max_bytes
        self.exceeded = False
        self.complete = False
        # RFC 9110, 8.4.1.2: deflate means zlib's format. Some clients send the bare stream; the first byte tells which.
        self.stream = None if encoding == b"deflate" else zlib.decompressobj(wbits=31)

    def feed(self, chunk: bytes) -> bytes:
        if not chunk:
            return b""
        if self.stream is None:
            self.stream = zlib.decompressobj(wbits=15 if chunk[0] & 0x0F == 8 else -15)
        try:
            decompressed = self.stream.decompress(chunk, self.remaining_bytes + 1)
        except zlib.error as error:
            raise InvalidRequest("The body does not match its Content-Encoding: send it again.") from error
        self.remaining_bytes -= len(decompressed)
        self.exceeded = self.remaining_bytes < 0
        self.complete = self.stream.eof
        return decompressed
