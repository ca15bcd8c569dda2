"""Requests over many connections at once, as fast as they are answered or at a rate."""

from __future__ import annotations

import asyncio
import itertools
import math
import time
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple


class Answer(NamedTuple):
    status: int
    headers: dict[bytes, bytes]  # names in lower case
    body: bytes
    seconds: float


See = Callable[[bytes, Answer], None]


def post(path: str, body: bytes, *headers: str) -> bytes:
    lines = [f"POST {path} HTTP/1.1", "Host: x", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join([*lines, "", ""]).encode() + body


def get(path: str) -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode()


class Connection:
    """Kept alive until the server says that it closes; the next request opens another."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(self, request: bytes) -> Answer:
        if self.streams is None:
            self.streams = await asyncio.open_connection("127.0.0.1", self.port)
        reader, writer = self.streams
        began = time.perf_counter()
        writer.write(request)
        first, *lines = (await reader.readuntil(b"\r\n\r\n"))[:-4].split(b"\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(b": ") for line in lines)}
        body = await reader.readexactly(int(headers.get(b"content-length", 0)))
        seconds = time.perf_counter() - began
        if headers.get(b"connection") == b"close":
            self.close()
        return Answer(int(first.split()[1]), headers, body, seconds)

    def close(self) -> None:
        if self.streams:
            self.streams[1].close()
            self.streams = None


async def send(port: int, requests: Iterable[bytes], see: See, connections: int = 8, rate: float = math.inf) -> None:
    """All of them, at most `rate` a second, each by whichever connection is free."""
    began = time.perf_counter()
    numbered = enumerate(requests)

    async def run() -> None:
        connection = Connection(port)
        for number, request in numbered:
            wait = began + number / rate - time.perf_counter()
            if wait > 0:
                await asyncio.sleep(wait)
            see(request, await connection.ask(request))
        connection.close()

    await asyncio.gather(*(run() for _ in range(connections)))


def during(seconds: float, requests: Iterable[bytes]) -> Iterator[bytes]:
    """Again and again until they have passed."""
    end = time.perf_counter() + seconds
    return itertools.takewhile(lambda _: time.perf_counter() < end, itertools.cycle(requests))
