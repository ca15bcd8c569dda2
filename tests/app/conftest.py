"""The application over the committed models, and pictures to send to it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from starlette.testclient import TestClient

from app.main import create_app
from app.settings import Settings
from tests.support.pictures import encode
from tests.support.served_client import ServedClient
from training.datasets.mnist import Digits


@pytest.fixture(scope="session")
def seven(test_digits: Digits) -> NDArray[np.uint8]:
    """MNIST's first test digit, a seven, (28, 28), ink bright on 0."""
    assert test_digits.labels[0] == 7
    digit: NDArray[np.uint8] = test_digits.images[0]
    return digit


@pytest.fixture(scope="session")
def seven_png(seven: NDArray[np.uint8]) -> bytes:
    return encode(seven)


@pytest.fixture(scope="session")
def plain_client(models: Path) -> Iterator[TestClient]:
    """A client of the application alone, as under any server: FastAPI runs every route.

    Errors come back as answers, as they do over the network.
    """
    with TestClient(
        create_app(Settings(models=models, device="cpu", version_policy="all")), raise_server_exceptions=False
    ) as client:
        yield client


@pytest.fixture(scope="session")
def client(models: Path) -> Iterator[TestClient]:
    """A client of the whole service, our own server's protocol included, which answers the hot routes itself."""
    with ServedClient(create_app(Settings(models=models, device="cpu", version_policy="all"))) as client:
        yield client
