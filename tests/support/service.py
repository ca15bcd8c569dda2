"""python -m app serve as a process of its own."""

from __future__ import annotations

import http.client
import json
import os
import re
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.conftest import ROOT

TIMEOUT_S = 60  # for what normally takes a second or two
TWO_WORKERS = ("--workers", "2", "--device", "cpu")
CANNOT_WRITE = ("bash", "-c", 'ulimit -f 0 && exec "$0" "$@"')  # to a file; to a pipe or a socket it can


@dataclass
class Service:
    process: subprocess.Popen[str]
    welcome: str  # what it prints when it is ready

    @property
    def address(self) -> str:
        found = re.search(r"http://(\[\S+\]|[^\s:]+):\d+", self.welcome)
        assert found
        return found[0]

    @property
    def port(self) -> int:
        return int(self.address.rsplit(":", 1)[1])

    def get(self, path: str) -> tuple[int, Any]:
        """The status and the JSON body."""
        try:
            with urllib.request.urlopen(self.address + path, timeout=TIMEOUT_S) as response:
                return response.status, json.load(response)
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.load(error)

    def connect(self) -> http.client.HTTPConnection:
        connection = http.client.HTTPConnection(self.address.removeprefix("http://"), timeout=TIMEOUT_S)
        connection.connect()
        return connection

    def metric(self, sample: str) -> float:
        """The value of a sample of /metrics, 0 if there is none."""
        with urllib.request.urlopen(self.address + "/metrics", timeout=TIMEOUT_S) as response:
            text = response.read().decode()
        found = re.search(rf"^{re.escape(sample)} (\S+)$", text, re.MULTILINE)
        return float(found[1]) if found else 0.0

    def resident_kb(self) -> int:
        found = re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{self.process.pid}/status").read_text())
        assert found
        return int(found[1])

    def pids(self) -> set[int]:
        """The workers that answer, each request on a connection of its own."""
        return {self.get("/health")[1]["pid"] for _ in range(20)}

    def wait_for_two_workers(self) -> set[int]:
        """Their process ids."""
        seen: set[int] = set()

        def two_answer() -> bool:
            seen.clear()
            seen.update(self.pids())
            return len(seen) == 2

        wait_until(two_answer)
        return seen


def start_service(
    *options: str, within: Sequence[str] = (), new_group: bool = False, **environment: str
) -> subprocess.Popen[str]:
    """`within`: a command that runs the service's. Without a drain, which would end each test 5 s later."""
    return subprocess.Popen(
        [*within, sys.executable, "-m", "app", "serve", "--port", "0", "--drain-seconds", "0", *options],
        cwd=ROOT,
        env=os.environ | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        process_group=0 if new_group else None,
    )


@contextmanager
def serving(
    *options: str, within: Sequence[str] = (), new_group: bool = False, **environment: str
) -> Iterator[Service]:
    with running(start_service(*options, within=within, new_group=new_group, **environment)) as service:
        yield service


@contextmanager
def serving_stuck(part: str, *options: str) -> Iterator[Service]:
    """The service with a part that never returns: one of those in `stuck_service`."""
    command = [sys.executable, "-m", "tests.support.stuck_service", part, "serve", "--port", "0", "--device", "cpu"]
    process = subprocess.Popen(
        [*command, *options], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    with running(process) as service:
        yield service


@contextmanager
def running(process: subprocess.Popen[str]) -> Iterator[Service]:
    """A service that was started, once it is ready."""
    try:
        assert process.stdout
        yield Service(process, process.stdout.readline() + process.stdout.readline())
    finally:
        process.kill()
        process.communicate()


def assert_refuses_to_start(*options: str) -> str:
    """One clear line and status 1. Returns the line."""
    process = start_service(*options)
    out, err = process.communicate(timeout=TIMEOUT_S)  # until no process has them open any more
    assert process.returncode == 1
    assert out == ""
    (line,) = [line for line in err.splitlines() if " INFO " not in line]
    assert line.startswith("error: ")
    return line


def wait_until(condition: Callable[[], Any]) -> None:
    deadline = time.monotonic() + TIMEOUT_S
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)
