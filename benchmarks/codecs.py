"""A payload as the body of each protocol; a response as the digits it names."""

from __future__ import annotations

import base64
import json
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.http import Request, Response
from benchmarks.payloads import Payload

PredictedDigits = NDArray[np.intp]  # (n,), 0 to 9

BOUNDARY = "benchmark-of-digits"  # between the parts of a multipart form
# Binary tensor data extension of the Open Inference Protocol (V2): the size in bytes of the JSON before the tensors.
JSON_SIZE_HEADER = "Inference-Header-Content-Length"


# --- payload to request ---


def png_request(path: str, payload: Payload) -> Request:
    return Request(path, payload.png, {"Content-Type": "image/png"})


def png_form_request(path: str, payload: Payload, field_name: str) -> Request:
    disposition = f'form-data; name="{field_name}"; filename="digit.png"'
    head = f"--{BOUNDARY}\r\nContent-Disposition: {disposition}\r\nContent-Type: image/png\r\n\r\n"
    body = head.encode() + payload.png + f"\r\n--{BOUNDARY}--\r\n".encode()
    return Request(path, body, {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"})


def json_request(path: str, content: Any) -> Request:
    return Request(path, json.dumps(content, separators=(",", ":")).encode(), {"Content-Type": "application/json"})


def base64_png(payload: Payload) -> str:
    return base64.b64encode(payload.png).decode()


def v2_json_request(path: str, payload: Payload) -> Request:
    tensor = {
        "name": "image",
        "shape": list(payload.images.shape),
        "datatype": "UINT8",
        "data": payload.images.ravel().tolist(),
    }
    return json_request(path, {"inputs": [tensor]})


def v2_binary_request(path: str, payload: Payload) -> Request:
    """With the binary tensor data extension for both the request and the response."""
    tensor = {
        "name": "image",
        "shape": list(payload.images.shape),
        "datatype": "UINT8",
        "parameters": {"binary_data_size": payload.images.nbytes},
    }
    head = json.dumps({"inputs": [tensor], "parameters": {"binary_data_output": True}}).encode()
    headers = {"Content-Type": "application/octet-stream", JSON_SIZE_HEADER: str(len(head))}
    return Request(path, head + payload.images.tobytes(), headers)


def raw_tensor_request(path: str, payload: Payload) -> Request:
    return Request(path, payload.images.tobytes(), {"Content-Type": "application/octet-stream"})


# --- response to digits; each raises KeyError, TypeError or ValueError if the body has another form ---


def most_probable(probabilities: Any) -> PredictedDigits:
    """`probabilities`: any nesting of n x 10 numbers."""
    return np.asarray(np.asarray(probabilities, np.float32).reshape(-1, 10).argmax(axis=1))


def parse_member(response: Response, name: str) -> PredictedDigits:
    return most_probable(json.loads(response.body)[name])


def parse_rows(response: Response) -> PredictedDigits:
    return most_probable(json.loads(response.body))


def parse_v2_json(response: Response) -> PredictedDigits:
    outputs = {output["name"]: output["data"] for output in json.loads(response.body)["outputs"]}
    return most_probable(outputs["probabilities"])


def parse_v2_binary(response: Response) -> PredictedDigits:
    start = json_size = int(response.headers[JSON_SIZE_HEADER.lower()])
    for output in json.loads(response.body[:json_size])["outputs"]:
        size = output["parameters"]["binary_data_size"]
        if output["name"] == "probabilities":
            return most_probable(np.frombuffer(response.body[start : start + size], "<f4"))
        start += size
    raise KeyError("probabilities")


def parse_raw_tensor(response: Response) -> PredictedDigits:
    return most_probable(np.frombuffer(response.body, "<f4"))
