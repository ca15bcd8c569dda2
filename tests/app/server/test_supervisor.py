"""python -m app serve --workers 2, as processes: watched, replaced, restarted one by one, stopped together."""

from __future__ import annotations

import os
import shutil
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import NEWEST, PREVIOUS
from tests.support.service import TIMEOUT_S, TWO_WORKERS, Service, assert_refuses_to_start, serving, wait_until
from tests.support.steady_client import SEVEN, steady_load

HEALTH = 'digits_request_seconds_count{model="",route="/health",status="200",version=""}'
LOADED = f'digits_model_loaded{{device="cpu",model="digits",precision="float32",version="{NEWEST}"}}'


@pytest.fixture(scope="module")
def service() -> Iterator[Service]:
    """Two workers, for the tests that leave two behind: to start three processes takes seconds."""
    with serving(*TWO_WORKERS) as service:
        yield service


def metrics_folder(worker: int) -> Path:
    variables = Path(f"/proc/{worker}/environ").read_bytes().split(b"\0")
    (folder,) = [line.partition(b"=")[2] for line in variables if line.startswith(b"PROMETHEUS_MULTIPROC_DIR=")]
    return Path(os.fsdecode(folder))


def test_metrics_of_all_workers_add_up_and_outlive_them() -> None:
    with serving(*TWO_WORKERS) as service:
        asked = 0
        seen: set[int] = set()
        while len(seen) < 2:
            seen.add(service.get("/health")[1]["pid"])
            asked += 1
            assert asked < 1000
        wait_until(lambda: service.metric(HEALTH) == asked)  # each worker flushes its metrics once a second
        assert {service.metric(HEALTH) for _ in range(20)} == {asked}
        assert service.metric(LOADED) == 2
        os.kill(seen.pop(), signal.SIGKILL)
        wait_until(lambda: service.metric(LOADED) == 1)  # a dead worker has loaded nothing, but what it counted stays
        assert service.metric(HEALTH) == asked
        wait_until(lambda: service.metric(LOADED) == 2)
        assert service.metric(HEALTH) == asked
        pid = service.get("/health")[1]["pid"]
        wait_until(lambda: service.metric(HEALTH) == asked + 1)
        assert len(list(metrics_folder(pid).glob("histogram_*.db"))) == 2  # however many workers there were


def test_metrics_are_answered_while_a_worker_is_making_its_files(service: Service) -> None:
    """For a moment they are empty."""
    folder = metrics_folder(service.wait_for_two_workers().pop())
    (folder / "gauge_liveall_9.db").touch()
    (folder / "histogram_9.db").touch()
    assert service.metric(LOADED) == 2


@pytest.mark.parametrize("kills", [1, pytest.param(20, marks=pytest.mark.slow)])
def test_killed_worker_fails_no_request_of_the_other_and_is_replaced(service: Service, kills: int) -> None:
    victims = set()
    with steady_load(service) as clients:
        for _ in range(kills):
            victim = clients[0].pid
            assert victim
            victims.add(victim)
            killed_at = time.monotonic()
            os.kill(victim, signal.SIGKILL)
            wait_until(lambda: service.metric(LOADED) == 1)
            wait_until(lambda: service.metric(LOADED) == 2)
            print(f"both serve again after {time.monotonic() - killed_at:.1f} s")
            alive = service.wait_for_two_workers()
            assert victim not in alive
            wait_until(lambda: all(client.pid in alive for client in clients))  # noqa: B023  # called at once
    assert {pid for client in clients for pid, _ in client.failures} == victims


def test_hung_worker_is_replaced() -> None:
    with serving(*TWO_WORKERS, "--worker-timeout-seconds", "2") as service:
        hung = service.wait_for_two_workers().pop()
        os.kill(hung, signal.SIGSTOP)
        wait_until(lambda: hung not in service.wait_for_two_workers())


def test_restart_one_by_one_loses_no_request(service: Service) -> None:
    before = service.wait_for_two_workers()
    with steady_load(service) as clients:
        service.process.send_signal(signal.SIGHUP)
        wait_until(lambda: not before & {client.pid for client in clients})
        wait_until(lambda: not before & service.wait_for_two_workers())
        assert service.get("/health/ready")[0] == 200
    assert [client.failures for client in clients] == [[]] * len(clients)


def test_restart_that_cannot_start_leaves_the_old_workers(tmp_path: Path, models: Path) -> None:
    shutil.copytree(models / "digits" / PREVIOUS, tmp_path / "models/digits" / PREVIOUS)
    with serving(*TWO_WORKERS, "--models", str(tmp_path / "models")) as service:
        before = service.wait_for_two_workers()
        shutil.rmtree(tmp_path / "models")
        service.process.send_signal(signal.SIGHUP)
        assert service.process.stderr
        line = next(line for line in service.process.stderr if " ERROR " in line)
        assert "the models folder" in line
        time.sleep(0.5)  # a worker that was told to exit has done so by now
        assert service.wait_for_two_workers() == before
        service.process.send_signal(signal.SIGINT)
        assert service.process.wait(TIMEOUT_S) == 0


