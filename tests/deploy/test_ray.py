"""deploy/ray on a local Ray: the service in a replica, and folders of pictures."""

from __future__ import annotations

import contextlib
import functools
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import pyarrow as pa
import pytest
from prometheus_client.parser import text_string_to_metric_families

from app.picture_search import PictureSearch
from app.settings import Settings
from deploy.ray import read
from tests.conftest import NEWEST, ROOT
from tests.support.service_process import free_port

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Ray's processes are ended by signals")
slow = pytest.mark.slow  # Ray's own processes take 10 s to start and to end
SEVEN = (ROOT / "app/web/static/seven.png").read_bytes()
SECONDS = 240
T = TypeVar("T")
# No word to Ray's makers, no daemon on other addresses than the loopback's, and a busy machine is no failure.
QUIET = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
    "RAY_raylet_start_wait_time_s": "120",
}


# --- Ray Serve --------------------------------------------------------------------------------------------------------


class RunningService(NamedTuple):
    address: str
    ray_folder: Path


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningService]:
    """Started as people start it, on a free port."""
    port, folder = free_port(), tmp_path_factory.mktemp("serve")
    application = {"name": "digits", "route_prefix": "/", "import_path": "deploy.ray.service:app"}
    options = {"host": "127.0.0.1", "port": port}
    (folder / "config.yaml").write_text(json.dumps({"http_options": options, "applications": [application]}))
    command: list[str | Path] = [Path(sys.executable).parent / "serve", "run", folder / "config.yaml"]
    settings = {
        "DIGITS_DEFAULT_MODEL": "digits-mlp",
        "DIGITS_LOG_FORMAT": "json",
        "DIGITS_ACCESS_LOG": "true",
        "DIGITS_MAX_BODY_BYTES": "1000000",
        "DIGITS_TIMEOUT_MS": "60000",
    }
    with tempfile.TemporaryDirectory(prefix="r") as ray_folder:  # pytest's own path is too long for sockets
        environment = os.environ | QUIET | settings | {"RAY_TMPDIR": ray_folder}
        process = subprocess.Popen(command, cwd=ROOT, env=environment)
        try:
            wait_until_ready(f"http://127.0.0.1:{port}", process)
            yield RunningService(f"http://127.0.0.1:{port}", Path(ray_folder))
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


@slow
def test_another_replica_is_started_under_load_and_the_metrics_of_both_add_up(service: RunningService) -> None:
    """The first of the tests that send pictures: it counts them all."""
    processes: set[int] = set()
    deadline = time.monotonic() + SECONDS
    sent = 0
    with ThreadPoolExecutor(64) as callers:
        while len(processes) < 2 and time.monotonic() < deadline:
            answers = list(callers.map(lambda _: ask(service.address + "/predict", SEVEN)[0], range(640)))
            assert set(answers) == {200}
            sent += len(answers)
            processes |= {ask(service.address + "/health")[1]["pid"] for _ in range(10)}
    assert len(processes) == 2
    wait_for(lambda: requests_in_metrics(service) == sent)
    assert requests_in_metrics(service) == sent


def requests_in_metrics(service: RunningService) -> int:
    """Requests to /predict, over all replicas, as Prometheus finds them at Ray."""
    found = next(service.ray_folder.rglob("prom_metrics_service_discovery.json"))
    targets = {target for group in json.loads(found.read_text()) for target in group["targets"]}
    count = 0.0
    for target in targets:
        with contextlib.suppress(OSError), urllib.request.urlopen(f"http://{target}/metrics", timeout=10) as answer:
            for family in text_string_to_metric_families(answer.read().decode()):
                if family.name == "ray_digits_request_seconds_count":
                    count += sum(sample.value for sample in family.samples if sample.labels["route"] == "/predict")
    return int(count)


@slow
def test_replica_answers_as_the_service_does(service: RunningService) -> None:
    status, answer = ask(service.address + "/predict", SEVEN)
    assert (status, answer["predictions"][0]["digit"]) == (200, 7)
    assert answer["model"]["name"] == "digits-mlp"  # its settings came along
    status, problem = ask(service.address + "/predict", b"no picture")
    assert (status, problem["type"]) == (415, "urn:digits:problem:unsupported-picture")


