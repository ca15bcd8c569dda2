"""The load generator: wrk, in C, so that it is never slower than the server."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.peer import NoComparison

SCRIPT = Path(__file__).with_name("cycle.lua")


@dataclass(frozen=True)
class Load:
    """How hard, for how long, and from which cores."""

    clients: int
    seconds: int
    cores: str


@dataclass(frozen=True)
class Timing:
    """What came of it. An answer of status 400 or more is an error and no request; so is a time without an answer."""

    requests: int
    seconds: float
    p50_ms: float
    p90_ms: float
    p99_ms: float
    errors: dict[str, int]

    @property
    def per_second(self) -> float:
        return self.requests / self.seconds

    @property
    def failed(self) -> int:
        return sum(self.errors.values())


def find() -> str:
    """Where wrk is. Raises `FileNotFoundError`."""
    found = shutil.which("wrk")
    if not found:
        raise FileNotFoundError("wrk is missing: install the package wrk (make bench does)")
    return found


def version() -> str:
    said = subprocess.run([find(), "-v"], capture_output=True, text=True, check=False).stdout
    return said.split("[")[0].strip()


def measure(port: int, requests: Path, load: Load) -> Timing:
    """Raises `NoComparison` where wrk itself fails."""
    with started(port, requests, load) as process:
        out, err = process.communicate(timeout=load.seconds + 60)
    if process.returncode or not out.strip():
        raise NoComparison(f"wrk failed: {err.strip() or out.strip()}")
    return parse(out)


@contextmanager
def started(port: int, requests: Path, load: Load) -> Iterator[subprocess.Popen[str]]:
    """A wrk that runs, and does not outlive the block."""
    command = ["taskset", "-c", load.cores, find(), "-t1", f"-c{load.clients}", f"-d{load.seconds}s"]
    command += ["--timeout", "10s", "-s", str(SCRIPT), f"http://127.0.0.1:{port}/"]
    environment = {**os.environ, "BENCH_REQUESTS": str(requests)}
    process = subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


def parse(printed: str) -> Timing:
    """wrk prints its own report first; our line is the last."""
    said: dict[str, Any] = json.loads(printed.strip().splitlines()[-1])
    said["requests"] -= said["errors"]["status"]  # wrk counts every answer
    said["errors"]["silence"] = int(said["requests"] == 0)
    return Timing(**said)
