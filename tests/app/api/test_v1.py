"""The V1 protocol of TensorFlow Serving and KServe, through the fast lane and through FastAPI alone."""

from __future__ import annotations

import base64
import json
import random
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from starlette.testclient import TestClient

from app.main import create_app
from app.settings import Settings
from tests.app.api.test_digits import assert_problem
from tests.app.conftest import encode
from tests.conftest import NEWEST, PREVIOUS, VERSIONS
from tests.support.served_client import ServedClient
from tests.support.service import TIMEOUT_S, serving
from training.datasets.mnist import Digits

PREDICT = "/v1/models/digits:predict"
ZEROS = np.zeros((28, 28), int).tolist()


@pytest.fixture(scope="module", params=[ServedClient, TestClient], ids=["fast lane", "FastAPI alone"])
def client(models: Path, request: pytest.FixtureRequest) -> Iterator[TestClient]:
    settings = Settings(
        models=models, device="cpu", version_labels=f"digits/stable={PREVIOUS},digits/canary={NEWEST},digits/next=99"
    )
    with request.param(create_app(settings), raise_server_exceptions=False) as client:
        yield client


def ask(client: TestClient, document: Any, path: str = PREDICT) -> Any:
    return client.post(path, content=document if isinstance(document, bytes) else json.dumps(document))


def digits_of(response: Any, key: str = "predictions") -> list[int]:
    assert response.status_code == 200, response.text
    answer = response.json()
    assert list(answer) == [key]
    rows = np.array(answer[key])
    assert rows.shape == (len(rows), 10)
    assert rows.sum(axis=1) == pytest.approx(1, abs=1e-3)  # what is missing is that of no digit
    return [int(each) for each in rows.argmax(axis=1)]


def b64(picture: bytes) -> dict[str, str]:
    return {"b64": base64.b64encode(picture).decode()}


# --- predict ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(28, 28), (28, 28, 1), (1, 28, 28), (784,)], ids=str)
def test_both_formats_read_images_of_every_shape(
    client: TestClient, test_digits: Digits, shape: tuple[int, ...]
) -> None:
    tensor = test_digits.images[:5].reshape(5, *shape).tolist()
    wanted = test_digits.labels[:5].tolist()
    assert digits_of(ask(client, {"instances": tensor})) == wanted
    assert digits_of(ask(client, {"instances": [{"image": each} for each in tensor]})) == wanted
    assert digits_of(ask(client, {"inputs": tensor}), "outputs") == wanted
    assert digits_of(ask(client, {"inputs": {"image": tensor}}), "outputs") == wanted


def test_pictures_are_read_as_predict_reads_them(client: TestClient, test_digits: Digits) -> None:
    files = [b64(encode(255 - each)) for each in test_digits.images[:3]]
    wanted = test_digits.labels[:3].tolist()
    assert digits_of(ask(client, {"instances": files})) == wanted
    assert digits_of(ask(client, {"instances": [{"image": each} for each in files]})) == wanted
    assert digits_of(ask(client, {"inputs": files}), "outputs") == wanted
    assert digits_of(ask(client, {"inputs": {"image": files}}), "outputs") == wanted
    assert digits_of(ask(client, {"inputs": files[0]}), "outputs") == wanted[:1]
    assert digits_of(ask(client, {"inputs": {"image": files[0]}}), "outputs") == wanted[:1]


def test_fractions_are_read_from_0_to_1(client: TestClient, seven: NDArray[np.uint8]) -> None:
    as_numbers = ask(client, {"instances": [seven.tolist()]}).json()
    as_fractions = ask(client, {"instances": [{"image": (seven / 255).tolist()}]}).json()
    assert as_numbers == as_fractions


def test_probabilities_are_those_of_our_own_api(client: TestClient, seven_png: bytes, seven: NDArray[np.uint8]) -> None:
    ours = client.post("/predict", content=seven_png).json()["predictions"][0]["probabilities"]
    assert ask(client, {"instances": [seven.tolist()]}).json()["predictions"][0] == pytest.approx(ours, abs=1e-6)


