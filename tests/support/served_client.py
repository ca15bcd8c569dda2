"""A client whose requests go as bytes through our own server's protocol, and not straight into the application."""

from __future__ import annotations

from typing import Any

import httpx2
from starlette.testclient import TestClient

from tests.support.wire import Wire, parse_response


class ServedClient(TestClient):
    def __init__(self, app: Any, **options: Any) -> None:
        super().__init__(app, **options)
        self._transport = ProtocolTransport(self)


class ProtocolTransport(httpx2.BaseTransport):
    """Each request on a connection of its own."""

    def __init__(self, client: TestClient) -> None:
        self.client = client

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        with self.client._portal_factory() as portal:
            response = parse_response(portal.call(self.exchange, encode_request(request)), request.method)
        return httpx2.Response(response.status, headers=response.getheaders(), content=response.read(), request=request)

    async def exchange(self, request: bytes) -> bytes:
        wire = Wire(self.client.app)
        wire.protocol.data_received(request)
        return await wire.responses()


def encode_request(request: httpx2.Request) -> bytes:
    body = request.read()
    if "transfer-encoding" in request.headers:
        body = b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body) if body else b"0\r\n\r\n"
    lines = [b"%b: %b\r\n" % header for header in request.headers.raw]
    return b"%b %b HTTP/1.1\r\n%b\r\n%b" % (request.method.encode(), request.url.raw_path, b"".join(lines), body)
