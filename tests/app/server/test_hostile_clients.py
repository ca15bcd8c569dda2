"""Hostile clients of ten kinds at once, beside a service that may take 512 MiB."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.support.hostile_clients import besiege, mix_command
from tests.support.service import serving, wait_until

SECONDS = 60
MIXES = int(os.environ.get("HOSTILE_MIXES", "5"))
TIMEOUT_S = 2.0
DRAIN_S = 0.5
SHUTDOWN_S = 2
MEMORY_MIB = 512


def memory_mib(pid: int, field: str) -> float:
    found = re.search(rf"^{field}:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)
    assert found
    return int(found[1]) / 1024


@pytest.mark.slow
def test_service_keeps_its_memory_and_serves_the_others_beside_hostile_clients() -> None:
    """Its peak stays below its limit, and half a minute later the memory is given back."""
    with serving("--device", "cpu", "--memory-bytes", str(MEMORY_MIB * 2**20)) as service:
        report = besiege(service.port, SECONDS)
        peak = memory_mib(service.process.pid, "VmHWM")
        print(report, f"peak {peak:.0f} MiB")
        assert set(report.statuses) == {200}
        assert peak < MEMORY_MIB
        wait_until(lambda: memory_mib(service.process.pid, "VmRSS") < 200)
        assert service.get("/health")[1]["status"] == "ready"


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(MIXES))
def test_requests_are_answered_within_their_deadline_and_the_service_ends_within_its_own(seed: int) -> None:
    """Half a second over the deadline, and a second over the end, are for the way to the client and the processes."""
    options = [
        "--timeout-ms",
        f"{TIMEOUT_S * 1000:g}",
        "--drain-seconds",
        f"{DRAIN_S}",
        "--shutdown-seconds",
        f"{SHUTDOWN_S}",
    ]
    with serving("--device", "cpu", "--memory-bytes", str(MEMORY_MIB * 2**20), *options) as service:
        seconds = json.loads(subprocess.check_output(mix_command(service.port, seed), cwd=ROOT))
        print({name: round(max(times), 2) for name, times in seconds.items()})
        others = subprocess.Popen(mix_command(service.port, seed + 1000), cwd=ROOT, stdout=subprocess.DEVNULL)
        time.sleep(2)
        service.process.send_signal(signal.SIGTERM)
        began = time.monotonic()
        service.process.wait(30)
        ended = time.monotonic() - began
        others.kill()
        others.wait()
        print(f"ended after {ended:.2f} s")
    assert max(max(times) for times in seconds.values()) < TIMEOUT_S + 0.5
    assert ended < DRAIN_S + SHUTDOWN_S + 1
