"""The time limits of connections, in a real server process with a deadline of one second."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from app.server.connection.clock import CHECK_INTERVAL_S
from tests.conftest import ROOT
from tests.support.service import Service, serving

SEVEN = (ROOT / "app/web/static/seven.png").read_bytes()
DEADLINE_S = 1.0
HEAD = b"POST %b HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n"


@pytest.fixture(scope="module")
def service() -> Iterator[Service]:
    with serving(
        "--device", "cpu", "--timeout-ms", str(int(DEADLINE_S * 1000)), "--max-inflight-bytes", str(40 * 2**20)
    ) as running:
        yield running


@contextmanager
def connected(service: Service, sent: bytes = b"") -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", service.port), timeout=20) as connection:
        connection.sendall(sent)
        yield connection


def read_to_end(connection: socket.socket) -> bytes:
    received = b""
    while piece := connection.recv(65536):
        received += piece
    return received


def seconds_to_end(connection: socket.socket) -> tuple[bytes, float]:
    began = time.monotonic()
    return read_to_end(connection), time.monotonic() - began


def test_silent_connection_is_closed(service: Service) -> None:
    with connected(service) as connection:
        received, seconds = seconds_to_end(connection)
    assert received == b""
    assert seconds >= DEADLINE_S - CHECK_INTERVAL_S


@pytest.mark.parametrize("path", [b"/predict", b"/read"], ids=["fast path", "uvicorn"])
@pytest.mark.parametrize(
    "rest", [b"", b"Content-Length: 1000\r\n\r\nabc", b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n"]
)
def test_request_that_stops_arriving_gets_408_and_its_connection_is_closed(
    service: Service, path: bytes, rest: bytes
) -> None:
    with connected(service, b"POST %b HTTP/1.1\r\nHost: x\r\n%b" % (path, rest)) as connection:
        received, seconds = seconds_to_end(connection)
    assert received.startswith(b"HTTP/1.1 408 ")
    assert b"connection: close\r\n" in received
    assert b"urn:digits:problem:request-timeout" in received
    assert seconds >= DEADLINE_S - CHECK_INTERVAL_S


def test_request_that_comes_a_byte_at_a_time_gets_408(service: Service) -> None:
    """The deadline counts from the first byte, not from the latest."""
    with connected(service) as connection:
        connection.settimeout(0.1)
        sent = 0
        while sent < 100:
            connection.sendall(b"G" if not sent else b"E")
            sent += 1
            try:
                received = connection.recv(65536)
                break
            except TimeoutError:
                pass
    assert received.startswith(b"HTTP/1.1 408 ")


def test_client_that_goes_on_sending_can_read_its_refusal(service: Service) -> None:
    """Lingering close: with a closed socket the client would get a reset in place of the response."""
    body = bytes(24 * 2**20)
    with connected(service, HEAD % (b"/predict", len(body))) as connection:
        connection.sendall(body)
        received = read_to_end(connection)
    assert received.startswith(b"HTTP/1.1 413 ")
    assert b"urn:digits:problem:body-too-large" in received


def test_chunked_upload_beyond_the_limit_can_read_its_refusal(service: Service) -> None:
    with connected(service, b"POST /predict HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n") as connection:
        for _ in range(24):
            connection.sendall(b"100000\r\n" + bytes(2**20) + b"\r\n")
        received = read_to_end(connection)
    assert received.startswith(b"HTTP/1.1 413 ")


@pytest.mark.parametrize("path", [b"/predict", b"/read"])
def test_client_that_stops_sending_gets_its_response_and_the_connection_is_closed(
    service: Service, path: bytes
) -> None:
    with connected(service, HEAD % (path, len(SEVEN)) + SEVEN) as connection:
        connection.shutdown(socket.SHUT_WR)
        received = read_to_end(connection)
    assert received.startswith(b"HTTP/1.1 200 ")


def test_uploads_that_stall_leave_room_for_small_requests_and_are_given_back(service: Service) -> None:
    """Of 40 uploads of 16 MiB two fit; the others are refused at their head, and all bytes are free afterwards."""
    size = 16 * 2**20
    stalled = [socket.create_connection(("127.0.0.1", service.port), timeout=20) for _ in range(40)]
    try:
        for connection in stalled:
            connection.sendall(HEAD % (b"/predict", size) + b"x")
        refused = [connection.recv(65536) for connection in stalled[2:]]
        assert all(b" 503 " in response and b"retry-after: 1\r\n" in response for response in refused)
        with connected(service, HEAD % (b"/predict", len(SEVEN)) + SEVEN) as connection:
            assert connection.recv(65536).startswith(b"HTTP/1.1 200 ")
        assert stalled[0].recv(65536).startswith(b"HTTP/1.1 408 ")
    finally:
        for connection in stalled:
            connection.close()
    with connected(service, HEAD % (b"/predict", size) + bytes(size)) as connection:
        assert connection.recv(65536).startswith(b"HTTP/1.1 415 ")
