from __future__ import annotations

import json

import numpy as np

from benchmarks.codecs import parse_v2_binary, parse_v2_json, v2_binary_request, v2_json_request
from benchmarks.http import Response
from benchmarks.payloads import Payload

TWO_DIGITS = Payload(np.arange(2 * 784, dtype=np.uint8).reshape(2, 28, 28), np.array([3, 4], np.uint8))
PROBABILITIES = np.eye(10, dtype=np.float32)[[3, 4]]


def test_v2_binary_request_is_json_and_then_the_pixels() -> None:
    request = v2_binary_request("/", TWO_DIGITS)
    json_size = int(request.headers["Inference-Header-Content-Length"])
    (tensor,) = json.loads(request.body[:json_size])["inputs"]
    assert (tensor["shape"], tensor["datatype"]) == ([2, 28, 28], "UINT8")
    assert tensor["parameters"] == {"binary_data_size": 1568}
    assert request.body[json_size:] == TWO_DIGITS.images.tobytes()


def test_v2_json_request_is_flat() -> None:
    (tensor,) = json.loads(v2_json_request("/", TWO_DIGITS).body)["inputs"]
    assert tensor["data"] == TWO_DIGITS.images.ravel().tolist()


def test_probabilities_are_found_behind_another_output() -> None:
    tensors = {"logits": np.zeros((2, 10), "<f4"), "probabilities": PROBABILITIES}
    outputs = [{"name": name, "parameters": {"binary_data_size": tensor.nbytes}} for name, tensor in tensors.items()]
    head = json.dumps({"outputs": outputs}).encode()
    body = head + b"".join(tensor.tobytes() for tensor in tensors.values())
    response = Response(200, body, {"inference-header-content-length": str(len(head))})
    assert parse_v2_binary(response).tolist() == [3, 4]


def test_v2_json_answer_may_be_nested_or_flat() -> None:
    for data in (PROBABILITIES.tolist(), PROBABILITIES.ravel().tolist()):
        body = json.dumps({"outputs": [{"name": "probabilities", "data": data}]}).encode()
        assert parse_v2_json(Response(200, body, {})).tolist() == [3, 4]
