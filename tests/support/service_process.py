"""The service as a process of its own, for the tests that talk to it over the network."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import ROOT

START_SECONDS = 60


@contextlib.contextmanager
def serving(
    folder: Path, *options: str, port: int | None = None, program: tuple[str, ...] = ("-m", "app")
) -> Iterator[str]:
    """Runs the service with the committed models, on a free port unless one is given. Its log goes to `folder`.

    `program`: Python's arguments that start it. Yields its address.
    """
    port = port or free_port()
    log = folder / "log"
    command = [sys.executable, *program, "serve", "--host", "127.0.0.1", "--port", str(port), "--drain-seconds", "0"]
    with log.open("wb") as file:
        process = subprocess.Popen(
            [*command, "--models", str(ROOT / "models"), *options], cwd=ROOT, stdout=file, stderr=subprocess.STDOUT
        )
    try:
        address = f"http://127.0.0.1:{port}/"
        wait_until_ready(address, process, log)
        yield address
    finally:
        process.terminate()
        process.wait(START_SECONDS)


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def wait_until_ready(address: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(urllib.error.URLError), urllib.request.urlopen(f"{address}health/ready", timeout=5):
            return
        time.sleep(0.1)
    pytest.fail(f"the service did not start:\n{log.read_text()}")
