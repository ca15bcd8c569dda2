"""Hostile clients of ten kinds at once, beside a service that may take 512 MiB."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.support.hostile_clients import besiege
from tests.support.service import serving, wait_until

SECONDS = 60
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
