"""What the start of the service says."""

from __future__ import annotations

import logging
import subprocess
from pathlib import Path

import pytest

from app.environment import Origin
from app.server.startup import log_start
from app.settings import Settings
from tests.support.api_keys import digest_of
from tests.support.service import TIMEOUT_S, start_service, wait_until


def logged(caplog: pytest.LogCaptureFixture, settings: Settings, **origins: Origin) -> str:
    with caplog.at_level(logging.INFO):
        log_start(settings, origins)
    return caplog.text


def test_settings_in_force_are_logged_with_their_places(caplog: pytest.LogCaptureFixture) -> None:
    text = logged(
        caplog, Settings(workers=2, port=9000), workers=Origin("DIGITS_WORKERS", "2"), port=Origin("--port", "")
    )
    assert "port 9000 (--port), workers 2 (DIGITS_WORKERS)" in text


def test_digests_are_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    digest = digest_of("key")
    text = logged(caplog, Settings(api_keys=(digest,), admin_keys=(digest,)))
    assert digest not in text
    assert "api_keys (digests: 1)" in text
    assert "everyone may call" not in text


def test_service_without_keys_says_that_everyone_may_call(caplog: pytest.LogCaptureFixture) -> None:
    assert "no API keys: everyone may call" in logged(caplog, Settings())


def test_limits_are_logged_with_their_owners(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.server.startup.memory_limit", lambda: (2**29, "control group"))
    monkeypatch.setattr("app.server.startup.cpu_quota", lambda: 0.5)
    monkeypatch.setattr("app.server.startup.usable_cores", lambda: 1)
    text = logged(caplog, Settings())
    assert "512 MiB (of the control group)" in text
    assert "cores 1 (quota of the control group: 0.5)" in text


def test_service_links_are_one_line(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DIGITS_PORT", "tcp://10.0.0.1:8000")
    monkeypatch.setenv("DIGITS_SERVICE_HOST", "10.0.0.1")
    assert "DIGITS_PORT, DIGITS_SERVICE_HOST" in logged(caplog, Settings())


@pytest.mark.parametrize("redirection", ["| head -c 1", "> /dev/full", "2>&1 | head -1"])
def test_service_outlives_the_reader_of_its_output(tmp_path: Path, redirection: str) -> None:
    path = tmp_path / "socket"
    shell = f'"$0" "$@" {redirection}; exit ${{PIPESTATUS[0]}}'
    process = start_service("--uds", str(path), within=("bash", "-c", shell))
    try:
        wait_until(path.exists)
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        wait_until(lambda: answers(path))
        subprocess.run(["kill", children[0]], check=True)
        assert process.wait(TIMEOUT_S) == 0
    finally:
        process.kill()
        process.communicate()


def answers(path: Path) -> bool:
    curl = ["curl", "-s", "--unix-socket", str(path), "http://localhost/health/live"]
    return subprocess.run(curl, capture_output=True, check=False).stdout == b'{"status":"alive"}'
