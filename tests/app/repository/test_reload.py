"""Real processes under load while versions come, go and are damaged: no request fails, none is answered by another."""

from __future__ import annotations

import http.client
import json
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
from tests.support.pictures import encode
from tests.support.service import Service, serving, wait_until

WATCHING = ("--device", "cpu", "--default-model", "m", "--model-poll-seconds", "0.05", "--drain-seconds", "0")
SEVEN = (ROOT / "app/web/static/seven.png").read_bytes()
LARGE = encode(
    np.pad(np.kron(np.eye(7, dtype=np.uint8)[::-1] * 255, np.ones((40, 40), np.uint8)), 70)
)  # prepared in a thread


@dataclass
class Caller:
    """One connection that asks again and again which version answers, and looks whether it is that one's answer."""

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
        assert version >= newest, "a version that had gone"
        self.answered += 1
        return version


@contextmanager
def under_load(service: Service) -> Iterator[list[Caller]]:
    callers = [Caller(service, picture) for picture in (SEVEN, LARGE) * 2]
    threads = [threading.Thread(target=each.run) for each in callers]
    for thread in threads:
        thread.start()
    try:
        yield callers
    finally:
        for each in callers:
            each.stop.set()
        for thread in threads:
            thread.join()


def cut(folder: Path) -> None:
    """As if it were still being copied, the manifest first."""
    graph = (folder / GRAPH_FILE).read_bytes()
    (folder / GRAPH_FILE).write_bytes(graph[: len(graph) // 2])


def without_manifest(folder: Path) -> None:
    (folder / MANIFEST_FILE).unlink()


def of_another_shape(folder: Path) -> None:
    shutil.rmtree(folder)
    write_version(folder.parent, int(folder.name), graph_of(3, classes=11))


def of_nonsense(folder: Path) -> None:
    shutil.rmtree(folder)
    write_version(folder.parent, int(folder.name), b"nonsense" * 1000)


DAMAGES: list[Callable[[Path], None]] = [cut, without_manifest, of_another_shape, of_nonsense]


def served(service: Service) -> list[int]:
    return [each["version"] for each in service.get("/health")[1]["models"]]


def refused(service: Service) -> list[str]:
    return [each["entry"] for each in service.get("/health")[1]["refused"]]


def come_damaged(service: Service, elsewhere: Path, family: Path, version: int) -> None:
    """Is refused, and goes again."""
    made = write_version(elsewhere / family.name, version)
    DAMAGES[version // 4 % len(DAMAGES)](made)
    folder = made.rename(family / str(version))
    wait_until(lambda: refused(service) == [str(version)])
    shutil.rmtree(folder)
    wait_until(lambda: not refused(service))


@pytest.mark.parametrize("reloads", [16, pytest.param(200, marks=pytest.mark.slow)])
def test_versions_are_exchanged_under_load_without_a_request_lost(tmp_path: Path, reloads: int) -> None:
    family = tmp_path / "models/m"
    (tmp_path / "elsewhere/m").mkdir(parents=True)
    write_version(family, 1)
    options = ("--models", str(family.parent), "--version-policy", "latest:1", "--log-level", "warning")
    with serving(*options, *WATCHING) as service:
        with under_load(service) as callers:
            sound, resident = 1, []
            for version in range(2, reloads + 2):
                if version % 4 == 0:
                    come_damaged(service, tmp_path / "elsewhere", family, version)
                    assert served(service) == [sound]
                else:
                    write_version(family, version)
                    wait_until(lambda version=version: served(service) == [version])
                    shutil.rmtree(family / str(sound))
                    sound = version
                resident.append(service.resident_kb())
        log = stopped(service)
    before, after = resident[len(resident) // 2], resident[-1]
    print(f"{sum(each.answered for each in callers)} answers; memory {before} kB, {after} kB in the end")
    assert not [wrong for each in callers for wrong in each.wrong]
    assert min(each.answered for each in callers) > 10
    assert after < before + 10_000  # a session that stays takes 1,000
    assert "Traceback" not in log
    assert log.count(" refused: ") >= reloads // 4


def stopped(service: Service) -> str:
    """What it logged, once it has ended as it should."""
    service.process.terminate()
    assert service.process.wait(60) == 0
    assert service.process.stderr
    return service.process.stderr.read()


def test_each_of_several_workers_takes_new_versions_and_labels(tmp_path: Path) -> None:
    family = tmp_path / "m"
    write_version(family, 1)
    with serving("--models", str(tmp_path), "--workers", "2", *WATCHING) as service:
        write_version(family, 2)
        (family / LABELS_FILE).write_text('{"canary": 2}')
        told: dict[int, list[str]] = {}

        def both_told() -> bool:
            health = service.get("/health")[1]
            told[health["pid"]] = [f"{each['version']} {each['labels']}" for each in health["models"]]
            return list(told.values()) == [["1 []", "2 ['canary']"]] * 2

        wait_until(both_told)


def test_version_of_the_same_number_is_exchanged_by_two_renames(tmp_path: Path) -> None:
    """What a deployment does that keeps its number: requests are answered by the one or by the other."""
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
