from __future__ import annotations

import json
import struct
from pathlib import Path

import numpy as np

from benchmarks.digits import Question
from benchmarks.http import Answer, Request, from_v2_binary, from_v2_json, v2_binary, v2_json, write_requests

TWO = Question(np.arange(2 * 784, dtype=np.uint8).reshape(2, 28, 28), np.array([3, 4], np.uint8))
PROBABILITIES = np.eye(10, dtype=np.float32)[[3, 4]]


def test_requests_are_written_as_they_go_over_the_wire(tmp_path: Path) -> None:
    write_requests([Request("/a", b"xy", {"Content-Type": "image/png"})], tmp_path / "file")
    written = (tmp_path / "file").read_bytes()
    raw = b"POST /a HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 2\r\nContent-Type: image/png\r\n\r\nxy"
    assert written == struct.pack("<I", len(raw)) + raw


def test_v2_binary_request_is_json_and_then_the_pixels() -> None:
    request = v2_binary("/", TWO)
    head = int(request.headers["Inference-Header-Content-Length"])
    (tensor,) = json.loads(request.body[:head])["inputs"]
    assert (tensor["shape"], tensor["datatype"]) == ([2, 28, 28], "UINT8")
    assert tensor["parameters"] == {"binary_data_size": 1568}
    assert request.body[head:] == TWO.images.tobytes()


def test_v2_json_request_is_flat() -> None:
    (tensor,) = json.loads(v2_json("/", TWO).body)["inputs"]
    assert tensor["data"] == TWO.images.ravel().tolist()


def test_probabilities_are_found_behind_another_output() -> None:
    blobs = {"logits": np.zeros((2, 10), "<f4"), "probabilities": PROBABILITIES}
    outputs = [{"name": name, "parameters": {"binary_data_size": blob.nbytes}} for name, blob in blobs.items()]
    head = json.dumps({"outputs": outputs}).encode()
    body = head + b"".join(blob.tobytes() for blob in blobs.values())
    answer = Answer(200, body, {"inference-header-content-length": str(len(head))})
    assert from_v2_binary(answer).tolist() == [3, 4]


def test_v2_json_answer_may_be_nested_or_flat() -> None:
    for data in (PROBABILITIES.tolist(), PROBABILITIES.ravel().tolist()):
        body = json.dumps({"outputs": [{"name": "probabilities", "data": data}]}).encode()
        assert from_v2_json(Answer(200, body, {})).tolist() == [3, 4]
