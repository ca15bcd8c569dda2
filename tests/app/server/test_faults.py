"""What goes wrong around a service while it serves: a full disk, one that may not be written, models that go away."""

from __future__ import annotations

import ast
import asyncio
import subprocess
from pathlib import Path

import numpy as np
import pytest

from tests.app.conftest import encode
from tests.app.server.test_load import resident_kb
from tests.app.server.test_serve import CANNOT_WRITE, Service, serving, until
from tests.app.server.test_supervisor import TWO, Client, load, wait_for_two
from tests.conftest import ROOT
from tests.support.constant_model import write_version
from tests.support.traffic import Answer, post, send

# The whole file system, but for the memory's, as in a container that may not write its own.
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
    return [each["reason"] for each in service.get("/health")[1]["refused"]]


def assert_answered(clients: list[Client]) -> None:
    """From now on as before, and never with a failure."""
    before = [client.answered for client in clients]
    until(lambda: all(client.answered > count + 20 for client, count in zip(clients, before, strict=True)))
    assert [client.failures for client in clients] == [[]] * len(clients)


def test_disk_that_is_full_concerns_no_request() -> None:
    with serving("--device", "cpu", within=CANNOT_WRITE) as service, load(service) as clients:
        assert_answered(clients)


@pytest.mark.skipif(not may_mount(), reason="may not mount")
def test_several_workers_start_and_serve_where_nothing_can_be_written() -> None:
    with serving(*TWO, within=READ_ONLY) as service:
        wait_for_two(service)
        with load(service) as clients:
            assert_answered(clients)
    written = subprocess.run([*READ_ONLY, "touch", ROOT / "README.md"], capture_output=True, check=False)
    assert b"Read-only file system" in written.stderr


def test_models_folder_that_goes_away_is_told_and_what_was_loaded_goes_on(tmp_path: Path) -> None:
    folder, elsewhere = tmp_path / "models", tmp_path / "elsewhere"
    write_version(folder / "digits", 7)  # reads a seven in everything
    options = ("--models", str(folder), "--model-poll-seconds", "0.05", "--device", "cpu")
    with serving(*options) as service, load(service) as clients:
        folder.rename(elsewhere)
        until(lambda: refusals(service))
        assert_answered(clients)
        assert service.get("/health/ready")[0] == 200
        elsewhere.rename(folder)
        until(lambda: not refusals(service))
        assert_answered(clients)


def test_huge_pictures_leave_no_memory_behind() -> None:
    """Photos of 6 and of 24 megapixels in turn with small ones, four at a time."""
    photo = np.full((4000, 6000, 3), 230, np.uint8)
    photo[1000:3000, 2900:3100] = 20
    pictures = [encode(photo), encode(photo[::20, ::20]), encode(photo[::2, ::2])]
    answers: list[Answer] = []
    with serving("--device", "cpu") as service:
        port = int(service.address.rsplit(":", 1)[1])
        before = resident_kb(service)
        requests = [post("/predict", each) for each in pictures * 4]
        asyncio.run(send(port, requests, lambda _, answer: answers.append(answer), connections=4))
        after = resident_kb(service)
    print(f"memory {before} kB, later {after} kB")
    assert {answer.status for answer in answers} == {200}
    assert after < before + 35_000


def names_used(file: Path) -> set[str]:
    """What is written as module.name."""
    nodes = ast.walk(ast.parse(file.read_text()))
    return {
        f"{node.value.id}.{node.attr}"
        for node in nodes
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)
    }


def test_clock_on_the_wall_decides_nothing_and_so_may_jump() -> None:
    """The log's own lines alone have its time, which a record brings with it."""
    used = {name: file for file in (ROOT / "app").rglob("*.py") for name in names_used(file)}
    assert "time.perf_counter" in used
    assert used.keys().isdisjoint({"time.time", "time.time_ns", "datetime.now", "datetime.utcnow", "date.today"})
    assert used["time.gmtime"] == ROOT / "app/logs.py"
