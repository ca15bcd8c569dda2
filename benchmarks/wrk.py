"""The load generator: wrk, in C, so that it is faster than every server it loads."""

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

from benchmarks.peer import NotComparable

SCRIPT = Path(__file__).with_name("cycle.lua")


@dataclass(frozen=True)
class Load:
    clients: int  # connections, each with one request at a time
    seconds: int
    cores: str  # of wrk, as `taskset -c` takes them


@dataclass(frozen=True)
class Timing:
    """One measurement. Responses of status 400 or more count as errors and not as requests.

    The field names are members of results.json.
    """

    requests: int
    seconds: float
    p50_ms: float
    p90_ms: float
    p99_ms: float
    errors: dict[str, int]  # their number by kind; kind "silence" is 1 if no request was answered

    @property
    def per_second(self) -> float:
        return self.requests / self.seconds

    @property
    def failed(self) -> int:
        return sum(self.errors.values())


def find() -> str:
    """The path of wrk. Raises `FileNotFoundError` if it is not installed."""
    path = shutil.which("wrk")
    if not path:
        raise FileNotFoundError("wrk is missing: install the package wrk (make bench does)")
    return path


def version() -> str:
    # The exit status of -v is 1.
    output = subprocess.run([find(), "-v"], capture_output=True, text=True, check=False).stdout
    return output.split("[")[0].strip()


def measure(port: int, requests_file: Path, load: Load) -> Timing:
    """Raises `NotComparable` if wrk itself fails."""
    with start(port, requests_file, load) as process:
        out, err = process.communicate(timeout=load.seconds + 60)
    if process.returncode or not out.strip():
        raise NotComparable(f"wrk failed: {err.strip() or out.strip()}")
    return parse(out)


@contextmanager
def start(port: int, requests_file: Path, load: Load) -> Iterator[subprocess.Popen[str]]:
    """Yields a running wrk, which is killed if it still runs at the end of the block."""
    command = ["taskset", "-c", load.cores, find(), "-t1", f"-c{load.clients}", f"-d{load.seconds}s"]
    command += ["--timeout", "10s", "-s", str(SCRIPT), f"http://127.0.0.1:{port}/"]
    environment = {**os.environ, "BENCH_REQUESTS": str(requests_file)}
    process = subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


def parse(output: str) -> Timing:
    """Reads the last line, which cycle.lua prints after wrk's own report."""
    report: dict[str, Any] = json.loads(output.strip().splitlines()[-1])
    report["requests"] -= report["errors"]["status"]  # wrk counts responses of every status
    report["errors"]["silence"] = int(report["requests"] == 0)
    return Timing(**report)
