"""deploy/ray on a local Ray: the service in a replica, and folders of pictures."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT
from tests.support.service_process import free_port

pytestmark = [
    pytest.mark.slow,  # Ray's own processes take 10 s to start and to end
    pytest.mark.skipif(sys.platform == "win32", reason="Ray's processes are ended by signals"),
]
SECONDS = 240
# No word to Ray's makers, no daemon on other addresses than the loopback's, and a busy machine is no failure.
QUIET = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
    "RAY_raylet_start_wait_time_s": "120",
}


# --- Ray Serve --------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of the service, started as people start it, on a free port."""
    port = free_port()
    config = tmp_path_factory.mktemp("serve") / "config.yaml"
    application = {"name": "digits", "route_prefix": "/", "import_path": "deploy.ray.service:app"}
    options = {"host": "127.0.0.1", "port": port}
    config.write_text(json.dumps({"http_options": options, "applications": [application]}))
    command: list[str | Path] = [Path(sys.executable).parent / "serve", "run", config]
    environment = os.environ | QUIET | {"DIGITS_DEFAULT_MODEL": "digits-mlp"}
    process = subprocess.Popen(command, cwd=ROOT, env=environment)
    try:
        wait_until_ready(f"http://127.0.0.1:{port}", process)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(SECONDS)


def wait_until_ready(address: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(OSError), urllib.request.urlopen(address + "/health/ready", timeout=5):
            return
        time.sleep(0.2)
    pytest.fail("Ray Serve did not start")


def ask(address: str, body: bytes | None = None) -> tuple[int, Any]:
    try:
        with urllib.request.urlopen(address, body, timeout=SECONDS) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def test_replica_answers_as_the_service_does(address: str) -> None:
    picture = (ROOT / "app/web/static/seven.png").read_bytes()
    status, answer = ask(address + "/predict", picture)
    assert (status, answer["predictions"][0]["digit"]) == (200, 7)
    assert answer["model"]["name"] == "digits-mlp"  # its settings came along
    status, problem = ask(address + "/predict", b"no picture")
    assert (status, problem["type"]) == (415, "urn:digits:problem:unsupported-picture")


def test_another_replica_is_started_where_there_is_more_to_do_than_one_can(address: str) -> None:
    picture = (ROOT / "app/web/static/seven.png").read_bytes()
    processes: set[int] = set()
    deadline = time.monotonic() + SECONDS
    with ThreadPoolExecutor(64) as callers:
        while len(processes) < 2 and time.monotonic() < deadline:
            answers = list(callers.map(lambda _: ask(address + "/predict", picture)[0], range(640)))
            assert set(answers) == {200}
            processes |= {ask(address + "/health")[1]["pid"] for _ in range(10)}
    assert len(processes) == 2


# --- Ray Data ---------------------------------------------------------------------------------------------------------


def read(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "deploy.ray.read", *map(str, arguments)]
    return subprocess.run(
        command, cwd=ROOT, env=os.environ | QUIET, capture_output=True, text=True, check=False, timeout=SECONDS
    )


def test_folders_of_pictures_are_read_and_what_is_unreadable_is_told(tmp_path: Path) -> None:
    scans = tmp_path / "scans"
    (scans / "more").mkdir(parents=True)
    picture = (ROOT / "app/web/static/seven.png").read_bytes()
    for index in range(150):
        (scans / "more" / f"{index}.PNG").write_bytes(picture)
    (scans / "damaged.png").write_bytes(picture[:100])
    (scans / "notes.txt").write_text("no picture, and not meant to be one")
    run = read(scans, "--out", tmp_path / "readings", "--format", "jsonl")
    assert run.returncode == 1, run.stderr
    assert run.stdout.splitlines()[-1].startswith("150 pictures read, 1 could not be read")
    files = (tmp_path / "readings").glob("*.json")
    rows = {Path(row["file"]).name: row for file in files for row in map(json.loads, file.read_text().splitlines())}
    assert len(rows) == 151
    assert {row.get("digit") for name, row in rows.items() if name != "damaged.png"} == {7}
    assert "damaged" in rows["damaged.png"]["error"]


@pytest.mark.parametrize("layout", ["parquet", "csv"])
def test_rows_are_written_in_the_form_asked_for(tmp_path: Path, layout: str) -> None:
    import pandas as pd

    run = read(ROOT / "app/web/static", "--out", tmp_path, "--format", layout)
    assert run.returncode == 0, run.stderr
    (file,) = tmp_path.glob(f"*.{layout}")
    table = pd.read_parquet(file) if layout == "parquet" else pd.read_csv(file)
    assert list(table.columns) == ["file", "digit", "confidence", "accepted", "error"]
    assert table["digit"].tolist() == [7]
