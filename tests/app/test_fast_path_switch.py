"""DIGITS_FAST_PATH=false: the tests of HTTP pass through FastAPI's layers too."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from app.main import create_app
from app.settings import Settings
from tests.conftest import ROOT

PREDICT = b"POST", b"/predict", {b"content-length": b"1"}  # eligible
QUICK = ("tests/app/http/test_auth.py", "tests/app/api/test_digits.py", "-k", "not accuracy and not polarity")
ALL = (
    "tests/app/api",
    "tests/app/codecs",
    "tests/app/http",
    "tests/app/observability",
    "tests/app/repository",
    "tests/app/server",
    "tests/app/test_main.py",
    "tests/app/test_privacy.py",
)


def test_fast_path_is_on_by_default_and_off_if_the_setting_says_so() -> None:
    assert create_app(Settings(fast_path=True)).fast_path.match(*PREDICT)
    assert create_app(Settings(fast_path=False)).fast_path.match(*PREDICT) is None
    assert Settings.model_fields["fast_path"].default is True


@pytest.mark.parametrize("tests", [QUICK, pytest.param(ALL, marks=pytest.mark.slow)], ids=["quick", "all"])
def test_http_tests_pass_without_the_fast_path(tests: tuple[str, ...]) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-m", "not slow and not gpu", *tests]
    run = subprocess.run(
        command, cwd=ROOT, env=environment | {"DIGITS_FAST_PATH": "false"}, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stdout
