from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import server
from benchmarks.peer import Peer
from benchmarks.results import Results, Row
from benchmarks.wrk import Timing
from tests.support.fake_peer import fake_peer

MACHINE = {
    "cpu": "A",
    "cores": 2,
    "memory_gb": 8,
    "system": "S",
    "python": "3",
    "load_generator": "wrk",
    "commit": "c",
    "date": "today",
    "load_before": 0.1,
    "busy": False,
    "versions": {"it": {"it": "1.0"}},
}


@pytest.fixture(autouse=True)
def logs_in_tmp_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "LOGS", tmp_path / "log")
    monkeypatch.setattr(server, "ROOT", tmp_path)


@pytest.fixture
def peer(tmp_path: Path) -> Peer:
    return fake_peer(tmp_path / "server.py", shift=0)


@pytest.fixture
def results() -> Results:
    """Three rounds of the service and of another server, and a server that was left out."""
    ours = Row("png", 1, "digits", "requests/s", 1, ours=True, timings=[timing(100), timing(400), timing(300)])
    other = Row("png", 1, "it", "requests/s", 1, timings=[timing(50), timing(100), timing(300, failed=7)])
    excluded = Row("png", 1, "out", "requests/s", 1, exclusion="its accuracy is only 10.0% on 256 digits")
    return Results(MACHINE, 3, 1, [excluded, other, ours])


def timing(requests: int, failed: int = 0) -> Timing:
    return Timing(requests, 1.0, 2.0, 3.0, 4.0, {"status": failed})