@pytest.mark.parametrize(
    ("workers", "times"), [("1", 1), ("2", 1), *[pytest.param(count, 25, marks=pytest.mark.slow) for count in "12"]]
)
def test_sigterm_says_not_ready_then_loses_no_request_and_ends_with_0(workers: str, times: int) -> None:
    for _ in range(times):
        with (
            serving("--workers", workers, "--device", "cpu", "--drain-seconds", "2") as service,
            steady_load(service) as clients,
        ):
            service.process.terminate()
            wait_until(lambda: service.get("/health/ready")[0] == 503)
            assert [service.get("/health/ready")[0] for _ in range(20)] == [503] * 20
            before = [client.answered for client in clients]
            wait_until(lambda: all(client.answered > count for client, count in zip(clients, before, strict=True)))  # noqa: B023
            assert service.process.wait(TIMEOUT_S) == 0
            wait_until(lambda: all(client.refused for client in clients))
            assert [client.failures for client in clients] == [[]] * len(clients)


def test_ctrl_c_in_a_terminal_reaches_the_workers_once_and_ends_with_0() -> None:
    """A terminal interrupts the whole group; after a second signal a worker would not wait for requests in progress."""
    with serving(*TWO_WORKERS, new_group=True) as service:
        connection = service.connect()
        connection.putrequest("POST", "/predict")
        connection.putheader("Content-Length", str(len(SEVEN)))
        connection.endheaders(SEVEN[:100])
        time.sleep(0.3)  # its head has been read
        os.killpg(service.process.pid, signal.SIGINT)
        time.sleep(0.5)
        connection.send(SEVEN[100:])
        assert connection.getresponse().status == 200
        connection.close()
        assert service.process.wait(TIMEOUT_S) == 0


@pytest.mark.parametrize(
    "options",
    [("--models", "nowhere"), pytest.param(("--default-model", "letters"), marks=pytest.mark.slow)],
    ids=" ".join,
)
def test_refusal_to_start_is_one_line_for_all_workers(options: tuple[str, ...]) -> None:
    assert_refuses_to_start(*TWO_WORKERS, *options)


def test_port_that_is_taken_is_one_line(service: Service) -> None:
    assert_refuses_to_start(*TWO_WORKERS, "--port", str(service.port))


def test_killed_supervisor_leaves_no_worker_and_no_file_behind() -> None:
    with serving(*TWO_WORKERS) as service:
        metrics = metrics_folder(service.wait_for_two_workers().pop())
        assert metrics.is_dir()
        service.process.kill()
        service.process.communicate(timeout=TIMEOUT_S)  # until no process has its output open any more
        assert not metrics.exists()


# --- the end ----------------------------------------------------------------------------------------------------------


def test_worker_that_stops_alone_leaves_the_port_open_for_the_others(service: Service) -> None:
    stopped = service.wait_for_two_workers().pop()
    os.kill(stopped, signal.SIGTERM)
    wait_until(lambda: not Path(f"/proc/{stopped}/status").exists())
    assert stopped not in service.pids()
    assert stopped not in service.wait_for_two_workers()


@pytest.mark.slow
def test_workers_drain_although_a_service_manager_signals_every_process() -> None:
    """As systemd does: the workers get SIGTERM from it, and from the supervisor once more."""
    with serving(*TWO_WORKERS, "--drain-seconds", "2") as service:
        for process in (*service.wait_for_two_workers(), service.process.pid):
            os.kill(process, signal.SIGTERM)
        wait_until(lambda: service.get("/health/ready")[0] == 503)
        time.sleep(0.5)
        assert service.get("/health/live")[0] == 200
        assert service.process.wait(TIMEOUT_S) == 0


def test_second_signal_ends_supervisor_and_workers_at_once() -> None:
    with serving(*TWO_WORKERS, "--drain-seconds", "600") as service:
        metrics = metrics_folder(service.wait_for_two_workers().pop())
        service.process.terminate()
        wait_until(lambda: service.get("/health/ready")[0] == 503)
        service.process.terminate()
        service.process.communicate(timeout=TIMEOUT_S)  # until no process has its output open any more
        assert service.process.returncode == 143
        assert not metrics.exists()


@pytest.mark.slow
def test_hung_worker_is_killed_when_the_service_has_to_end() -> None:
    with serving(*TWO_WORKERS, "--shutdown-seconds", "1") as service:
        hung = service.wait_for_two_workers().pop()
        os.kill(hung, signal.SIGSTOP)
        service.process.terminate()
        _, log = service.process.communicate(timeout=TIMEOUT_S)
        assert service.process.returncode == 1
        assert f"worker {hung} is killed" in log


@pytest.mark.slow
def test_sigterm_during_a_restart_ends_old_and_new_workers() -> None:
    with serving(*TWO_WORKERS) as service:
        children = Path(f"/proc/{service.process.pid}/task/{service.process.pid}/children")
        service.process.send_signal(signal.SIGHUP)
        wait_until(lambda: len(children.read_text().split()) == 3)
        service.process.terminate()
        service.process.communicate(timeout=TIMEOUT_S)  # until no process has its output open any more
        assert service.process.returncode == 0