@slow
def test_limits_of_the_service_hold_in_a_replica(service: RunningService) -> None:
    status, problem = ask(service.address + "/predict", bytes(1_000_001))
    assert (status, problem["type"]) == (413, "urn:digits:problem:body-too-large")


@slow
def test_request_has_one_id_in_the_response_and_in_the_log(service: RunningService) -> None:
    request = urllib.request.Request(service.address + "/predict", SEVEN, {"X-Request-ID": "from-the-client-1"})
    with urllib.request.urlopen(request, timeout=SECONDS) as answer:
        assert answer.headers.get_all("X-Request-ID") == ["from-the-client-1"]
    with urllib.request.urlopen(service.address + "/predict", SEVEN, timeout=SECONDS) as answer:
        (generated,) = answer.headers.get_all("X-Request-ID")
    for request_id in ("from-the-client-1", generated):
        line = wait_for(functools.partial(lines_with, service.ray_folder, request_id))[0]
        entry = json.loads(line)
        assert (entry["request_id"], entry["path"], entry["status"]) == (request_id, "/predict", 200)


def lines_with(ray_folder: Path, text: str) -> list[bytes]:
    """Of the replicas' own logs: Ray passes on only a selection."""
    logs = set(ray_folder.rglob("worker-*.err"))
    return [line for log in logs for line in log.read_bytes().splitlines() if text.encode() in line]


def wait_for(function: Callable[[], T]) -> T:
    deadline = time.monotonic() + SECONDS
    while not (result := function()) and time.monotonic() < deadline:
        time.sleep(0.2)
    return result


# --- Ray Data ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def scans(tmp_path: Path) -> Path:
    """150 sevens in a subfolder, a damaged picture, a hidden one, a PDF and a text."""
    folder = tmp_path / "scans"
    (folder / "more").mkdir(parents=True)
    for index in range(150):
        (folder / "more" / f"{index}.PNG").write_bytes(SEVEN)
    (folder / "damaged.jfif").write_bytes(SEVEN[:100])
    (folder / "._damaged.png").write_bytes(b"hidden")
    (folder / "letter.pdf").write_bytes(b"")
    (folder / "notes.txt").write_text("no picture, and not meant to be one")
    return folder


def start_job(*arguments: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "deploy.ray.read", *map(str, arguments)],
        cwd=ROOT,
        env=os.environ | QUIET,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def run_job(*arguments: object) -> tuple[int, str, str]:
    with start_job(*arguments) as process:
        out, err = process.communicate(timeout=SECONDS)
    return process.returncode, out, err


def read_rows(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for file in sorted(folder.glob("[!.]*.jsonl")) for line in file.read_text().splitlines()]


@slow
def test_job_that_is_killed_goes_on_and_no_picture_has_two_rows(scans: Path, tmp_path: Path) -> None:
    arguments = (scans, "--out", tmp_path / "rows", "--format", "jsonl", "--rows-per-file", 10)
    with start_job(*arguments) as process:
        wait_for(lambda: list((tmp_path / "rows").glob("[!.]*.jsonl")) or process.poll() is not None)
        process.kill()
    finished = {file: file.stat().st_mtime_ns for file in (tmp_path / "rows").glob("[!.]*.jsonl")}
    assert finished
    (scans / "later.png").write_bytes(SEVEN)
    status, out, err = run_job(*arguments)
    assert status == 3, err  # one picture is damaged
    assert out.splitlines()[-1].startswith("151 pictures read, 1 could not be read")
    assert "not read, because their formats are not supported: 1 PDF" in err
    rows = {Path(row["file"]).name: row for row in read_rows(tmp_path / "rows")}
    assert len(rows) == len(read_rows(tmp_path / "rows")) == 152
    assert {row["digit"] for name, row in rows.items() if name != "damaged.jfif"} == {7}
    assert "damaged" in rows["damaged.jfif"]["error"]
    assert {(row["model"], row["version"]) for row in rows.values()} == {("digits", int(NEWEST))}
    assert {file: file.stat().st_mtime_ns for file in finished} == finished  # not read again


