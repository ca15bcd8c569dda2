"""python -m app serve --workers 2, as processes: shared, replaced, restarted one by one, stopped together."""

from __future__ import annotations

import http.client
import os
import re
import shutil
import signal
import subprocess
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.app.server.test_serve import SECONDS, Service, serving, start, until
from tests.conftest import NEWEST, PREVIOUS, ROOT

SEVEN = (ROOT / "app/web/static/seven.png").read_bytes()
TWO = ("--workers", "2", "--device", "cpu")


def pids(service: Service) -> set[int]:
    """Of the workers that answer, each asked over connections of their own."""
    return {service.get("/health")[1]["pid"] for _ in range(20)}


def wait_for_two(service: Service) -> set[int]:
    seen: set[int] = set()

    def two() -> bool:
        seen.clear()
        seen.update(pids(service))
        return len(seen) == 2

    until(two)
    return seen


class Client(threading.Thread):
    """Asks again and again over one connection, and makes a new one only when the server has said that it closes."""

    def __init__(self, service: Service) -> None:
        super().__init__()
        host, port = service.address.removeprefix("http://").split(":")
        self.connection = http.client.HTTPConnection(host, int(port), timeout=SECONDS)
        self.enough = threading.Event()
        self.answered = 0
        self.pid: int | None = None  # whom the connection leads to
        self.failures: list[tuple[int | None, Exception]] = []
        self.refused = False  # a new connection, when nobody listens any more

    def run(self) -> None:
        while not self.enough.wait(0.002):
            try:
                if self.connection.sock is None:
                    self.pid = None
                    self.connection.connect()
            except ConnectionRefusedError:
                self.refused = True
                return
            try:
                self.ask()
            except (OSError, http.client.HTTPException) as error:
                self.failures.append((self.pid, error))
                self.connection.close()

    def ask(self) -> None:
        self.connection.request("POST", "/predict", SEVEN)
        answer = self.connection.getresponse()
        assert b'"digit":7' in answer.read()
        self.answered += 1
        if answer.getheader("connection") != "close" and self.pid is None:
            self.connection.request("GET", "/health")
            answer = self.connection.getresponse()
            self.pid = int(re.findall(rb'"pid":(\d+)', answer.read())[0])
        if answer.getheader("connection") == "close":
            self.connection.close()


@contextmanager
def load(service: Service, clients: int = 4) -> Iterator[list[Client]]:
    """Once each client has had an answer."""
    running = [Client(service) for _ in range(clients)]
    for client in running:
        client.start()
    try:
        until(lambda: all(client.answered and client.pid for client in running))
        yield running
    finally:
        for client in running:
            client.enough.set()
            client.join(SECONDS)
            client.connection.close()


def counted(service: Service, sample: str) -> float:
    with urllib.request.urlopen(service.address + "/metrics", timeout=SECONDS) as answer:
        text = answer.read().decode()
    found = re.search(rf"^{re.escape(sample)} (\S+)$", text, re.MULTILINE)
    return float(found[1]) if found else 0.0


def metrics_folder(worker: int) -> Path:
    variables = Path(f"/proc/{worker}/environ").read_bytes().split(b"\0")
    (folder,) = [each.partition(b"=")[2] for each in variables if each.startswith(b"PROMETHEUS_MULTIPROC_DIR=")]
    return Path(os.fsdecode(folder))


HEALTH = 'digits_request_seconds_count{route="/health",status="200"}'
LOADED = f'digits_model_loaded{{device="cpu",model="digits",version="{NEWEST}"}}'


def test_metrics_of_all_workers_add_up_and_outlive_them() -> None:
    with serving(*TWO) as service:
        asked = 0
        seen: set[int] = set()
        while len(seen) < 2:
            seen.add(service.get("/health")[1]["pid"])
            asked += 1
            assert asked < 1000
        until(lambda: counted(service, HEALTH) == asked)  # each hands on what it counted once a second
        assert {counted(service, HEALTH) for _ in range(20)} == {asked}
        assert counted(service, LOADED) == 2
        os.kill(seen.pop(), signal.SIGKILL)
        until(lambda: counted(service, LOADED) == 1)  # a dead worker has loaded nothing, though it has counted
        assert counted(service, HEALTH) == asked
        until(lambda: counted(service, LOADED) == 2)
        assert counted(service, HEALTH) == asked
        pid = service.get("/health")[1]["pid"]
        until(lambda: counted(service, HEALTH) == asked + 1)
        assert len(list(metrics_folder(pid).glob("histogram_*.db"))) == 2  # however many workers there were


