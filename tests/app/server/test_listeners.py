"""Listening sockets: the addresses of a host, Unix sockets, and connections that wait when the port closes."""

from __future__ import annotations

import errno
import http.client
import logging
import os
import re
import signal
import socket
import stat
import time
from pathlib import Path
from typing import Any

import pytest

from app.errors import StartupError
from app.server.listeners import bind, bind_unix
from app.server.startup import address_of
from tests.support.service import TIMEOUT_S, assert_refuses_to_start, serving, start_service, wait_until

LOOPBACK_4 = (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", 0))
ELSEWHERE = (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("192.0.2.99", 0))  # an address for documentation (RFC 5737)


def resolve_to(monkeypatch: pytest.MonkeyPatch, *addresses: Any) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: addresses)


# --- addresses --------------------------------------------------------------------------------------------------------


OTHER_HOSTS = [pytest.param(host, marks=pytest.mark.slow) for host in ("[::]", "0.0.0.0", "127.0.0.1", "::1")]


@pytest.mark.parametrize("host", ["::", "localhost", *OTHER_HOSTS])
def test_printed_address_answers(host: str) -> None:
    with serving("--host", host, "--device", "cpu") as service:
        assert service.get("/health/live")[0] == 200


@pytest.mark.parametrize("host", ["::", "localhost"])
def test_all_addresses_of_a_host_have_one_port(host: str) -> None:
    sockets = bind(host, 0)
    assert len({listener.getsockname()[1] for listener in sockets}) == 1
    for listener in sockets:
        listener.close()


def test_double_colon_is_ipv4_too() -> None:
    sockets = bind("::", 0)
    for listener in sockets:
        listener.listen()
    port = sockets[0].getsockname()[1]
    for address in ("127.0.0.1", "::1"):
        socket.create_connection((address, port), timeout=TIMEOUT_S).close()
    assert address_of(sockets) == f"http://127.0.0.1:{port}"
    for listener in sockets:
        listener.close()


def test_one_unusable_address_of_several_is_logged(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    resolve_to(monkeypatch, ELSEWHERE, LOOPBACK_4)
    with caplog.at_level(logging.WARNING):
        (listener,) = bind("several.example", 0)
    assert "not listening on 192.0.2.99" in caplog.text
    assert listener.getsockname()[0] == "127.0.0.1"
    listener.close()


def test_no_usable_address_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    resolve_to(monkeypatch, ELSEWHERE)
    with pytest.raises(StartupError, match=r"cannot listen on several\.example, port 0: Cannot assign"):
        bind("several.example", 0)


def test_address_in_use_is_refused_even_if_another_is_free() -> None:
    """Another program would answer a part of the clients."""
    with socket.create_server(("127.0.0.1", 0)) as other, pytest.raises(StartupError, match="Address already in use"):
        bind("localhost", other.getsockname()[1])


def test_port_for_root_is_refused_with_a_hint(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr("app.server.listeners.bind_address", refuse)
    with pytest.raises(StartupError, match=r"port 80: Permission denied .*take a higher one"):
        bind("127.0.0.1", 80)


# --- Unix sockets -----------------------------------------------------------------------------------------------------


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=TIMEOUT_S)
        self.path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(TIMEOUT_S)
        self.sock.connect(str(self.path))


def get_status(path: Path, route: str) -> int:
    connection = UnixConnection(path)
    connection.request("GET", route)
    with connection.getresponse() as response:
        response.read()
    connection.close()
    return response.status


def leave_stale_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as stale:
        stale.bind(str(path))


@pytest.mark.parametrize("workers", ["1", "2"])
def test_unix_socket_replaces_a_stale_one_drains_and_is_removed(tmp_path: Path, workers: str) -> None:
    path = tmp_path / "digits.sock"
    leave_stale_socket(path)
    process = start_service("--uds", str(path), "--workers", workers, "--device", "cpu", "--drain-seconds", "2")
    try:
        assert process.stdout
        assert str(path) in process.stdout.readline()
        assert get_status(path, "/models") == 200
        process.terminate()
        wait_until(lambda: get_status(path, "/health/ready") == 503)
        assert get_status(path, "/health/live") == 200
        assert process.wait(TIMEOUT_S) == 0
        assert not path.exists()
    finally:
        process.kill()
        process.communicate()


def test_everyone_may_connect_who_reaches_the_file(tmp_path: Path) -> None:
    listener, file = bind_unix(tmp_path / "digits.sock")
    assert stat.S_IMODE(file.path.stat().st_mode) == 0o666
    listener.close()


def test_socket_file_of_a_successor_is_left_alone(tmp_path: Path) -> None:
    old_listener, old_file = bind_unix(tmp_path / "digits.sock")
    new_listener, new_file = bind_unix(tmp_path / "digits.sock")  # the old one does not listen yet
    old_file.remove()
    assert new_file.path.exists()
    new_file.remove()
    assert not new_file.path.exists()
    old_listener.close()
    new_listener.close()


def test_socket_that_answers_is_not_taken_over(tmp_path: Path) -> None:
    listener, _ = bind_unix(tmp_path / "digits.sock")
    listener.listen()
    with pytest.raises(StartupError, match="Address already in use"):
        bind_unix(tmp_path / "digits.sock")
    listener.close()


def test_other_file_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StartupError, match="exists and is not a socket"):
        bind_unix(tmp_path / "file")


@pytest.mark.parametrize("name", ["missing/digits.sock", "x" * 120])
def test_path_that_cannot_be_bound_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(StartupError, match="cannot listen on "):
        bind_unix(tmp_path / name)


# --- the port that closes ---------------------------------------------------------------------------------------------


def test_port_that_is_taken_is_said() -> None:
    with serving() as service:
        line = assert_refuses_to_start("--port", str(service.port))
        assert re.fullmatch(r"error: .*Address already in use", line)


def test_connections_that_wait_to_be_accepted_at_the_end_are_answered() -> None:
    with serving("--drain-seconds", "0") as service:
        service.process.send_signal(signal.SIGSTOP)
        waiting = [service.connect() for _ in range(20)]
        for connection in waiting:
            connection.request("GET", "/health/live")
        service.process.send_signal(signal.SIGTERM)
        time.sleep(0.3)  # it handles the signal before it has accepted them all
        service.process.send_signal(signal.SIGCONT)
        for connection in waiting:
            assert connection.getresponse().status == 200
            connection.close()
        assert service.process.wait(TIMEOUT_S) == 0
