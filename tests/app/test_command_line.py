"""python -m app: what it prints, and how it refuses to start."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from app import __version__
from app.__main__ import main
from app.audit.log import open_log
from app.audit.record import Act
from app.audit.verify import verify_log
from app.inference.cuda import cuda_problem
from tests.conftest import ROOT
from tests.support.service import TIMEOUT_S, TWO_WORKERS, assert_refuses_to_start, serving


def test_version_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit_:
        main(["--version"])
    assert exit_.value.code == 0
    assert capsys.readouterr().out == f"digits {__version__}\n"


def test_printed_curl_line_reads_a_seven() -> None:
    with serving() as service:
        line = service.welcome.splitlines()[1].strip()
        assert line.startswith("curl ")
        response = subprocess.run(["bash", "-c", line], capture_output=True, check=True, timeout=TIMEOUT_S)
        assert json.loads(response.stdout)["predictions"][0]["digit"] == 7


def test_auto_says_which_device_it_uses() -> None:
    device = "cuda" if cuda_problem() is None else "cpu"
    with serving("--device", "auto") as service:
        assert f"({device})" in service.welcome
        assert service.get("/health")[1]["device"] == device
        assert {model["device"] for model in service.get("/models")[1]["models"]} == {device}
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
    assert_refuses_to_start(*options)


def threads_after_import(**environment: str) -> int:
    code = "import app.__main__, os; print(len(os.listdir('/proc/self/task')))"
    clean = {name: value for name, value in os.environ.items() if name != "OPENBLAS_NUM_THREADS"}
    command = [sys.executable, "-c", code]
    counted = subprocess.run(command, cwd=ROOT, env=clean | environment, capture_output=True, text=True, check=True)
    return int(counted.stdout)


@pytest.mark.skipif(sys.platform != "linux", reason="counts threads in /proc")
def test_openblas_starts_no_threads_unless_the_environment_asks_for_them() -> None:
    by_default = threads_after_import()
    assert by_default == threads_after_import(OPENBLAS_NUM_THREADS="1")
    if (os.cpu_count() or 1) > 1:
        assert threads_after_import(OPENBLAS_NUM_THREADS="2") > by_default


def test_an_audit_log_is_checked_on_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "audit.log"
    open_log(path).append(Act("load", "digits/8", "done"))
    assert main(["verify-audit", str(path)]) == 0
    line = capsys.readouterr().out
    last_hash = line.split()[-1]
    assert line == f"intact: 2 records; last hash {last_hash}\n"
    assert main(["verify-audit", str(path), "--expect", last_hash.upper()]) == 0
    assert main(["verify-audit", str(path), "--expect", "1" * 64]) == 1
    assert "truncated" in capsys.readouterr().out
    path.write_bytes(path.read_bytes().replace(b"digits/8", b"digits/9", 1).replace(b"start", b"stop!", 1))
    assert main(["verify-audit", str(path)]) == 1
    assert capsys.readouterr().out == f"{path}: line 1 is changed: it is not a record\n"


@pytest.mark.parametrize("name", ["API_KEYS", "API_KEYS_FILE", "METRICS_PORT", "WORKERS", "UNKNOWN", "DEVICE"])
def test_a_key_is_made_whatever_the_variables_of_the_service_say(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    monkeypatch.setenv(f"DIGITS_{name}", "null")
    assert main(["key"]) == 0
    assert "digest" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("API_KEYS", "bad"), ("API_KEYS_FILE", "/missing"), ("METRICS_PORT", "x"), ("CORS_ORIGINS", "null")),
        *(("MAX_QUEUE_SIZE", "8"), ("CORRECTIONS", "/tmp")),
    ],
)
def test_pictures_are_read_whatever_the_variables_of_the_server_say(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(f"DIGITS_{name}", value)
    assert main(["predict", str(ROOT / "app/web/static/seven.png")]) == 0


@pytest.mark.parametrize(("name", "value"), [("DEVICE", "gpu"), ("MAX_PIXLES", "1000"), ("MODELS", "null")])
def test_pictures_are_not_read_with_wrong_variables_of_reading(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str, value: str
) -> None:
    monkeypatch.setenv(f"DIGITS_{name}", value)
    assert main(["predict", str(ROOT / "app/web/static/seven.png")]) == 1
    assert f"DIGITS_{name}" in capsys.readouterr().err


def test_an_audit_log_that_is_not_there_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify-audit", str(tmp_path / "none")]) == 1
    assert capsys.readouterr().err.count("\n") == 1


def test_the_service_does_not_start_without_the_audit_log_it_is_to_write(tmp_path: Path) -> None:
    assert_refuses_to_start("--audit-log", str(tmp_path / "missing" / "audit.log"))


def test_workers_write_one_audit_log_from_start_to_stop(tmp_path: Path) -> None:
    path = tmp_path / "audit.log"
    with serving(*TWO_WORKERS, "--audit-log", str(path)) as service:
        service.wait_for_two_workers()
    acts = [json.loads(line)["act"] for line in path.read_bytes().splitlines()]
    assert verify_log(path).records == len(acts)
    assert (acts.count("start"), acts.count("stop")) == (2, 2)
    assert acts.count("load") >= 2
