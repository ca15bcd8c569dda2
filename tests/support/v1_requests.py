"""Requests of the V1 protocol, and the digits of their responses."""

from __future__ import annotations

import base64
import json
from typing import Any

import numpy as np
import pytest
from starlette.testclient import TestClient

PREDICT = "/v1/models/digits:predict"
STROKE = np.zeros((28, 28), np.uint8)  # a 1
STROKE[4:24, 13:15] = 255
ONE = STROKE.tolist()


def ask(client: TestClient, document: Any, path: str = PREDICT) -> Any:
    return client.post(path, content=document if isinstance(document, bytes) else json.dumps(document))


def b64(picture: bytes) -> dict[str, str]:
    return {"b64": base64.b64encode(picture).decode()}


def rows_of(response: Any, key: str = "predictions") -> list[int]:
    """The digit of each row of probabilities."""
    assert response.status_code == 200, response.text
    document = response.json()
    assert list(document) == [key]
    rows = np.array(document[key])
    assert rows.shape == (len(rows), 10)
    assert rows.sum(axis=1) == pytest.approx(1, abs=1e-3)  # the remainder: that the image is not a digit
    return [int(digit) for digit in rows.argmax(axis=1)]
