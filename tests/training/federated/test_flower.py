"""With Flower's server and clients as real processes the result is that of one process."""

from __future__ import annotations

import errno
import importlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest

from tests.conftest import ROOT
from training.presets import FEDERATED
from training.runs import read_data, read_history

PYTHON = ROOT / ".cache/federated/bin/python"
OPTIONS = ("--clients", "2", "--epochs", "2", "--local-steps", "3", "--arch", "mlp", "--no-distortion")


def federate(*arguments: str, python: Path | str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(python), "-m", "training", "federate", *arguments],
        cwd=ROOT,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=900,
    )


@pytest.mark.slow
@pytest.mark.skipif(not PYTHON.exists(), reason="Flower is not installed: make federated")
@pytest.mark.skipif(not os.environ.get("MNIST_DIR"), reason="needs the training digits: set MNIST_DIR")
def test_processes_of_flower_train_what_one_process_trains(tmp_path: Path) -> None:
    for name, flower in (("flower", ["--flower"]), ("local", [])):
        done = federate(*OPTIONS, *flower, "--out", str(tmp_path / name), python=PYTHON)
        assert done.returncode == 0, done.stderr
        assert "deprecated" not in done.stderr
    ours, theirs = read_history(tmp_path / "local"), read_history(tmp_path / "flower")
    for column in ("loss", "val_loss"):
        got = [float(row[column]) for row in theirs]
        assert got == pytest.approx([float(row[column]) for row in ours], rel=1e-3)
    assert read_data(tmp_path / "local") == read_data(tmp_path / "flower")
    assert json.loads((tmp_path / "flower/config.json").read_text())["federated"]["clients"] == 2


@pytest.mark.slow
@pytest.mark.skipif(not PYTHON.exists(), reason="Flower is not installed: make federated")
@pytest.mark.skipif(not os.environ.get("MNIST_DIR"), reason="needs the training digits: set MNIST_DIR")
def test_a_client_that_is_killed_ends_the_run_with_one_line(tmp_path: Path) -> None:
    command = [str(PYTHON), "-m", "training", "federate", *OPTIONS, "--epochs", "5000", "--flower"]
    server = subprocess.Popen([*command, "--out", str(tmp_path / "run")], cwd=ROOT, stderr=subprocess.PIPE, text=True)
    wait_for((tmp_path / "run/history.csv").exists, server)
    client, other = children_of(server.pid)
    os.kill(client, signal.SIGKILL)
    _, errors = server.communicate(timeout=900)
    assert server.returncode == 1
    assert re.fullmatch(r"error: client \d has not answered in round \d+: see what it printed", errors.splitlines()[-1])
    assert not Path(f"/proc/{other}").exists()


def wait_for(condition: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + 900
    while not condition():
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.1)


def children_of(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


@pytest.fixture
def flower(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """Our module, where Flower may not be installed: nothing of it is called."""
    names = {
        "flwr": (),
        "flwr.client": ("NumPyClient", "start_client"),
        "flwr.common": ("FitIns", "GetPropertiesIns", "ndarrays_to_parameters", "parameters_to_ndarrays"),
        "flwr.server": ("History", "Server", "ServerConfig", "SimpleClientManager", "start_server"),
    }
    for name, members in names.items():
        module = ModuleType(name)
        module.__dict__.update(dict.fromkeys(members, object))
        monkeypatch.setitem(sys.modules, name, module)
    sys.modules.pop("training.federated.flower", None)
    yield importlib.import_module("training.federated.flower")
    del sys.modules["training.federated.flower"]


def test_no_client_outlives_the_failing_start_of_another(flower: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[subprocess.Popen[bytes]] = []
    start = subprocess.Popen

    def start_two(*_: object, **__: object) -> subprocess.Popen[bytes]:
        if len(started) == 2:
            raise BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable")
        started.append(start([sys.executable, "-c", "import time; time.sleep(600)"]))
        return started[-1]

    monkeypatch.setattr(subprocess, "Popen", start_two)
    with pytest.raises(BlockingIOError), flower.client_processes(FEDERATED, "127.0.0.1:1", None):
        pytest.fail("all clients were started")
    try:
        assert [process.poll() for process in started] == [-signal.SIGKILL] * 2
    finally:
        for process in started:
            process.kill()
            process.wait()


def test_without_flower_the_command_says_how_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Before it looks for MNIST or loads TensorFlow."""
    from training import __main__ as program
    from training.commands import making

    monkeypatch.setattr(making, "load_mnist", pytest.fail)
    assert program.main(["federate", "--flower", "--out", str(tmp_path / "run")]) == 1
    assert "make federated installs" in capsys.readouterr().err