def test_finished_job_needs_no_ray(scans: Path, tmp_path: Path) -> None:
    """What is finished is known from the output alone."""
    output = read.Output(str(tmp_path / "rows"), "csv", 1000)
    reader = read.Reader(Settings(device="cpu"), output)
    search = PictureSearch([scans])
    reader(columns(read.find_pictures([], search)))
    assert read.main([str(scans), "--out", str(tmp_path / "rows"), "--format", "csv"]) == 3


def columns(pictures: list[read.Picture]) -> dict[str, Any]:
    return dict(zip(read.Picture._fields, map(list, zip(*pictures, strict=True)), strict=True))


@pytest.mark.parametrize("row_format", ["parquet", "csv", "jsonl"])
def test_rows_are_found_again_whatever_a_file_is_called(tmp_path: Path, row_format: str) -> None:
    scans = tmp_path / "scans"
    scans.mkdir()
    names = [b"caf\xe9.png", b"two\nlines.png", b'a,"b".png', "数字.png".encode(), b".hidden.png"]
    for name in names:
        (scans / os.fsdecode(name)).write_bytes(SEVEN)
    output = read.Output(str(tmp_path / "rows"), row_format, 1000)
    pictures = read.find_pictures([], PictureSearch([scans]))
    read.Reader(Settings(device="cpu"), output)(columns(pictures))
    assert output.finished() == {
        str(scans / name) for name in ("caf\\xe9.png", "two\nlines.png", 'a,"b".png', "数字.png")
    }
    rows = output.rows().to_table()
    assert rows.schema == read.ROW
    assert rows["digit"].to_pylist() == [7] * 4


def test_part_that_is_read_twice_has_one_file(scans: Path, tmp_path: Path) -> None:
    """Ray repeats a part whose actor has died, perhaps after it wrote the file."""
    output = read.Output(str(tmp_path / "rows"), "jsonl", 1000)
    reader = read.Reader(Settings(device="cpu"), output)
    part = columns(read.find_pictures([], PictureSearch([scans])))
    assert reader(part) == reader(part) == {"rows": [151]}
    assert len(read_rows(tmp_path / "rows")) == 151


def test_file_that_could_not_be_written_whole_is_no_output(
    scans: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fill_disk(rows: object, file: pa.NativeFile) -> None:
        file.write(b'{"file": "a"')
        raise OSError(28, "No space left on device")

    monkeypatch.setitem(read.WRITERS, "jsonl", fill_disk)
    output = read.Output(str(tmp_path / "rows"), "jsonl", 1000)
    with pytest.raises(OSError, match="No space left"):
        read.Reader(Settings(device="cpu"), output)(columns(read.find_pictures([], PictureSearch([scans]))))
    assert output.finished() == set()


def test_folder_of_a_remote_file_system_is_read_as_a_local_one_is(scans: Path, tmp_path: Path) -> None:
    output = read.Output(str(tmp_path / "rows"), "jsonl", 1000)
    search = PictureSearch([])
    pictures = read.find_pictures([f"file://{scans}"], search)
    assert len(pictures) == 151
    assert search.unsupported == {".pdf": 1}
    (scans / "more/0.PNG").unlink()  # between the listing and the reading
    read.Reader(Settings(device="cpu"), output)(columns(pictures))
    errors = {Path(row["file"]).name: row["error"] for row in read_rows(tmp_path / "rows") if row["error"]}
    assert errors.keys() == {"0.PNG", "damaged.jfif"}
    assert "cannot be read" in errors["0.PNG"]


def test_disk_that_fails_is_no_property_of_a_picture(
    scans: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The job fails, and reads the picture again when it is started again."""

    def fail(*_: object) -> bytes:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(read, "read_content", fail)
    output = read.Output(str(tmp_path / "rows"), "jsonl", 1000)
    with pytest.raises(OSError, match="Input/output error"):
        read.Reader(Settings(device="cpu"), output)(columns(read.find_pictures([], PictureSearch([scans]))))
    assert output.finished() == set()


@pytest.mark.parametrize(
    ("arguments", "error"), [(["missing"], "missing does not exist"), (["s3:/typo"], "s3:/typo does not exist")]
)
def test_folder_that_does_not_exist_is_an_error_of_one_line(
    tmp_path: Path, arguments: list[str], error: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert read.main([*arguments, "--out", str(tmp_path)]) == 1
    assert capsys.readouterr().err.splitlines()[-1].endswith(error)
