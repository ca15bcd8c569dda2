"""Processes under load while versions are added, removed and damaged: every answer is that of its own version."""

from __future__ import annotations

import http.client
import json
import os
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from app.repository.manifest import GRAPH_FILE, MANIFEST_FILE
from app.repository.version_folders import LABELS_FILE
from tests.conftest import ROOT
from tests.support.constant_model import graph_of, write_version
from tests.support.odd_graphs import endless
from tests.support.pictures import encode
from tests.support.service import TIMEOUT_S, Service, serving, wait_until

WATCHING = ("--device", "cpu", "--default-model", "m", "--model-poll-seconds", "0.05", "--drain-seconds", "0")
SEVEN = (ROOT / "app/web/static/seven.png").read_bytes()
LARGE = encode(
    np.pad(np.kron(np.eye(7, dtype=np.uint8)[::-1] * 255, np.ones((40, 40), np.uint8)), 70)
)  # prepared in a thread


@dataclass
class Caller:
    """One connection that keeps sending a picture and checks that the version named in the answer has predicted it."""

    service: Service
    picture: bytes
    answered: int = 0
    wrong: list[str] = field(default_factory=list)
    stop: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        connection = self.service.connect()
        newest = 0
        while not self.stop.is_set():
            try:
                newest = self.ask(connection, newest)
            except (OSError, http.client.HTTPException, KeyError, AssertionError) as error:
                self.wrong.append(repr(error))
                break
        connection.close()

    def ask(self, connection: http.client.HTTPConnection, newest: int) -> int:
        connection.request("POST", "/predict", self.picture)
        with connection.getresponse() as answer:
            body = json.load(answer)
        version: int = body["model"]["version"]
        assert answer.status == 200
        assert body["predictions"][0]["digit"] == version % 10, "another version's answer"
        assert version >= newest, "a version that was removed"
        self.answered += 1
        return version


@contextmanager
def under_load(service: Service) -> Iterator[list[Caller]]:
    callers = [Caller(service, picture) for picture in (SEVEN, LARGE) * 2]
    threads = [threading.Thread(target=caller.run) for caller in callers]
    for thread in threads:
        thread.start()
    try:
        yield callers
    finally:
        for caller in callers:
            caller.stop.set()
        for thread in threads:
            thread.join()


