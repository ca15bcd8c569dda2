"""python -m app serve, as a process: it starts or says why not, drains, and ends."""

from __future__ import annotations

import http.client
import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from app.inference.cuda import cuda_problem
from tests.conftest import ROOT

SECONDS = 60  # for what normally takes one or two


@dataclass
class Service:
    process: subprocess.Popen[str]
    welcome: str

    @property
    def address(self) -> str:
        found = re.search(r"http://\S+?:\d+", self.welcome)
        assert found
        return found[0]

    def get(self, path: str) -> tuple[int, Any]:
        try:
            with urllib.request.urlopen(self.address + path, timeout=SECONDS) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.load(error)


CANNOT_WRITE = ("bash", "-c", 'ulimit -f 0 && exec "$0" "$@"')  # to a file; to a pipe or a socket it can


def start(
    *options: str, within: Sequence[str] = (), new_group: bool = False, **environment: str
) -> subprocess.Popen[str]:
    """`within`: a command that runs the one after it. There is no drain unless asked for: 5 s of each test's end."""
    return subprocess.Popen(
        [*within, sys.executable, "-m", "app", "serve", "--port", "0", "--drain-seconds", "0", *options],
        cwd=ROOT,
        env=os.environ | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        process_group=0 if new_group else None,
    )


@contextmanager
def serving(
    *options: str, within: Sequence[str] = (), new_group: bool = False, **environment: str
) -> Iterator[Service]:
    process = start(*options, within=within, new_group=new_group, **environment)
    try:
        assert process.stdout
        yield Service(process, process.stdout.readline() + process.stdout.readline())
    finally:
        process.kill()
        process.communicate()


def test_printed_curl_line_reads_a_seven() -> None:
    with serving() as service:
        line = service.welcome.splitlines()[1].strip()
        assert line.startswith("curl ")
        answer = subprocess.run(["bash", "-c", line], capture_output=True, check=True, timeout=SECONDS)
        assert json.loads(answer.stdout)["predictions"][0]["digit"] == 7


def test_auto_says_which_device_it_uses() -> None:
    device = "cuda" if cuda_problem() is None else "cpu"
    with serving("--device", "auto") as service:
        assert f"({device})" in service.welcome
        assert service.get("/health")[1]["device"] == device
        assert {each["device"] for each in service.get("/models")[1]["models"]} == {device}
        service.process.terminate()
        assert service.process.stderr
        assert f" on {device}" in service.process.stderr.read()


@pytest.mark.skipif(cuda_problem() is None, reason="this machine has a GPU")
@pytest.mark.parametrize(
    "options",
    [("--device", "cuda"), ("--models", "nowhere"), ("--default-model", "letters"), ("--port", "70000")],
    ids=" ".join,
)
def test_refusal_to_start_is_one_clear_line_and_a_status(options: tuple[str, ...]) -> None:
    process = start(*options)
    out, err = process.communicate(timeout=SECONDS)
    assert process.returncode == 1
    assert out == ""
    (line,) = [each for each in err.splitlines() if " INFO " not in each]
    assert line.startswith("error: ")


def test_sigterm_says_not_ready_at_once_and_still_answers_until_drained() -> None:
    with serving("--drain-seconds", "2") as service:
        assert service.get("/health/ready")[0] == 200
        service.process.send_signal(signal.SIGTERM)
        until(lambda: service.get("/health/ready")[0] == 503)
        time.sleep(0.5)  # without a drain the socket is closed after 0.1 s
        assert service.get("/health/live")[0] == 200
        assert service.get("/models")[0] == 200
        assert service.process.wait(SECONDS) == 0


def test_answers_close_their_connections_while_draining_and_idle_ones_stay_open() -> None:
    with serving("--drain-seconds", "3") as service:
        kept = connect(service)
        assert ask(kept) == (200, None)
        service.process.send_signal(signal.SIGTERM)
        until(lambda: service.get("/health/ready")[0] == 503)
        time.sleep(0.5)  # a server that cuts idle connections has done so by now
        assert ask(kept) == (200, "close")
        assert service.process.wait(SECONDS) == 0


def test_connections_that_wait_to_be_accepted_at_the_end_are_answered() -> None:
    with serving("--drain-seconds", "0") as service:
        service.process.send_signal(signal.SIGSTOP)
        waiting = [connect(service) for _ in range(20)]
        for each in waiting:
            each.request("GET", "/health/live")
        service.process.send_signal(signal.SIGTERM)
        time.sleep(0.3)  # it will look at the signal before it has accepted them all
        service.process.send_signal(signal.SIGCONT)
        for each in waiting:
            assert each.getresponse().status == 200
            each.close()
        assert service.process.wait(SECONDS) == 0


def connect(service: Service) -> http.client.HTTPConnection:
    host, port = service.address.removeprefix("http://").split(":")
    connection = http.client.HTTPConnection(host, int(port), timeout=SECONDS)
    connection.connect()
    return connection


def ask(connection: http.client.HTTPConnection) -> tuple[int, str | None]:
    """The status, and what is said of the connection."""
    connection.request("GET", "/health/live")
    with connection.getresponse() as answer:
        answer.read()
        return answer.status, answer.getheader("connection")


def test_interrupt_does_not_wait_for_the_drain() -> None:
    with serving("--drain-seconds", "600") as service:
        service.process.send_signal(signal.SIGINT)
        assert service.process.wait(SECONDS) == 0


def test_request_under_way_is_answered_before_the_end(tmp_path: Path) -> None:
    """A body that is still arriving when the service is told to stop."""
    with serving("--drain-seconds", "0") as service:
        host, port = service.address.removeprefix("http://").split(":")
        curl = f"curl -s --limit-rate 200 --data-binary @{shlex.quote(str(ROOT / 'app/web/static/seven.png'))}"
        slow = subprocess.Popen(["bash", "-c", f"{curl} http://{host}:{port}/predict"], stdout=subprocess.PIPE)
        time.sleep(0.5)  # the first of its 317 bytes are on their way
        service.process.send_signal(signal.SIGTERM)
        out, _ = slow.communicate(timeout=SECONDS)
        assert json.loads(out)["predictions"][0]["digit"] == 7
        assert service.process.wait(SECONDS) == 0


def test_port_that_is_taken_is_said() -> None:
    with serving() as service:
        second = start("--port", service.address.rsplit(":", 1)[1])
        out, err = second.communicate(timeout=SECONDS)
        assert second.returncode == 1
        assert out == ""
        assert re.fullmatch(r"error: .*Address already in use\n", err)


def test_pictures_are_never_written_to_disk_or_log(tmp_path: Path) -> None:
    """A form of 3 MB, which a framework would spool to a file, sent to a process that may not write a byte to one."""
    picture = tmp_path / "secret-name.png"
    picture.write_bytes((ROOT / "app/web/static/seven.png").read_bytes() + bytes(3_000_000))
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    with serving("--log-level", "debug", within=CANNOT_WRITE, TMPDIR=str(scratch)) as service:
        form = ["curl", "-s", "-F", f"file=@{picture}", service.address + "/predict"]
        answer = subprocess.run(form, capture_output=True, check=True, timeout=SECONDS)
        assert json.loads(answer.stdout)["predictions"][0]["digit"] == 7
        service.process.send_signal(signal.SIGINT)
        assert service.process.stderr
        log = service.process.stderr.read()
    assert not list(scratch.iterdir())  # nor an empty file of a library's own
    assert "loaded digits" in log
    assert "secret-name" not in log


def until(condition: Any) -> None:
    deadline = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)
