"""Faults around a running service: a full disk, a read-only one, models that disappear, a clock that jumps."""

from __future__ import annotations

import ast
import asyncio
import subprocess
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import ROOT
from tests.support.constant_model import write_version
from tests.support.pictures import encode
from tests.support.service import CANNOT_WRITE, TWO_WORKERS, Service, serving, wait_until
from tests.support.steady_client import SteadyClient, steady_load
from tests.support.traffic import Response, post, send

# The whole file system but shared memory is read-only, as in a hardened container.
READ_ONLY = (
    *("unshare", "--mount", "bash", "-c"),
    'mount --make-rprivate / && mount --bind / / && mount -o remount,ro,bind / && exec "$0" "$@"',
)


def may_mount() -> bool:
    try:
        return subprocess.run([*READ_ONLY, "true"], capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        return False


def refusals(service: Service) -> list[str]:
    return [refused["reason"] for refused in service.get("/health")[1]["refused"]]


def assert_answered(clients: list[SteadyClient]) -> None:
    """Each client gets 20 more responses, and none has failed."""
    before = [client.answered for client in clients]
    wait_until(lambda: all(client.answered > count + 20 for client, count in zip(clients, before, strict=True)))
    assert [client.failures for client in clients] == [[]] * len(clients)


def test_full_disk_fails_no_request() -> None:
    with serving("--device", "cpu", within=CANNOT_WRITE) as service, steady_load(service) as clients:
        assert_answered(clients)


@pytest.mark.skipif(not may_mount(), reason="mounting is not permitted")
def test_several_workers_start_and_serve_where_nothing_can_be_written() -> None:
    with serving(*TWO_WORKERS, within=READ_ONLY) as service:
        service.wait_for_two_workers()
        with steady_load(service) as clients:
            assert_answered(clients)
    written = subprocess.run([*READ_ONLY, "touch", ROOT / "README.md"], capture_output=True, check=False)
    assert b"Read-only file system" in written.stderr


def test_models_folder_that_disappears_is_reported_and_loaded_models_stay(tmp_path: Path) -> None:
    folder, elsewhere = tmp_path / "models", tmp_path / "elsewhere"
    write_version(folder / "digits", 7)  # predicts a seven for every image
    options = ("--models", str(folder), "--model-poll-seconds", "0.05", "--device", "cpu")
    with serving(*options) as service, steady_load(service) as clients:
        folder.rename(elsewhere)
        wait_until(lambda: refusals(service))
        assert_answered(clients)
        assert service.get("/health/ready")[0] == 200
        elsewhere.rename(folder)
        wait_until(lambda: not refusals(service))
        assert_answered(clients)


def test_huge_pictures_leave_no_memory_behind() -> None:
    """Photos of 6 and of 24 megapixels between small ones, four at a time."""
    photo = np.full((4000, 6000, 3), 230, np.uint8)
    photo[1000:3000, 2900:3100] = 20
    pictures = [encode(photo), encode(photo[::20, ::20]), encode(photo[::2, ::2])]
    responses: list[Response] = []
    with serving("--device", "cpu") as service:
        before = service.resident_kb()
        requests = [post("/predict", picture) for picture in pictures * 4]
        asyncio.run(send(service.port, requests, lambda _, response: responses.append(response), connections=4))
        after = service.resident_kb()
    print(f"memory {before} kB, later {after} kB")
    assert {response.status for response in responses} == {200}
    assert after < before + 35_000


def names_used(file: Path) -> set[str]:
    """Every `module.name` in the file."""
    nodes = ast.walk(ast.parse(file.read_text()))
    return {
        f"{node.value.id}.{node.attr}"
        for node in nodes
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)
    }


def test_wall_clock_decides_nothing_and_so_may_jump() -> None:
    """Log lines, traces, the audit log and kept corrections have the time: of these the day, and how old a rest is."""
    used: dict[str, set[str]] = {}
    for file in (ROOT / "app").rglob("*.py"):
        for name in names_used(file):
            used.setdefault(name, set()).add(file.relative_to(ROOT / "app").as_posix())
    assert "time.perf_counter" in used
    assert used.keys().isdisjoint({"datetime.utcnow", "date.today"})
    assert used["time.time"] == {"corrections/folder.py"}
    assert used["datetime.now"] == {"corrections/folder.py", "audit/log.py"}
    assert used["time.gmtime"] == {"observability/logs.py"}
    assert used["time.time_ns"] == {"observability/tracing.py"}
