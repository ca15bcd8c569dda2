"""Requests to /predict, and the digits of their responses."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from starlette.testclient import TestClient


def post_picture(client: TestClient, content: bytes, **options: Any) -> Any:
    return client.post("/predict", content=content, headers={"Content-Type": "image/png"}, **options)


def post_files(client: TestClient, pictures: Sequence[bytes], **options: Any) -> Any:
    return client.post("/predict", files=[("file", ("digit.png", picture)) for picture in pictures], **options)


def digits_of(response: Any) -> list[int]:
    assert response.status_code == 200, response.text
    return [prediction["digit"] for prediction in response.json()["predictions"]]
