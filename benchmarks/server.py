"""A server under test: started on its cores, polled until it is ready, suspended between its measurements, stopped."""

from __future__ import annotations

import http.client
import os
import random
import signal
import socket
import subprocess
import time
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from benchmarks.http import Request, Response, send
from benchmarks.peer import CACHE_FOLDER, ROOT, LaunchOptions, NotComparable, Peer
from benchmarks.processes import process_tree, send_signal, wait_until_ended

START_SECONDS = 120  # until the first response with status 200
ERROR_SECONDS = 20  # of that, with error responses: some servers send them until their model is loaded
POLL_SECONDS = 0.2  # between two attempts
REQUEST_SECONDS = 10  # for one attempt
STOP_SECONDS = 10  # after SIGTERM, and again after SIGKILL
CHILDREN_SECONDS = 2  # for the server's children, after the server itself has ended
PORTS = range(20_000, 30_000)  # below the ephemeral ports, one of which might be taken between choosing and listening
LOGS = CACHE_FOLDER / "log"


class Server:
    """The process tree of one server. It runs within its `with` block; no process of it outlives the block.

    It is suspended (SIGSTOP) while another server is measured: some servers poll while they are idle, Ray's daemons
    most of all, and would use the core that is being measured.
    """

    def __init__(self, peer: Peer, python: Path, workers: int, route: str, cores: str) -> None:
        """`cores`: their numbers as `taskset -c` takes them. Raises `NotComparable` if no port is free."""
        self.peer = peer
        self.port = free_port()
        self.log = LOGS / f"{peer.name.replace(' ', '-')}.log"
        launch = LaunchOptions(python, self.port, workers, route)
        self._environment = {**os.environ, **peer.environment(launch)}
        self._command = ["taskset", "-c", cores, *map(str, peer.command(launch))]
        self._suspended: list[int] = []

    def __enter__(self) -> Self:
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                self._command,
                cwd=ROOT,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl+C reaches the benchmark only, which then stops the server
            )
        return self

    def wait_until_ready(self, request: Request) -> None:
        """Repeats the request until its status is 200. Raises `NotComparable` if the server ends or takes too long."""
        failure, first_error = "no response", 0.0
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                raise NotComparable(f"the server exited with status {self._process.returncode} ({self._log_hint()})")
            response = self.try_send(request)
            if response and response.status == 200:
                return
            if response:
                failure = f"status {response.status}: {response.body[:120].decode(errors='replace')}"
                first_error = first_error or time.monotonic()
                if time.monotonic() > first_error + ERROR_SECONDS:
                    break
            time.sleep(POLL_SECONDS)
        raise NotComparable(f"the server does not become ready: {failure} ({self._log_hint()})")

    def try_send(self, request: Request) -> Response | None:
        """None if the connection is refused or breaks."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=REQUEST_SECONDS)
        try:
            return send(connection, request)
        except (OSError, http.client.HTTPException):
            return None
        finally:
            connection.close()

    def suspend(self) -> None:
        """Parents first, so that no running parent misses a heartbeat of a stopped child."""
        self._suspended = process_tree(self._process.pid)
        send_signal(self._suspended, signal.SIGSTOP)

    def resume(self) -> None:
        """Children first."""
        send_signal(reversed(self._suspended), signal.SIGCONT)
        self._suspended = []

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.resume()
        tree = process_tree(self._process.pid)
        try:
            send_signal(tree[:1], signal.SIGTERM)
            wait_until_ended(tree[:1], STOP_SECONDS)
            wait_until_ended(tree, CHILDREN_SECONDS)
        finally:  # also after a second Ctrl+C
            remaining = {*tree, *process_tree(self._process.pid)}
            send_signal(remaining, signal.SIGKILL)
            self._process.wait()
            wait_until_ended(remaining, STOP_SECONDS)  # SIGKILL returns before the kernel has ended the process

    def _log_hint(self) -> str:
        return f"see {self.log.relative_to(ROOT)}"


def free_port() -> int:
    """A port of `PORTS` that can be bound now. Raises `NotComparable` if 100 random ones cannot."""
    for port in random.sample(PORTS, 100):
        with socket.socket() as listener, suppress(OSError):
            listener.bind(("127.0.0.1", port))
            return port
    raise NotComparable(f"no free port was found from {PORTS.start} to {PORTS.stop - 1}")
