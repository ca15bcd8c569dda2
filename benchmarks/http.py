"""A question becomes a request; an answer becomes the digits it names."""

from __future__ import annotations

import base64
import http.client
import json
import struct
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.digits import Question

Read = NDArray[np.intp]  # (n,), the digits an answer names

BOUNDARY = "benchmark-of-digits"
LENGTH_HEADER = "Inference-Header-Content-Length"


@dataclass(frozen=True)
class Request:
    path: str
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)

    def raw(self) -> bytes:
        """All of it, as it goes over the wire."""
        lines = [f"POST {self.path} HTTP/1.1", "Host: 127.0.0.1", f"Content-Length: {len(self.body)}"]
        lines += [f"{name}: {value}" for name, value in self.headers.items()]
        return "\r\n".join([*lines, "", ""]).encode() + self.body


@dataclass(frozen=True)
class Answer:
    status: int
    body: bytes
    headers: dict[str, str]  # names in lower case


def send(connection: http.client.HTTPConnection, request: Request) -> Answer:
    connection.request("POST", request.path, request.body, request.headers)
    response = connection.getresponse()
    headers = {name.lower(): value for name, value in response.getheaders()}
    return Answer(response.status, response.read(), headers)


def write_requests(requests: Iterable[Request], file: Path) -> None:
    """Each with its length before it, four bytes, the lowest first: what cycle.lua reads."""
    with file.open("wb") as out:
        for request in requests:
            raw = request.raw()
            out.write(struct.pack("<I", len(raw)) + raw)


# --- packing a question ---


def picture_body(path: str, question: Question) -> Request:
    return Request(path, question.picture, {"Content-Type": "image/png"})


def picture_form(path: str, question: Question, field_name: str) -> Request:
    disposition = f'form-data; name="{field_name}"; filename="digit.png"'
    head = f"--{BOUNDARY}\r\nContent-Disposition: {disposition}\r\nContent-Type: image/png\r\n\r\n"
    body = head.encode() + question.picture + f"\r\n--{BOUNDARY}--\r\n".encode()
    return Request(path, body, {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"})


def json_body(path: str, content: Any) -> Request:
    return Request(path, json.dumps(content, separators=(",", ":")).encode(), {"Content-Type": "application/json"})


def base64_picture(question: Question) -> str:
    return base64.b64encode(question.picture).decode()


def v2_json(path: str, question: Question) -> Request:
    tensor = {
        "name": "image",
        "shape": list(question.images.shape),
        "datatype": "UINT8",
        "data": question.images.ravel().tolist(),
    }
    return json_body(path, {"inputs": [tensor]})


def v2_binary(path: str, question: Question) -> Request:
    """With the binary tensor data extension, in both directions."""
    tensor = {
        "name": "image",
        "shape": list(question.images.shape),
        "datatype": "UINT8",
        "parameters": {"binary_data_size": question.images.nbytes},
    }
    head = json.dumps({"inputs": [tensor], "parameters": {"binary_data_output": True}}).encode()
    headers = {"Content-Type": "application/octet-stream", LENGTH_HEADER: str(len(head))}
    return Request(path, head + question.images.tobytes(), headers)


def raw_tensor(path: str, question: Question) -> Request:
    return Request(path, question.images.tobytes(), {"Content-Type": "application/octet-stream"})


# --- reading an answer ---


def highest(probabilities: Any) -> Read:
    return np.asarray(np.asarray(probabilities, np.float32).reshape(-1, 10).argmax(axis=1))


def from_member(answer: Answer, name: str) -> Read:
    return highest(json.loads(answer.body)[name])


def from_rows(answer: Answer) -> Read:
    return highest(json.loads(answer.body))


def from_v2_json(answer: Answer) -> Read:
    outputs = {each["name"]: each["data"] for each in json.loads(answer.body)["outputs"]}
    return highest(outputs["probabilities"])


def from_v2_binary(answer: Answer) -> Read:
    head = int(answer.headers[LENGTH_HEADER.lower()])
    at = head
    for output in json.loads(answer.body[:head])["outputs"]:
        size = output["parameters"]["binary_data_size"]
        if output["name"] == "probabilities":
            return highest(np.frombuffer(answer.body[at : at + size], "<f4"))
        at += size
    raise KeyError("probabilities")


def from_raw_tensor(answer: Answer) -> Read:
    return highest(np.frombuffer(answer.body, "<f4"))
