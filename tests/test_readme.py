"""What the README shows works when it is typed."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.app.server.test_serve import Service, serving
from tests.conftest import ROOT

README = (ROOT / "README.md").read_text()
CURLS = re.findall(r"^    (curl .*)$", README, re.MULTILINE)
PYTHON = re.findall(r"^```python\n(.*?)^```", README, re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def service() -> Iterator[Service]:
    with serving("--device", "cpu") as service:
        yield service


def run(command: list[str], service: Service, folder: Path) -> str:
    """As it is written, but for the port."""
    here = [each.replace("http://localhost:8000", service.address) for each in command]
    return subprocess.run(here, cwd=folder, capture_output=True, text=True, check=True, timeout=60).stdout


def test_curl_lines_read_sevens(service: Service, tmp_path: Path) -> None:
    fetch, *asks = CURLS
    run(["bash", "-c", fetch], service, tmp_path)
    answers = [json.loads(run(["bash", "-c", each], service, tmp_path)) for each in asks]
    assert [digits_in(answer) for answer in answers] == [[7], [7, 7], [7], [7], [7], [7]]


def digits_in(answer: dict[str, Any]) -> list[int]:
    """What our own API, V1 or V2 read."""
    if "outputs" in answer:
        return [int(each.split(":")[2]) for each in answer["outputs"][0]["data"]]
    rows = answer.get("predictions") or answer["digits"]
    return [each["digit"] if isinstance(each, dict) else each.index(max(each)) for each in rows]


def test_answer_shown_has_the_members_of_a_real_one(service: Service, tmp_path: Path) -> None:
    fetch, ask, *_ = CURLS
    run(["bash", "-c", fetch], service, tmp_path)
    real = json.loads(run(["bash", "-c", ask], service, tmp_path))
    shown = json.loads(re.findall(r"^```json\n(.*?)^```", README, re.MULTILINE | re.DOTALL)[0])
    assert list(shown) == list(real)
    assert list(shown["predictions"][0]) == list(real["predictions"][0])
    assert shown["model"] == real["model"]


def test_python_lines_read_a_seven(service: Service, tmp_path: Path) -> None:
    run(["bash", "-c", CURLS[0]], service, tmp_path)
    (code,) = PYTHON
    assert run([sys.executable, "-c", code], service, tmp_path).strip() == "7"


def test_training_commands_are_options_that_exist() -> None:
    for verb, options in re.findall(r"python -m training (\w+) ([^#\n`]*)", README):
        if verb == "VERB":
            continue
        helped = subprocess.run(
            [sys.executable, "-m", "training", verb, "--help"], cwd=ROOT, capture_output=True, text=True, check=True
        ).stdout
        for option in re.findall(r"--[a-z-]+", options):
            assert option in helped
