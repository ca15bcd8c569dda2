"""What every test may use: the committed models and MNIST's test digits."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from training.datasets.mnist import Digits, load_test_digits

ROOT = Path(__file__).parents[1]
# By default the faster graph is served, which a measurement decides: the answers would depend on what else runs.
os.environ.setdefault("DIGITS_PRECISION", "float32")
# A suite run in the background ignores Ctrl+C, and so would the processes whose end by Ctrl+C is tested.
signal.signal(signal.SIGINT, signal.default_int_handler)
VERSIONS = sorted((path.name for path in (ROOT / "models/digits").iterdir()), key=int)  # of the default model
PREVIOUS, NEWEST = VERSIONS[-2:]
MLP_VERSIONS = sorted((path.name for path in (ROOT / "models/digits-mlp").iterdir()), key=int)


@pytest.fixture(scope="session")
def models() -> Path:
    """The models folder of the repository: really trained, really served."""
    return ROOT / "models"


@pytest.fixture(scope="session")
def test_digits() -> Digits:
    """MNIST's 10,000 test digits."""
    return load_test_digits(ROOT / "tests/data")