def cut_graph(folder: Path) -> None:
    """As while it is being copied, the manifest first."""
    graph = (folder / GRAPH_FILE).read_bytes()
    (folder / GRAPH_FILE).write_bytes(graph[: len(graph) // 2])


def remove_manifest(folder: Path) -> None:
    (folder / MANIFEST_FILE).unlink()


def write_another_shape(folder: Path) -> None:
    shutil.rmtree(folder)
    write_version(folder.parent, int(folder.name), graph_of(3, classes=11))


def write_nonsense(folder: Path) -> None:
    shutil.rmtree(folder)
    write_version(folder.parent, int(folder.name), b"nonsense" * 1000)


DAMAGES: list[Callable[[Path], None]] = [cut_graph, remove_manifest, write_another_shape, write_nonsense]


def served(service: Service) -> list[int]:
    return [model["version"] for model in service.get("/health")[1]["models"]]


def refused(service: Service) -> list[str]:
    return [refusal["entry"] for refusal in service.get("/health")[1]["refused"]]


def add_sound(service: Service, family: Path, version: int) -> None:
    """Adds a version and waits until it alone is served."""
    write_version(family, version)
    wait_until(lambda: served(service) == [version])


def add_damaged(service: Service, elsewhere: Path, family: Path, version: int) -> None:
    """Adds a damaged version, waits until it is refused for good, and removes it."""
    made = write_version(elsewhere / family.name, version)
    DAMAGES[version // 4 % len(DAMAGES)](made)
    folder = made.rename(family / str(version))
    wait_until(lambda: refused(service) == [str(version)])
    wait_until(lambda: service.metric(f'digits_model_refused{{entry="{version}",model="m"}}') == 1)
    shutil.rmtree(folder)
    wait_until(lambda: not refused(service))


@pytest.mark.parametrize("reloads", [16, pytest.param(200, marks=pytest.mark.slow)])
def test_versions_are_reloaded_under_load_without_losing_a_request(tmp_path: Path, reloads: int) -> None:
    family = tmp_path / "models/m"
    (tmp_path / "elsewhere/m").mkdir(parents=True)
    write_version(family, 1)
    options = ("--models", str(family.parent), "--version-policy", "latest:1", "--log-level", "warning")
    with serving(*options, *WATCHING) as service:
        with under_load(service) as callers:
            sound, resident = 1, []
            for version in range(2, reloads + 2):
                if version % 4 == 0:
                    add_damaged(service, tmp_path / "elsewhere", family, version)
                    assert served(service) == [sound]
                else:
                    add_sound(service, family, version)
                    shutil.rmtree(family / str(sound))
                    sound = version
                resident.append(service.resident_kb())
        log = log_after_shutdown(service)
    before, after = resident[len(resident) // 2], resident[-1]
    print(f"{sum(caller.answered for caller in callers)} answers; memory {before} kB, {after} kB in the end")
    assert not [wrong for caller in callers for wrong in caller.wrong]
    assert min(caller.answered for caller in callers) > 10
    assert after < before + 10_000  # a session that is not freed takes 1,000
    assert "Traceback" not in log
    assert log.count(" refused: ") >= reloads // 4


def log_after_shutdown(service: Service) -> str:
    """Its log, after a graceful shutdown."""
    service.process.terminate()
    assert service.process.wait(60) == 0
    assert service.process.stderr
    return service.process.stderr.read()


def test_every_worker_loads_new_versions_and_labels(tmp_path: Path) -> None:
    family = tmp_path / "m"
    write_version(family, 1)
    with serving("--models", str(tmp_path), "--version-policy", "all", "--workers", "2", *WATCHING) as service:
        write_version(family, 2)
        (family / LABELS_FILE).write_text('{"canary": 2}')
        models: dict[int, list[str]] = {}  # by process

        def both_have_loaded() -> bool:
            health = service.get("/health")[1]
            models[health["pid"]] = [f"{model['version']} {model['labels']}" for model in health["models"]]
            return list(models.values()) == [["1 []", "2 ['canary']"]] * 2

        wait_until(both_have_loaded)


def test_version_is_replaced_under_the_same_number_by_two_renames(tmp_path: Path) -> None:
    """As a deployment does that keeps the number: requests are answered by the old graph or by the new one."""
    family = tmp_path / "models/m"
    write_version(family, 1)
    other = write_version(tmp_path / "elsewhere/m", 1, graph_of(8))
    with serving("--models", str(family.parent), *WATCHING) as service:
        (family / "1").rename(tmp_path / "old")
        other.rename(family / "1")
        connection = service.connect()

        def digit() -> int:
            connection.request("POST", "/predict", SEVEN)
            with connection.getresponse() as answer:
                assert answer.status == 200
                return int(json.load(answer)["predictions"][0]["digit"])

        wait_until(lambda: digit() == 8)
        connection.close()


def test_stuck_files_and_graphs_hang_nothing_and_the_process_ends(tmp_path: Path) -> None:
    """A pipe that nobody writes to in place of each file, and a graph whose run never ends."""
    family = tmp_path / "m"
    write_version(family, 1)
    write_version(tmp_path / "endless", 1, endless())
    with serving("--models", str(tmp_path), "--load-timeout-seconds", "0.5", *WATCHING) as service:
        os.mkfifo(family / LABELS_FILE)
        for version, name in ((2, MANIFEST_FILE), (3, GRAPH_FILE)):
            path = write_version(family, version) / name
            path.unlink()
            os.mkfifo(path)
        os.mkfifo(tmp_path / "pipe")
        wait_until(lambda: sorted(refused(service)) == ["1", "2", "3", LABELS_FILE])
        for route in ("/health/ready", "/v2/models/stats", "/v2/models/m/ready"):
            assert service.get(route)[0] == 200
        connection = service.connect()
        for route, body in (("/predict", SEVEN), ("/explain", SEVEN), ("/v2/repository/index", b"")):
            connection.request("POST", route, body)
            with connection.getresponse() as answer:
                assert answer.status == 200
                answer.read()
        connection.close()
        write_version(family, 4)
        wait_until(lambda: served(service) == [4])
        service.process.terminate()
        assert service.process.wait(TIMEOUT_S) == 0
