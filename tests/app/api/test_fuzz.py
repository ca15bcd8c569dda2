"""Bodies that nobody should send, to a real service: each is answered or refused, and none costs the others much."""

from __future__ import annotations

import base64
import functools
import http.client
import json
import random
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from tests.support.invocations import npy
from tests.support.mnist_pictures import mnist_digit, mnist_png
from tests.support.service import TIMEOUT_S, Service, serving
from tests.support.v1_requests import ONE, STROKE
from tests.support.v2_requests import in_binary, in_json, tensor

PNG = mnist_png(0)[0]
SEVEN = mnist_digit(0)[0]
B64 = base64.b64encode(PNG).decode()
MAX_BODY = 16 * 2**20
MAX_GROWTH_KB = 150_000  # of the service's memory by one body of 16 MiB


class Post(NamedTuple):
    path: str
    body: bytes
    headers: dict[str, str]


@pytest.fixture(scope="module")
def service() -> Iterator[Service]:
    with serving("--device", "cpu", "--timeout-ms", "60000") as service:
        yield service


def send(service: Service, post: Post) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=TIMEOUT_S)
    try:
        connection.request("POST", post.path, post.body, post.headers)
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


# --- large bodies -----------------------------------------------------------------------------------------------------


def filled(start: str, repeated: str, end: str, size: int = MAX_BODY - 1000) -> bytes:
    """`repeated` as often as it fits."""
    return (start + repeated * ((size - len(start) - len(end)) // len(repeated)) + end).encode()


def rows(image: Any, start: str = '{"instances":[', end: str = "]}") -> bytes:
    """4,096 images."""
    return (start + ",".join([json.dumps(image, separators=(",", ":"))] * 4096) + end).encode()


def large_json() -> dict[str, tuple[str, Callable[[], bytes]]]:
    keyed, flat = np.array(ONE)[:, :, None].tolist(), STROKE.ravel().tolist()
    data = '{"inputs":[{"name":"image","shape":[4096,784],"datatype":"UINT8","data":['
    v1, v2 = "/v1/models/digits-mlp:predict", "/v2/models/digits-mlp/infer"
    fill = functools.partial
    return {
        "empty arrays": ("/predict", fill(filled, '{"images":[', "[],", "[]]}")),
        "strings": ("/predict", fill(filled, '{"images":[', '"",', '""]}')),
        "one string": ("/predict", fill(filled, '{"images":["iVBORw0KGgo', "A", '"]}')),
        "one string of escapes": ("/predict", fill(filled, '{"images":["', '\\"', '"]}')),
        "an ignored member": ("/predict", fill(filled, '{"x":[', "0,", '0],"images":["x"]}')),
        "many keys": ("/predict", fill(filled, "{", '"k":0,', '"images":["x"]}')),
        "base64": ("/predict", fill(filled, "iVBORw0KGgo", "A", "")),
        "escapes of a data URL": ("/predict", fill(filled, "data:,", "%41", "")),
        "lines": ("/invocations", fill(filled, "", "1\n", "")),
        "4,096 nested": (v1, fill(rows, ONE)),
        "4,096 with a channel": (v1, fill(rows, keyed)),
        "4,096 flat": (v1, fill(rows, flat)),
        "4,096 rows": (v1, fill(rows, {"image": ONE})),
        "4,096 to V2": (v2, fill(rows, flat, data, "]}]}")),
        "depth": (v1, lambda: b'{"instances":' + b"[" * (MAX_BODY // 2 - 99) + b"]" * (MAX_BODY // 2 - 99) + b"}"),
        "numbers": (v1, fill(filled, '{"instances":[', "0,", "0]}")),
        "ragged rows": (v1, fill(filled, '{"instances":[', "[0,0],", "[0]]}")),
        "rows with a null": (v1, fill(filled, '{"instances":[', "[0,null],", "[0]]}")),
        "huge numbers": (v1, fill(filled, '{"instances":[', "1e400,", "0]}")),
        "a shape": (v2, fill(filled, '{"inputs":[{"name":"image","shape":[', "1,", '1],"data":[0]}]}')),
        "control": ("/v2/repository/index", fill(filled, '{"ready":true,"x":[', "[],", "0]}")),
    }


@pytest.mark.parametrize("kind", [*large_json()])
def test_large_body_takes_little_memory_and_others_are_answered_meanwhile(service: Service, kind: str) -> None:
    """Twice the body's size must be free for the body as it arrives and as one piece."""
    path, make = large_json()[kind]
    post = Post(path, make(), {"Content-Type": "text/csv" if kind == "lines" else "text/plain"})
    before = service.resident_kb()
    Path(f"/proc/{service.process.pid}/clear_refs").write_text("5")  # the peak starts anew
    answers: list[int] = []
    sending = threading.Thread(target=lambda: answers.append(send(service, post)[0]))
    sending.start()
    answered = 0
    while sending.is_alive():
        assert service.get("/health/live")[0] == 200
        answered += 1
    sending.join()
    assert answers[0] == 200 if kind.startswith("4,096") or kind == "control" else 400 <= answers[0] < 500
    assert answered > 1
    assert peak_kb(service) - before < MAX_GROWTH_KB


def peak_kb(service: Service) -> int:
    status = Path(f"/proc/{service.process.pid}/status").read_text()
    (line,) = [line for line in status.splitlines() if line.startswith("VmHWM:")]
    return int(line.split()[1])


# --- small bodies -----------------------------------------------------------------------------------------------------


def form(*parts: bytes) -> bytes:
    return (
        b"".join(b"--XX\r\nContent-Disposition: form-data; name=f" + part + b"\r\n" for part in parts) + b"--XX--\r\n"
    )


def seeds() -> list[Post]:
    multipart = {"Content-Type": "multipart/form-data; boundary=XX"}
    urlencoded = {"Content-Type": "application/x-www-form-urlencoded"}
    v1, v2 = "/v1/models/digits-mlp:predict", "/v2/models/digits-mlp/infer"
    documents = [{"instances": [ONE]}, {"inputs": {"image": [ONE]}}, {"instances": [{"b64": B64}], "parameters": {}}]
    content, length = in_binary(SEVEN.tobytes(), (1, 28, 28))
    posts = [Post(v1, json.dumps(document).encode(), {}) for document in documents]
    posts += [Post(v2, in_json(tensor([ONE], (1, 28, 28), "FP32", parameters={"scale": "byte"}), id="x"), {})]
    posts += [Post(v2, in_json(tensor([B64], [1], "BYTES")), {}), Post(v2, content, length)]
    for path in ("/predict", "/read", "/explain", "/invocations", "/predict?on_error=each"):
        posts += [Post(path, json.dumps({"images": [B64]}).encode(), {}), Post(path, json.dumps(B64).encode(), {})]
        posts += [
            Post(path, form(b"\r\n\r\n" + PNG), multipart),
            Post(path, form(b"; filename=a\r\n\r\n" + PNG), multipart),
        ]
        posts += [Post(path, f"image={B64}".encode(), urlencoded), Post(path, PNG, {})]
        posts += [Post(path, f"data:image/png;base64,{B64}".encode(), {})]
    array = {"Content-Type": "application/x-npy"}
    for numbers in (SEVEN[None], SEVEN[None] / 255, SEVEN[None].astype(">i4")):
        posts += [Post("/invocations", npy(numbers), array)]
    posts += [Post("/invocations?scale=byte", npy(SEVEN[None]), array)]
    line = ",".join(map(str, SEVEN.ravel().tolist())).encode()
    return [*posts, Post("/invocations", line, {"Content-Type": "text/csv"}), Post("/v2/repository/index", b"{}", {})]


TOKENS = [b"[", b"]", b"{", b"}", b",", b":", b'"', b"\\", b"0", b"1", b"-1", b"0.5", b"1e400", b"256", b"null", b"NaN"]
TOKENS += [b"%", b"%zz", b"=", b"&", b"+", b";", b"--XX", b"--XX--", b"\r\n", b"\n", b"\r\n\r\n", b"\0", b"\xff", b"[["]
TOKENS += [
    b"\xef\xbb\xbf",
    b"data:",
    b";base64,",
    b"]]",
    b"image",
    b"images",
    b"instances",
    b"inputs",
    b"data",
    b"true",
]
TYPES = ["application/json", "text/csv", "multipart/form-data", 'MULTIPART/x; boundary="XX"', "application/x-npy", ""]


def mutated(rng: random.Random, post: Post) -> Post:
    """With pieces deleted, repeated or replaced, and sometimes another type."""
    body, headers = bytearray(post.body), dict(post.headers)
    for _ in range(rng.randint(1, 4)):
        start = rng.choice([rng.randrange(len(body) + 1), rng.randrange(60)])
        length = rng.choice([0, 1, 1, 4, 30, 1000])
        body[start : start + length] = rng.choice([*TOKENS, bytes(body[start : start + 50]) * 2, b""])
    if rng.random() < 0.2:
        headers["Content-Type"] = rng.choice(TYPES)
    if rng.random() < 0.05:
        headers["Inference-Header-Content-Length"] = str(rng.choice([0, 1, 150, len(body), -1, 10**9]))
    return Post(post.path, bytes(body), headers)


@pytest.mark.parametrize("count", [300, pytest.param(5_000, marks=pytest.mark.slow)])
def test_mutated_body_is_answered_or_refused(service: Service, count: int) -> None:
    rng, posts, statuses = random.Random(count), seeds(), set[int]()
    for _ in range(count):
        post = mutated(rng, rng.choice(posts))
        status, answer = send(service, post)
        assert status == 200 or 400 <= status < 500, (post.path, post.headers, post.body[:300], answer)
        assert b"/app/" not in answer
        statuses.add(status)
    assert statuses >= {200, 400, 415}
    assert {send(service, post)[0] for post in posts} == {200}