def test_only_signature_is_the_default_one(client: TestClient) -> None:
    request = {"signature_name": "serving_default", "instances": [ZEROS], "parameters": {}}
    assert ask(client, request).status_code == 200
    refused = assert_problem(ask(client, request | {"signature_name": "tpu"}), 400, "invalid-request")
    assert refused["error"] == 'Serving signature name: "tpu" not found in signature def'
    assert_problem(ask(client, request | {"signature_name": 1}), 400, "invalid-request")


def test_version_and_label_are_chosen_in_the_path(client: TestClient) -> None:
    document = {"instances": [ZEROS]}
    latest = ask(client, document).json()
    first = ask(client, document, f"/v1/models/digits/versions/{PREVIOUS}:predict").json()
    assert first != latest
    assert ask(client, document, f"/v1/models/digits/versions/{NEWEST}:predict").json() == latest
    assert ask(client, document, "/v1/models/digits/labels/canary:predict").json() == latest
    assert ask(client, document, "/v1/models/digits/labels/stable:predict").json() == first
    assert ask(client, document, "/v1/models/digits-mlp:predict").json() != latest


@pytest.mark.parametrize(
    ("address", "asked"),
    [
        ("half", "Latest(half)"),
        ("half/versions/1", "Specific(half, 1)"),
        ("digits/versions/9", "Specific(digits, 9)"),
        ("digits/labels/next", "Latest(digits)"),  # it names a version that is not there
        ("digits/labels/nightly", "Latest(digits)"),
        ("digits-mlp/labels/stable", "Latest(digits-mlp)"),
    ],
)
def test_unknown_model_version_or_label_is_not_found(client: TestClient, address: str, asked: str) -> None:
    for response in (
        ask(client, {"instances": [ZEROS]}, f"/v1/models/{address}:predict"),
        client.get(f"/v1/models/{address}"),
        client.get(f"/v1/models/{address}/metadata"),
    ):
        problem = assert_problem(response, 404, "model-not-found")
        assert problem["error"].startswith(f"Servable not found for request: {asked}")


@pytest.mark.parametrize("content_type", [None, "application/x-www-form-urlencoded", "text/plain", "image/png", "x"])
def test_content_type_does_not_matter(client: TestClient, content_type: str | None) -> None:
    headers = {"Content-Type": content_type} if content_type else {}
    body = json.dumps({"instances": [ZEROS]})
    assert client.post(PREDICT, content=body, headers=headers).status_code == 200


def test_bare_curl_reads_a_seven(tmp_path: Path, seven: NDArray[np.uint8]) -> None:
    body = tmp_path / "body.json"
    body.write_text(json.dumps({"instances": [seven.tolist()]}, indent=1) + "\n")
    with serving("--device", "cpu") as service:
        curl = ["curl", "-s", "-d", f"@{body}", service.address + PREDICT]
        answer = subprocess.run(curl, capture_output=True, check=True, timeout=TIMEOUT_S)
    (row,) = json.loads(answer.stdout)["predictions"]
    assert np.argmax(row) == 7


# --- what there is ----------------------------------------------------------------------------------------------------


def test_models_are_listed_by_name(client: TestClient) -> None:
    assert client.get("/v1/models").json() == {"models": ["digits", "digits-mlp"]}


@pytest.mark.parametrize(
    ("address", "versions"),
    [("digits", VERSIONS[::-1]), (f"digits/versions/{PREVIOUS}", [PREVIOUS]), ("digits/labels/stable", [PREVIOUS])],
)
def test_status_is_what_both_families_of_clients_read(client: TestClient, address: str, versions: list[str]) -> None:
    ok = {"error_code": "OK", "error_message": ""}
    available = [{"version": each, "state": "AVAILABLE", "status": ok} for each in versions]
    answer = client.get(f"/v1/models/{address}").json()
    assert answer == {"name": "digits", "ready": True, "model_version_status": available}


def test_metadata_names_what_predict_takes_and_gives(client: TestClient) -> None:
    answer = client.get(f"/v1/models/digits/versions/{PREVIOUS}/metadata").json()
    assert answer["model_spec"] == {"name": "digits", "signature_name": "", "version": "1"}
    signature = answer["metadata"]["signature_def"]["signature_def"]["serving_default"]
    assert signature["method_name"] == "tensorflow/serving/predict"
    assert shape_of(signature["inputs"]["image"]) == ("DT_UINT8", ["-1", "28", "28"])
    assert shape_of(signature["outputs"]["probabilities"]) == ("DT_FLOAT", ["-1", "10"])