@pytest.mark.parametrize("kills", [3, pytest.param(20, marks=pytest.mark.slow)])
def test_killed_worker_fails_no_request_of_the_other_and_is_replaced(kills: int) -> None:
    with serving(*TWO) as service:
        victims = set()
        with load(service) as clients:
            for _ in range(kills):
                victim = clients[0].pid
                assert victim
                victims.add(victim)
                began = time.monotonic()
                os.kill(victim, signal.SIGKILL)
                until(lambda: counted(service, LOADED) == 1)
                until(lambda: counted(service, LOADED) == 2)
                print(f"both serve again after {time.monotonic() - began:.1f} s")
                now = wait_for_two(service)
                assert victim not in now
                until(lambda: all(client.pid in now for client in clients))  # noqa: B023  # called at once
        assert {pid for client in clients for pid, _ in client.failures} == victims


def test_hung_worker_is_replaced() -> None:
    with serving(*TWO, "--worker-timeout-seconds", "2") as service:
        hung = wait_for_two(service).pop()
        os.kill(hung, signal.SIGSTOP)
        until(lambda: hung not in wait_for_two(service))


def test_restart_one_by_one_loses_no_request() -> None:
    with serving(*TWO) as service:
        before = wait_for_two(service)
        with load(service) as clients:
            service.process.send_signal(signal.SIGHUP)
            until(lambda: not before & {client.pid for client in clients})
            until(lambda: not before & wait_for_two(service))
            assert service.get("/health/ready")[0] == 200
        assert [client.failures for client in clients] == [[]] * len(clients)
        service.process.send_signal(signal.SIGINT)
        assert service.process.wait(SECONDS) == 0


def test_restart_that_cannot_start_leaves_the_old_workers(tmp_path: Path, models: Path) -> None:
    shutil.copytree(models / "digits" / PREVIOUS, tmp_path / "models/digits" / PREVIOUS)
    with serving(*TWO, "--models", str(tmp_path / "models")) as service:
        before = wait_for_two(service)
        shutil.rmtree(tmp_path / "models")
        service.process.send_signal(signal.SIGHUP)
        assert service.process.stderr
        line = next(each for each in service.process.stderr if " ERROR " in each)
        assert "the models folder" in line
        time.sleep(0.5)  # a worker told to go has gone by now
        assert wait_for_two(service) == before


@pytest.mark.parametrize(
    ("workers", "times"), [("1", 1), ("2", 1), *[pytest.param(each, 25, marks=pytest.mark.slow) for each in "12"]]
)
def test_sigterm_says_not_ready_then_loses_no_request_and_ends_with_0(workers: str, times: int) -> None:
    for _ in range(times):
        with (
            serving("--workers", workers, "--device", "cpu", "--drain-seconds", "2") as service,
            load(service) as clients,
        ):
            service.process.terminate()
            until(lambda: service.get("/health/ready")[0] == 503)
            assert [service.get("/health/ready")[0] for _ in range(20)] == [503] * 20
            before = [client.answered for client in clients]
            until(lambda: all(client.answered > count for client, count in zip(clients, before, strict=True)))  # noqa: B023
            assert service.process.wait(SECONDS) == 0
            until(lambda: all(client.refused for client in clients))
            assert [client.failures for client in clients] == [[]] * len(clients)


def test_ctrl_c_in_a_terminal_reaches_the_workers_once_and_ends_with_0() -> None:
    """A terminal interrupts the whole group; twice told, a worker would not wait for requests under way."""
    with serving(*TWO, new_group=True) as service:
        host, port = service.address.removeprefix("http://").split(":")
        connection = http.client.HTTPConnection(host, int(port), timeout=SECONDS)
        connection.putrequest("POST", "/predict")
        connection.putheader("Content-Length", str(len(SEVEN)))
        connection.endheaders(SEVEN[:100])
        time.sleep(0.3)  # its head has been read
        os.killpg(service.process.pid, signal.SIGINT)
        time.sleep(0.5)
        connection.send(SEVEN[100:])
        assert connection.getresponse().status == 200
        connection.close()
        assert service.process.wait(SECONDS) == 0


@pytest.mark.parametrize("options", [("--models", "nowhere"), ("--default-model", "letters")], ids=" ".join)
def test_refusal_to_start_is_one_line_for_all_workers(options: tuple[str, ...]) -> None:
    process = start(*TWO, *options)
    assert_refused(process)


def test_port_that_is_taken_is_one_line() -> None:
    with serving() as service:
        assert_refused(start(*TWO, "--port", service.address.rsplit(":", 1)[1]))


def assert_refused(process: subprocess.Popen[str]) -> None:
    out, err = process.communicate(timeout=SECONDS)  # until no process has them open any more
    assert process.returncode == 1
    assert out == ""
    (line,) = [each for each in err.splitlines() if " INFO " not in each]
    assert line.startswith("error: ")


def test_killed_parent_leaves_no_worker_and_no_file_behind() -> None:
    with serving(*TWO) as service:
        metrics = metrics_folder(wait_for_two(service).pop())
        assert metrics.is_dir()
        service.process.kill()
        service.process.communicate(timeout=SECONDS)  # until no process has its output open any more
        assert not metrics.exists()
