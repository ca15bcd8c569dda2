"""Idle, slow and half-open connections: the others are served meanwhile."""

from __future__ import annotations

import asyncio
import resource
import socket
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.support.service import Service, serving, wait_until
from tests.support.traffic import Response, post, send

SEVEN = (ROOT / "app/web/static/seven.png").read_bytes()
HEAD = b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: 317\r\n"
BEGINNINGS = {
    "idle": b"",
    "in the middle of a line": HEAD[:10],
    "in the middle of the headers": HEAD,
    "in the middle of the body": HEAD + b"\r\n" + SEVEN[:100],
    "after a response": b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n",
}
COUNTS = [500, pytest.param(10_000, marks=pytest.mark.slow)]


@pytest.fixture(scope="module", autouse=True)
def as_many_files_as_allowed() -> Iterator[None]:
    """Of this process and of the service, which inherits the limit: each has a file for each connection."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.fixture(scope="module")
def service(as_many_files_as_allowed: None) -> Iterator[Service]:
    """One service for all tests here. On a slow machine too, only the size of its queue limits it."""
    with serving("--device", "cpu", "--log-level", "error", "--max-queue-ms", "60000") as service:
        yield service


@contextmanager
def opened(service: Service, count: int, beginning: bytes) -> Iterator[list[socket.socket]]:
    with ExitStack() as stack:
        sockets = []
        for _ in range(count):
            connection = socket.create_connection(("localhost", service.port), timeout=60)
            sockets.append(stack.enter_context(closing(connection)))
            connection.sendall(beginning)
        yield sockets


def assert_served(service: Service) -> None:
    """Answers 400 requests; prints how fast."""
    responses: list[Response] = []
    requests = [post("/predict", SEVEN)] * 400
    asyncio.run(send(service.port, requests, lambda _, response: responses.append(response)))
    assert [response.status for response in responses] == [200] * 400
    p99 = sorted(response.seconds for response in responses)[-4]
    print(f"p99 {p99 * 1000:.1f} ms; memory {service.resident_kb()} kB")


@pytest.mark.parametrize("count", COUNTS)
@pytest.mark.parametrize("beginning", BEGINNINGS.values(), ids=BEGINNINGS.keys())
def test_others_are_served_beside_connections_that_stop(service: Service, beginning: bytes, count: int) -> None:
    assert_served(service)
    with opened(service, count, beginning):
        assert_served(service)
    assert_served(service)
    wait_until(lambda: len(connections_of(service)) < 5)  # the service has closed its ends too


def connections_of(service: Service) -> list[str]:
    """The open sockets of the process, its listener among them."""
    links = []
    for descriptor in Path(f"/proc/{service.process.pid}/fd").iterdir():
        with suppress(FileNotFoundError):  # closed since the folder was listed
            links.append(str(descriptor.readlink()))
    return [link for link in links if "socket:" in link]


@pytest.mark.parametrize("count", COUNTS)
def test_requests_that_come_a_byte_at_a_time_are_answered_and_hold_up_no_other(service: Service, count: int) -> None:
    """Of ten thousand that are complete at the same moment, some are refused with 503."""
    request = post("/predict", SEVEN)
    with opened(service, count, request[:-20]) as slow:
        for position in range(len(request) - 20, len(request)):
            for connection in slow:
                connection.sendall(request[position : position + 1])
            if position % 5 == 0:
                assert_served(service)
        responses = [connection.recv(65536) for connection in slow]
    accepted = [response for response in responses if response.startswith(b"HTTP/1.1 200 OK")]
    assert len(accepted) >= min(count, 1000)
    assert all(b"503 " in response and b"retry-after" in response for response in responses if response not in accepted)


@pytest.mark.parametrize("count", COUNTS)
def test_half_open_connections_are_closed_and_hold_up_no_other(service: Service, count: int) -> None:
    """Clients that reset their connections in the middle of a request."""
    with opened(service, count, HEAD + b"\r\n" + SEVEN[:100]) as half:
        for connection in half:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")  # closing sends RST
    assert_served(service)
    assert service.get("/health/ready")[0] == 200