def shape_of(info: dict[str, Any]) -> tuple[str, list[str]]:
    return info["dtype"], [each["size"] for each in info["tensor_shape"]["dim"]]


def test_stopping_is_not_ready(models: Path) -> None:
    app = create_app(Settings(models=models, device="cpu"))
    with TestClient(app) as client:
        app.state.stopping = True
        assert_problem(client.get("/v1/models/digits"), 503, "stopping")


def test_kserve_asks_the_root_whether_the_service_is_alive(client: TestClient) -> None:
    alive = client.get("/")
    assert alive.json() == {"status": "alive"}
    page = client.get("/", headers={"Accept": "text/html,*/*;q=0.8"})
    assert "<canvas" in page.text
    assert all("Accept" in each.headers["vary"] for each in (alive, page))


# --- bad requests -----------------------------------------------------------------------------------------------------

ROW = [[0] * 28] * 28
BAD: list[tuple[Any, str]] = [
    (b"", "JSON Parse error: The document is empty"),
    (b" \n", "JSON Parse error: The document is empty"),
    (b"{", "JSON Parse error"),
    (b"\xff", "JSON Parse error"),
    (b"[1]", "must be a JSON object"),
    (b"null", "must be a JSON object"),
    ({}, "Missing 'inputs' or 'instances' key"),
    ({"images": [ROW]}, "Missing 'inputs' or 'instances' key"),
    ({"instances": [ROW], "inputs": [ROW]}, "expecting only one of 'inputs' or 'instances' keys to exist"),
    ({"instances": ROW[0][0]}, "Expecting 'instances' to be an list/array"),
    ({"instances": {"image": ROW}}, "Expecting 'instances' to be an list/array"),
    ({"instances": []}, "No values in 'instances' array"),
    ({"inputs": []}, "empty"),
    ({"inputs": ROW}, "The shape [28, 28]"),
    ({"inputs": None}, "has the wrong type"),
    ({"inputs": {}}, "has the wrong type"),
    ({"inputs": "seven.png"}, "has the wrong type"),
    ({"inputs": {"pixels": [ROW]}}, "has the wrong type"),
    ({"inputs": {"image": [ROW], "mask": [ROW]}}, "exactly one key, 'image'"),
    ({"inputs": {"image": {"image": [ROW]}}}, "has the wrong type"),
    ({"instances": [1, 2, 3]}, "The shape [3]"),
    ({"instances": ROW}, "The shape [28, 28]"),
    ({"instances": [[ROW[:27]]]}, "The shape"),
    ({"instances": [[[[[[0]]]]]]}, "nested too deeply"),
    ({"instances": [[]]}, "empty"),
    ({"instances": [ROW, ROW[:27]]}, "ragged"),
    ({"instances": [{"image": ROW}, {"image": ROW[:27]}]}, "The shape [1, 27, 28]"),
    ({"instances": [{"image": ROW}, {"image": [0] * 784}]}, "a different shape"),
    ({"instances": [{"image": ROW}, {"image": [*ROW[:27], [0] * 27]}]}, "ragged"),
    ({"instances": [{"image": [*[0] * 783, [0]]}]}, "ragged"),
    ({"instances": [{"image": ROW}, ROW]}, "exactly one key, 'image'"),
    ({"instances": [{"image": ROW}, {"image": {"b64": ""}}]}, "has the wrong type"),
    ({"instances": [{"image": {"b64": "aaaa"}}, {"image": ROW}]}, "has the wrong type"),
    ({"instances": [ROW, {"image": ROW}]}, "not a number"),
    ({"instances": [{"pixels": ROW}]}, "has the wrong type"),
    ({"instances": [{"image": ROW, "mask": ROW}]}, "exactly one key, 'image'"),
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
    ({"instances": [{"b64": "", "image": ROW}]}, "exactly one key, 'image'"),
    ({"instances": [{"b64": "", "x": 1}]}, "has the wrong type"),
]


