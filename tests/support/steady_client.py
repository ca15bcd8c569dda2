"""Clients that send one request after another while a test does something to the service."""

from __future__ import annotations

import http.client
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from tests.conftest import ROOT
from tests.support.service import TIMEOUT_S, Service, wait_until

SEVEN = (ROOT / "app/web/static/seven.png").read_bytes()


class SteadyClient(threading.Thread):
    """Keeps one connection, and makes a new one only after the server has announced that it closes the old one."""

    def __init__(self, service: Service) -> None:
        super().__init__()
        self.connection = http.client.HTTPConnection(service.address.removeprefix("http://"), timeout=TIMEOUT_S)
        self.stopping = threading.Event()
        self.answered = 0
        self.pid: int | None = None  # the worker at the other end of the connection
        self.failures: list[tuple[int | None, Exception]] = []
        self.refused = False  # a new connection: no process listens any more

    def run(self) -> None:
        while not self.stopping.wait(0.002):
            try:
                if self.connection.sock is None:
                    self.pid = None
                    self.connection.connect()
            except ConnectionRefusedError:
                self.refused = True
                return
            try:
                self.ask()
            except (OSError, http.client.HTTPException) as error:
                self.failures.append((self.pid, error))
                self.connection.close()

    def ask(self) -> None:
        self.connection.request("POST", "/predict", SEVEN)
        response = self.connection.getresponse()
        assert b'"digit":7' in response.read()
        self.answered += 1
        if response.getheader("connection") != "close" and self.pid is None:
            self.connection.request("GET", "/health")
            response = self.connection.getresponse()
            self.pid = int(re.findall(rb'"pid":(\d+)', response.read())[0])
        if response.getheader("connection") == "close":
            self.connection.close()


@contextmanager
def steady_load(service: Service, count: int = 4) -> Iterator[list[SteadyClient]]:
    """Begins once each client has had a response."""
    clients = [SteadyClient(service) for _ in range(count)]
    for client in clients:
        client.start()
    try:
        wait_until(lambda: all(client.answered and client.pid for client in clients))
        yield clients
    finally:
        for client in clients:
            client.stopping.set()
            client.join(TIMEOUT_S)
            client.connection.close()
