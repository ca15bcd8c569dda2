"""A server that is measured: started on its cores, asked when it is ready, frozen, and always stopped."""

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

from benchmarks import processes
from benchmarks.http import Answer, Request, send
from benchmarks.peer import CACHE, ROOT, Launch, NoComparison, Peer

START_SECONDS = 120
STOP_SECONDS, ORPHANS_SECONDS = 10, 2
PATIENCE_SECONDS = 20  # with a server that answers with errors: some do until their model is loaded
PORTS = range(20_000, 30_000)  # below those that systems lend, which daemons may take between our look and our use
LOGS = CACHE / "log"


class Server:
    """One process tree. It runs within its `with` block; after it, every process of it has ended.

    Between its turns it is frozen (SIGSTOP): some servers poll while they are idle, Ray's daemons most of all, and
    would take from the core on which another is measured.
    """

    def __init__(self, peer: Peer, python: Path, workers: int, route: str, cores: str) -> None:
        self.peer = peer
        self.port = free_port()
        self.log = LOGS / f"{peer.name.replace(' ', '-')}.log"
        launch = Launch(python, self.port, workers, route)
        self._environment = {**os.environ, **peer.environment(launch)}
        self._command = ["taskset", "-c", cores, *map(str, peer.command(launch))]
        self._frozen: list[int] = []

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
                start_new_session=True,  # Ctrl+C is ours to pass on
            )
        return self

    def wait_until_ready(self, question: Request) -> None:
        """Returns once it answers the question with 200. Raises `NoComparison` if it ends or takes too long."""
        said, refused_since = "no answer", 0.0
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                raise NoComparison(f"it ended with status {self._process.returncode} (see {self.where()})")
            answer = self.answer(question)
            if answer and answer.status == 200:
                return
            if answer:
                said = f"status {answer.status}: {answer.body[:120].decode(errors='replace')}"
                refused_since = refused_since or time.monotonic()
                if time.monotonic() > refused_since + PATIENCE_SECONDS:
                    break
            time.sleep(0.2)
        raise NoComparison(f"it does not answer the first question: {said} (see {self.where()})")

    def answer(self, question: Request) -> Answer | None:
        """None while nobody listens."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            return send(connection, question)
        except (OSError, http.client.HTTPException):
            return None
        finally:
            connection.close()

    def freeze(self) -> None:
        """Parents first: none of them shall find that a child of its does not answer."""
        self._frozen = processes.tree(self._process.pid)
        processes.tell(self._frozen, signal.SIGSTOP)

    def thaw(self) -> None:
        processes.tell(reversed(self._frozen), signal.SIGCONT)
        self._frozen = []

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.thaw()
        family = processes.tree(self._process.pid)
        try:
            processes.tell(family[:1], signal.SIGTERM)
            processes.gone(family[:1], STOP_SECONDS)
            processes.gone(family, ORPHANS_SECONDS)  # those whom it told to end
        finally:  # an impatient second Ctrl+C too
            left = {*family, *processes.tree(self._process.pid)}
            processes.tell(left, signal.SIGKILL)
            self._process.wait()
            processes.gone(left, STOP_SECONDS)  # a killed process lives until the kernel has taken it down

    def where(self) -> str:
        return str(self.log.relative_to(ROOT))


def free_port() -> int:
    for port in random.sample(PORTS, 100):
        with socket.socket() as listener, suppress(OSError):
            listener.bind(("127.0.0.1", port))
            return port
    raise NoComparison(f"no free port was found in {PORTS.start} to {PORTS.stop}")
