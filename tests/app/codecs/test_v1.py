"""V1 requests: the row and the column format, and what is wrong with bad ones. Through the fast path and FastAPI."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from starlette.testclient import TestClient

from app.main import create_app
from app.settings import Settings
from tests.support.pictures import encode
from tests.support.problems import assert_problem
from tests.support.served_client import ServedClient
from tests.support.v1_requests import ONE, ask, b64, rows_of
from training.datasets.mnist import Digits


@pytest.fixture(scope="module", params=[ServedClient, TestClient], ids=["fast path", "FastAPI alone"])
def client(models: Path, request: pytest.FixtureRequest) -> Iterator[TestClient]:
    with request.param(create_app(Settings(models=models, device="cpu")), raise_server_exceptions=False) as client:
        yield client


@pytest.mark.parametrize("shape", [(28, 28), (28, 28, 1), (1, 28, 28), (784,)], ids=str)
def test_both_formats_read_images_of_every_shape(
    client: TestClient, test_digits: Digits, shape: tuple[int, ...]
) -> None:
    tensor = test_digits.images[:5].reshape(5, *shape).tolist()
    wanted = test_digits.labels[:5].tolist()
    assert rows_of(ask(client, {"instances": tensor})) == wanted
    assert rows_of(ask(client, {"instances": [{"image": image} for image in tensor]})) == wanted
    assert rows_of(ask(client, {"inputs": tensor}), "outputs") == wanted
    assert rows_of(ask(client, {"inputs": {"image": tensor}}), "outputs") == wanted


def test_both_formats_read_picture_files_as_predict_does(client: TestClient, test_digits: Digits) -> None:
    files = [b64(encode(255 - image)) for image in test_digits.images[:3]]
    wanted = test_digits.labels[:3].tolist()
    assert rows_of(ask(client, {"instances": files})) == wanted
    assert rows_of(ask(client, {"instances": [{"image": file} for file in files]})) == wanted
    assert rows_of(ask(client, {"inputs": files}), "outputs") == wanted
    assert rows_of(ask(client, {"inputs": {"image": files}}), "outputs") == wanted
    assert rows_of(ask(client, {"inputs": files[0]}), "outputs") == wanted[:1]
    assert rows_of(ask(client, {"inputs": {"image": files[0]}}), "outputs") == wanted[:1]


def test_fractions_are_read_from_0_to_1(client: TestClient, seven: NDArray[np.uint8]) -> None:
    as_numbers = ask(client, {"instances": [seven.tolist()]}).json()
    as_fractions = ask(client, {"instances": [{"image": (seven / 255).tolist()}]}).json()
    assert as_numbers == as_fractions


def test_only_signature_is_the_default_one(client: TestClient) -> None:
    request = {"signature_name": "serving_default", "instances": [ONE], "parameters": {}}
    assert ask(client, request).status_code == 200
    assert ask(client, request | {"signature_name": ""}).status_code == 200
    refused = assert_problem(ask(client, request | {"signature_name": "tpu"}), 400, "invalid-request")
    assert refused["error"] == 'Serving signature name: "tpu" not found in signature def'
    assert_problem(ask(client, request | {"signature_name": 1}), 400, "invalid-request")


IMAGE = [[0] * 28] * 28
BAD: list[tuple[Any, str]] = [
    (b"", "JSON Parse error: The document is empty"),
    (b" \n", "JSON Parse error: The document is empty"),
    (b"{", "JSON Parse error"),
    (b"\xff", "JSON Parse error"),
    (b"[1]", "must be a JSON object"),
    (b"null", "must be a JSON object"),
    ({}, "Missing 'inputs' or 'instances' key"),
    ({"images": [IMAGE]}, "Missing 'inputs' or 'instances' key"),
    ({"instances": [IMAGE], "inputs": [IMAGE]}, "expecting only one of 'inputs' or 'instances' keys to exist"),
    ({"instances": IMAGE[0][0]}, "Expecting 'instances' to be an list/array"),
    ({"instances": {"image": IMAGE}}, "Expecting 'instances' to be an list/array"),
    ({"instances": []}, "No values in 'instances' array"),
    ({"inputs": []}, "empty"),
    ({"inputs": IMAGE}, "The shape [28, 28]"),
    ({"inputs": None}, "has the wrong type"),
    ({"inputs": {}}, "has the wrong type"),
    ({"inputs": "seven.png"}, "has the wrong type"),
    ({"inputs": {"pixels": [IMAGE]}}, "has the wrong type"),
    ({"inputs": {"image": [IMAGE], "mask": [IMAGE]}}, "exactly one key, 'image'"),
    ({"inputs": {"image": {"image": [IMAGE]}}}, "has the wrong type"),
    ({"inputs": ["iVBORw0K"]}, 'send a tensor of numbers or {"b64": "<picture file in base64>"}'),
    ({"inputs": {"image": ["iVBORw0K"]}}, 'send a tensor of numbers or {"b64": "<picture file in base64>"}'),
    ({"instances": ["iVBORw0K"]}, 'send a tensor of numbers or {"b64": "<picture file in base64>"}'),
    ({"instances": [1, 2, 3]}, "The shape [3]"),
    ({"instances": IMAGE}, "The shape [28, 28]"),
    ({"instances": [[IMAGE[:27]]]}, "The shape"),
    ({"instances": [[[[[[0]]]]]]}, "nested too deeply"),
    ({"instances": [[]]}, "empty"),
    ({"instances": [IMAGE, IMAGE[:27]]}, "ragged"),
    ({"instances": [{"image": IMAGE}, {"image": IMAGE[:27]}]}, "The shape [1, 27, 28]"),
    ({"instances": [{"image": IMAGE}, {"image": [0] * 784}]}, "a different shape"),
    ({"instances": [{"image": IMAGE}, {"image": [*IMAGE[:27], [0] * 27]}]}, "ragged"),
    ({"instances": [{"image": [*[0] * 783, [0]]}]}, "ragged"),
    ({"instances": [{"image": IMAGE}, IMAGE]}, "exactly one key, 'image'"),
    ({"instances": [{"image": IMAGE}, {"image": {"b64": ""}}]}, "has the wrong type"),
    ({"instances": [{"image": {"b64": "aaaa"}}, {"image": IMAGE}]}, "has the wrong type"),
    ({"instances": [IMAGE, {"image": IMAGE}]}, "not a number"),
    ({"instances": [{"pixels": IMAGE}]}, "has the wrong type"),
    ({"instances": [{"image": IMAGE, "mask": IMAGE}]}, "exactly one key, 'image'"),
    ({"instances": [{"image": []}]}, "empty"),
    ({"instances": [{"image": None}]}, "has the wrong type"),
    ({"instances": [{"image": "x"}]}, "has the wrong type"),
    ({"instances": [[[None] * 28] * 28]}, "not a number"),
    ({"instances": [[[True] * 28] * 28]}, "not a number"),
    ({"instances": [[["0"] * 28] * 28]}, "not a number"),
    ({"instances": [[[-1] * 28] * 28]}, "from 0"),
    ({"instances": [[[256] * 28] * 28]}, "to 255"),
    ({"instances": [[[float("nan")] * 28] * 28]}, "JSON Parse error"),
    ({"instances": [[[float("inf")] * 28] * 28]}, "JSON Parse error"),
    ({"instances": [[[10**30] * 28] * 28]}, "JSON Parse error"),
    (b'{"instances": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", "JSON Parse error"),
    (b'{"instances": [0, ' + b"[" * 900 + b"0" + b"]" * 900 + b"]}", "The shape [2]"),
    (b'{"instances": ' + b'{"image":' * 900 + b"0" + b"}" * 900 + b"}", "Expecting 'instances'"),
    ({"instances": [{"b64": 1}]}, "Each picture must be a string"),
    ({"instances": [{"b64": "%%%"}]}, "not valid base64"),
    ({"instances": [{"b64": "", "image": IMAGE}]}, "exactly one key, 'image'"),
    ({"instances": [{"b64": "", "x": 1}]}, "has the wrong type"),
    ({"instances": [IMAGE], "parameters": []}, "'parameters' must be an object"),
    ({"instances": [IMAGE], "parameters": {"scale": []}}, "'scale' must be unit or byte"),
    ({"instances": [IMAGE], "parameters": {"scale": {}}}, "'scale' must be unit or byte"),
]


@pytest.mark.parametrize(("document", "reason"), BAD, ids=[str(document)[:60] for document, _ in BAD])
def test_bad_request_is_refused_with_its_reason(client: TestClient, document: Any, reason: str) -> None:
    assert reason in assert_problem(ask(client, document), 400, "invalid-request")["error"]


def test_bad_picture_is_named_by_its_index(client: TestClient, seven_png: bytes) -> None:
    good = b64(seven_png)
    refused = ask(client, {"instances": [good, b64(b"no")]})
    assert assert_problem(refused, 415, "unsupported-picture")["picture"] == 1
    blank = b64(encode(np.zeros((28, 28), np.uint8)))
    refused = ask(client, {"instances": [{"image": good}, {"image": blank}]})
    assert assert_problem(refused, 422, "blank-picture")["picture"] == 1
    assert_problem(ask(client, {"instances": [good] * 257}), 413, "too-many-pictures")
    assert_problem(ask(client, {"instances": [good] * 256 + [None]}), 413, "too-many-pictures")


def test_mutated_requests_are_answered_alike_and_never_fail(
    client: TestClient, plain_client: TestClient, seven: NDArray[np.uint8], seven_png: bytes
) -> None:
    rng = random.Random(0)
    rows, files = seven.tolist(), b64(seven_png)
    documents = [{"instances": [rows]}, {"instances": [{"image": rows}]}, {"inputs": {"image": [rows]}}]
    documents += [{"instances": [files, files]}, {"inputs": files, "signature_name": "serving_default"}]
    seeds = [json.dumps(document).encode() for document in documents]
    statuses = set()
    for _ in range(300):
        body = mutated(rng, rng.choice(seeds))
        response = ask(client, body)
        assert response.status_code < 500, body
        assert ask(plain_client, body).content == response.content
        statuses.add(response.status_code)
    assert {200, 400} <= statuses


def mutated(rng: random.Random, body: bytes) -> bytes:
    """With pieces deleted, repeated, or replaced by tokens of JSON."""
    for _ in range(rng.randint(1, 3)):
        start = rng.choice([rng.randrange(len(body)), rng.randrange(40)])
        end = min(len(body), start + rng.choice([1, 1, 2, 5, 50, 1000]))
        piece = rng.choice(
            [b"", body[start:end] * 2, *(bytes([byte]) for byte in b'[]{}",:0-.e\\\xff'), b"[[", b"null"]
        )
        body = body[:start] + piece + body[end:] or b"["
    return body