@pytest.mark.parametrize(("document", "reason"), BAD, ids=[str(each[0])[:60] for each in BAD])
def test_bad_request_is_refused_with_its_reason(client: TestClient, document: Any, reason: str) -> None:
    assert reason in assert_problem(ask(client, document), 400, "invalid-request")["error"]


def test_bad_picture_is_named(client: TestClient, seven_png: bytes) -> None:
    good = b64(seven_png)
    refused = ask(client, {"instances": [good, b64(b"no")]})
    assert assert_problem(refused, 415, "unsupported-picture")["picture"] == 1
    blank = b64(encode(np.zeros((28, 28), np.uint8)))
    refused = ask(client, {"instances": [{"image": good}, {"image": blank}]})
    assert assert_problem(refused, 422, "blank-picture")["picture"] == 1
    assert_problem(ask(client, {"instances": [good] * 257}), 413, "too-many-pictures")
    assert_problem(ask(client, {"instances": [good] * 256 + [None]}), 413, "too-many-pictures")


@pytest.mark.parametrize("path", ["digits:classify", "digits:regress", f"digits/versions/{PREVIOUS}:classify"])
def test_classify_and_regress_are_not_offered(client: TestClient, path: str) -> None:
    problem = assert_problem(ask(client, {"examples": []}, f"/v1/models/{path}"), 400, "invalid-request")
    assert "use :predict" in problem["error"]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v1/models/"),
        ("GET", "/v1/models/digits/versions/latest"),
        ("GET", f"/v1/models/digits/versions/{PREVIOUS}/labels/stable"),
        ("GET", "/v1/models/digits/labels"),
        ("GET", "/v1/models/digits:predicted"),
        ("POST", "/v1/models/digits:predicted"),
        ("POST", "/v1/models/digits/versions/-1:predict"),
        ("POST", "/v1/models/digits/versions/9999999999999999999:predict"),
        ("POST", "/v1/models/a:b:predict"),
        ("POST", "/v1/models/digits/labels/a:b:predict"),
        ("POST", "/v1/models/digits/predict"),
    ],
)
def test_path_that_is_none_of_the_protocols_is_malformed(client: TestClient, method: str, path: str) -> None:
    problem = assert_problem(client.request(method, path), 400, "invalid-request")
    assert problem["error"] == f"Malformed request: {method} {path}"


def test_predict_takes_no_get(client: TestClient) -> None:
    for path in (PREDICT, f"/v1/models/digits/versions/{PREVIOUS}:predict", "/v1/models/digits/labels/stable:predict"):
        response = client.get(path)
        assert_problem(response, 405, "method-not-allowed")
        assert response.headers["allow"] == "POST"


def test_mutations_of_valid_requests_are_answered_alike_and_never_fail(
    client: TestClient, plain_client: TestClient, seven: NDArray[np.uint8], seven_png: bytes
) -> None:
    rng = random.Random(0)
    rows, files = seven.tolist(), b64(seven_png)
    documents = [{"instances": [rows]}, {"instances": [{"image": rows}]}, {"inputs": {"image": [rows]}}]
    documents += [{"instances": [files, files]}, {"inputs": files, "signature_name": "serving_default"}]
    seeds = [json.dumps(each).encode() for each in documents]
    statuses = set()
    for _ in range(300):
        body = mutated(rng, rng.choice(seeds))
        response = ask(client, body)
        assert response.status_code < 500, body
        assert ask(plain_client, body).content == response.content
        statuses.add(response.status_code)
    assert {200, 400} <= statuses


def mutated(rng: random.Random, body: bytes) -> bytes:
    """With a piece lost, doubled, or replaced by a byte or two that JSON gives a meaning to."""
    for _ in range(rng.randint(1, 3)):
        start = rng.choice([rng.randrange(len(body)), rng.randrange(40)])
        end = min(len(body), start + rng.choice([1, 1, 2, 5, 50, 1000]))
        piece = rng.choice(
            [b"", body[start:end] * 2, *(bytes([each]) for each in b'[]{}",:0-.e\\\xff'), b"[[", b"null"]
        )
        body = body[:start] + piece + body[end:] or b"["
    return body
