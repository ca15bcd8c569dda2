"""An HTTP request as the bytes that are sent, and its response."""

from __future__ import annotations

import http.client
import struct
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Request:
    path: str
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)

    def encode(self) -> bytes:
        """Request line, headers and body, as sent over the connection."""
        lines = [f"POST {self.path} HTTP/1.1", "Host: 127.0.0.1", f"Content-Length: {len(self.body)}"]
        lines += [f"{name}: {value}" for name, value in self.headers.items()]
        return "\r\n".join([*lines, "", ""]).encode() + self.body


@dataclass(frozen=True)
class Response:
    status: int
    body: bytes
    headers: dict[str, str]  # names in lower case


def send(connection: http.client.HTTPConnection, request: Request) -> Response:
    """Raises `OSError` or `http.client.HTTPException` if no response arrives."""
    connection.request("POST", request.path, request.body, request.headers)
    response = connection.getresponse()
    headers = {name.lower(): value for name, value in response.getheaders()}
    return Response(response.status, response.read(), headers)


def write_requests(requests: Iterable[Request], file: Path) -> None:
    """Writes what cycle.lua reads: each request after its length in bytes as a little-endian uint32."""
    with file.open("wb") as out:
        for request in requests:
            encoded = request.encode()
            out.write(struct.pack("<I", len(encoded)) + encoded)
