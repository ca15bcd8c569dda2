"""Connections that bring nothing, or only little by little: the others are served."""

from __future__ import annotations

import asyncio
import resource
import socket
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path

import pytest

from tests.app.server.test_load import resident_kb
from tests.app.server.test_serve import Service, connect, serving, until
from tests.conftest import ROOT
from tests.support.traffic import Answer, post, send

SEVEN = (ROOT / "app/web/static/seven.png").read_bytes()
HEAD = b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: 317\r\n"
BEGINNINGS = {
    "idle": b"",
    "in the middle of a line": HEAD[:10],
    "in the middle of the headers": HEAD,
    "in the middle of the body": HEAD + b"\r\n" + SEVEN[:100],
    "after an answer": b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n",
}
COUNTS = [500, pytest.param(10_000, marks=pytest.mark.slow)]


@pytest.fixture(scope="module", autouse=True)
def as_many_files_as_allowed() -> Iterator[None]:
    """Of this process and of the service it starts, which has one for each connection too."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.fixture(scope="module")
def service(as_many_files_as_allowed: None) -> Iterator[Service]:
    """One for all that may be done to it here. However slow the machine: its queue is as long as its size allows."""
    with serving("--device", "cpu", "--log-level", "error", "--max-queue-ms", "60000") as service:
        yield service


def address_of(service: Service) -> tuple[str, int]:
    host, port = service.address.removeprefix("http://").split(":")
    return host, int(port)


@contextmanager
def opened(service: Service, count: int, beginning: bytes) -> Iterator[list[socket.socket]]:
    with ExitStack() as stack:
        sockets = []
        for _ in range(count):
            sockets.append(stack.enter_context(closing(socket.create_connection(address_of(service), timeout=60))))
            sockets[-1].sendall(beginning)
        yield sockets


def assert_served(service: Service) -> None:
    """Old connections as well as new ones; prints how fast."""
    answers: list[Answer] = []
    port = address_of(service)[1]
    asyncio.run(send(port, [post("/predict", SEVEN)] * 400, lambda _, answer: answers.append(answer)))
    assert [answer.status for answer in answers] == [200] * 400
    slowest = sorted(answer.seconds for answer in answers)[-4]
    print(f"p99 {slowest * 1000:.1f} ms; memory {resident_kb(service)} kB")


@pytest.mark.parametrize("count", COUNTS)
@pytest.mark.parametrize("beginning", BEGINNINGS.values(), ids=BEGINNINGS.keys())
def test_others_are_served_beside_connections_that_stop(service: Service, beginning: bytes, count: int) -> None:
    assert_served(service)
    with opened(service, count, beginning):
        assert_served(service)
    assert_served(service)
    until(lambda: len(connections_of(service)) < 5)  # those that were closed are closed here too


def connections_of(service: Service) -> list[str]:
    """The sockets that the process has open, its listener among them."""
    links = []
    for each in Path(f"/proc/{service.process.pid}/fd").iterdir():
        with suppress(FileNotFoundError):  # closed since the folder was listed
            links.append(str(each.readlink()))
    return [link for link in links if "socket:" in link]


@pytest.mark.parametrize("count", COUNTS)
def test_requests_that_come_a_byte_at_a_time_are_answered_and_hold_up_nobody(service: Service, count: int) -> None:
    """Of ten thousand that are whole at the same moment, some are told to come back."""
    request = post("/predict", SEVEN)
    with opened(service, count, request[:-20]) as slow:
        for place in range(len(request) - 20, len(request)):
            for each in slow:
                each.sendall(request[place : place + 1])
            if place % 5 == 0:
                assert_served(service)
        answers = [each.recv(65536) for each in slow]
    taken = [answer for answer in answers if answer.startswith(b"HTTP/1.1 200 OK")]
    assert len(taken) >= min(count, 1000)
    assert all(b"503 " in answer and b"retry-after" in answer for answer in answers if answer not in taken)


@pytest.mark.parametrize("count", COUNTS)
def test_half_open_connections_are_let_go_and_hold_up_nobody(service: Service, count: int) -> None:
    """Clients that reset without a word, in the middle of their requests."""
    with opened(service, count, HEAD + b"\r\n" + SEVEN[:100]) as half:
        for each in half:
            each.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")  # closing sends RST
    assert_served(service)
    connection = connect(service)
    connection.request("GET", "/health/ready")
    assert connection.getresponse().status == 200
    connection.close()
