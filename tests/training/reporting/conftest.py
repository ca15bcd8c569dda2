from __future__ import annotations

from pathlib import Path

import pytest

from training.datasets.mnist import Split
from training.export import export
from training.reporting.results import RunResults, evaluate_export


@pytest.fixture(scope="session")
def results(run: Path, data: Split) -> RunResults:
    return evaluate_export("tiny, version 1", run, export(run, data), "MNIST test", data.test)
