"""Requests to /invocations, and NumPy array files."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from numpy.typing import NDArray
from starlette.testclient import TestClient


def npy(array: NDArray[Any]) -> bytes:
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def invoke(client: TestClient, body: bytes, kind: str = "application/octet-stream", accept: str = "*/*") -> Any:
    return client.post("/invocations", content=body, headers={"Content-Type": kind, "Accept": accept})


def argmax(response: Any) -> list[int]:
    """The digits of a V1 response."""
    assert response.status_code == 200, response.text
    return [int(digit) for digit in np.argmax(response.json()["predictions"], axis=1)]
