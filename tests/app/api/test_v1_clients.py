"""KServe's own client against a real process."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator

import numpy as np
import pytest

from tests.conftest import ROOT
from tests.support.service import TIMEOUT_S, Service, serving
from training.datasets.mnist import Digits

PYTHON = ROOT / ".cache/kserve" / ("Scripts" if os.name == "nt" else "bin") / "python"


@pytest.fixture(scope="module")
def service() -> Iterator[Service]:
    with serving("--device", "cpu") as service:
        yield service


@pytest.mark.parametrize("protocol", ["v1", "v2"])
def test_kserves_client_finds_the_service_ready_and_reads_digits(
    service: Service, test_digits: Digits, protocol: str
) -> None:
    assert PYTHON.exists(), "KServe's client is not installed: make .cache/kserve/stamp"
    process = subprocess.run(
        [PYTHON, ROOT / "tests/support/kserve_client.py", service.address, protocol, "digits"],
        input=json.dumps(test_digits.images[:5].tolist()),
        capture_output=True,
        text=True,
        check=False,
        timeout=TIMEOUT_S,
    )
    assert process.returncode == 0, process.stderr
    answer = json.loads(process.stdout)
    probabilities = np.array(answer.pop("probabilities")).reshape(5, 10)
    assert probabilities.argmax(axis=1).tolist() == test_digits.labels[:5].tolist()
    assert all(answer.values())
    assert {"server live", "model ready"} <= set(answer)
