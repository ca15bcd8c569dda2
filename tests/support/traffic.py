"""Requests over many connections at once, as fast as they are answered or at a rate."""

from __future__ import annotations

import asyncio
import itertools
import math
import time
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple


class Response(NamedTuple):
    status: int
    headers: dict[bytes, bytes]  # names in lower case
    body: bytes
    seconds: float


OnResponse = Callable[[bytes, Response], None]  # the request and its response


def post(path: str, body: bytes, *headers: str) -> bytes:
    lines = [f"POST {path} HTTP/1.1", "Host: x", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join([*lines, "", ""]).encode() + body


def get(path: str) -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode()


class Connection:
    """Keep-alive until the server announces that it closes; the next request opens another one."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def exchange(self, request: bytes) -> Response:
        if self.streams is None:
            self.streams = await asyncio.open_connection("127.0.0.1", self.port)
        reader, writer = self.streams
        started = time.perf_counter()
        writer.write(request)
        status_line, *lines = (await reader.readuntil(b"\r\n\r\n"))[:-4].split(b"\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(b": ") for line in lines)}
        body = await reader.readexactly(int(headers.get(b"content-length", 0)))
        seconds = time.perf_counter() - started
        if headers.get(b"connection") == b"close":
            self.close()
        return Response(int(status_line.split()[1]), headers, body, seconds)

    def close(self) -> None:
        if self.streams:
            self.streams[1].close()
            self.streams = None


async def send(
    port: int, requests: Iterable[bytes], on_response: OnResponse, connections: int = 8, rate: float = math.inf
) -> None:
    """All requests, at most `rate` a second, each on the first connection that is free."""
    started = time.perf_counter()
    numbered = enumerate(requests)

    async def run() -> None:
        connection = Connection(port)
        for number, request in numbered:
            delay = started + number / rate - time.perf_counter()
            if delay > 0:
                await asyncio.sleep(delay)
            on_response(request, await connection.exchange(request))
        connection.close()

    await asyncio.gather(*(run() for _ in range(connections)))


def during(seconds: float, requests: Iterable[bytes]) -> Iterator[bytes]:
    """The requests again and again, for this long."""
    end = time.perf_counter() + seconds
    return itertools.takewhile(lambda _: time.perf_counter() < end, itertools.cycle(requests))
