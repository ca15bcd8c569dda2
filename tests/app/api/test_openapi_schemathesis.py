"""schemathesis sends a real process what its OpenAPI document allows and what it forbids; all its checks pass."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.support.service import serving

CONFIGURATION = ROOT / "tests/app/schemathesis.toml"


REPRODUCIBLE = ("--seed", "0", "--max-examples", "3", "--phases", "examples,coverage,fuzzing")
TEN_MINUTES = ("--max-time", "600", "--max-examples", "1000")  # each run takes other examples
BY_FASTAPI = ("--header", "Origin: http://a.page")  # such requests do not take the fast path


@pytest.mark.parametrize(
    "options",
    [
        REPRODUCIBLE,
        pytest.param(TEN_MINUTES, marks=pytest.mark.slow),
        pytest.param(TEN_MINUTES + BY_FASTAPI, marks=pytest.mark.slow),
    ],
    ids=" ".join,
)
def test_responses_are_as_documented(tmp_path: Path, options: tuple[str, ...]) -> None:
    with serving("--device", "cpu", "--log-level", "error") as service:
        command = [
            *(sys.executable, "-m", "schemathesis.cli", "--config-file", str(CONFIGURATION)),
            *("run", service.address + "/openapi.json", "--no-color", "--request-timeout", "60", *options),
        ]
        run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert run.returncode == 0, run.stdout[-10_000:] + run.stderr
        assert service.get("/health/ready")[0] == 200
        service.process.terminate()
        assert service.process.stderr
        log = service.process.stderr.read()
    print(run.stdout[run.stdout.index("= SUMMARY =") :])
    assert "Traceback" not in log
