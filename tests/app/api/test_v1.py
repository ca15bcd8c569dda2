"""The routes of the V1 protocol, through the fast path and through FastAPI alone."""

from __future__ import annotations

import json
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
from tests.conftest import NEWEST, PREVIOUS, VERSIONS
from tests.support.problems import assert_problem
from tests.support.served_client import ServedClient
from tests.support.service import TIMEOUT_S, serving
from tests.support.v1_requests import ONE, PREDICT, STROKE, ask
from tests.support.v2_requests import in_binary


@pytest.fixture(scope="module", params=[ServedClient, TestClient], ids=["fast path", "FastAPI alone"])
def client(models: Path, request: pytest.FixtureRequest) -> Iterator[TestClient]:
    settings = Settings(
        models=models,
        device="cpu",
        version_policy="all",
        version_labels=f"digits/stable={PREVIOUS},digits/canary={NEWEST},digits/next=99",
    )
    with request.param(create_app(settings), raise_server_exceptions=False) as client:
        yield client


def test_probabilities_equal_those_of_predict(client: TestClient, seven_png: bytes, seven: NDArray[np.uint8]) -> None:
    predicted = client.post("/predict", content=seven_png).json()["predictions"][0]["probabilities"]
    assert ask(client, {"instances": [seven.tolist()]}).json()["predictions"][0] == pytest.approx(predicted, abs=1e-6)


def test_version_and_label_are_chosen_in_the_path(client: TestClient) -> None:
    document = {"instances": [ONE]}
    latest = ask(client, document).json()
    previous = ask(client, document, f"/v1/models/digits/versions/{PREVIOUS}:predict").json()
    assert previous != latest
    assert ask(client, document, f"/v1/models/digits/versions/{NEWEST}:predict").json() == latest
    assert ask(client, document, "/v1/models/digits/labels/canary:predict").json() == latest
    assert ask(client, document, "/v1/models/digits/labels/stable:predict").json() == previous
    assert ask(client, document, "/v1/models/digits-mlp:predict").json() != latest


def test_label_names_a_version_on_every_route(client: TestClient, seven_png: bytes) -> None:
    for path in ("/predict", "/read", "/explain"):
        for label, version in (("stable", PREVIOUS), ("canary", NEWEST), (PREVIOUS, PREVIOUS)):
            answer = client.post(path, content=seven_png, params={"version": label}).json()
            assert answer["model"] == {"name": "digits", "version": int(version)}
        problem = assert_problem(client.post(f"{path}?version=next", content=seven_png), 404, "model-not-found")
        assert "version 99" in problem["detail"]
    assert client.get("/v2/models/digits/versions/stable/ready").status_code == 200
    content, headers = in_binary(STROKE.tobytes(), (1, 28, 28))
    answer = client.post("/v2/models/digits/versions/stable/infer", content=content, headers=headers).json()
    assert answer["model_version"] == PREVIOUS
    graphs = [client.get(f"/models/digits/{version}/model.onnx").content for version in ("stable", PREVIOUS)]
    assert graphs[0] == graphs[1]


@pytest.mark.parametrize(
    ("address", "asked"),
    [
        ("half", "Latest(half)"),
        ("half/versions/1", "Specific(half, 1)"),
        ("digits/versions/9", "Specific(digits, 9)"),
        ("digits/labels/next", "Latest(digits)"),  # a label of a version that does not exist
        ("digits/labels/nightly", "Latest(digits)"),
        ("digits-mlp/labels/stable", "Latest(digits-mlp)"),
    ],
)
def test_unknown_model_version_or_label_is_not_found(client: TestClient, address: str, asked: str) -> None:
    for response in (
        ask(client, {"instances": [ONE]}, f"/v1/models/{address}:predict"),
        client.get(f"/v1/models/{address}"),
        client.get(f"/v1/models/{address}/metadata"),
    ):
        problem = assert_problem(response, 404, "model-not-found")
        assert problem["error"].startswith(f"Servable not found for request: {asked}")


@pytest.mark.parametrize("content_type", [None, "application/x-www-form-urlencoded", "text/plain", "image/png", "x"])
def test_content_type_does_not_matter(client: TestClient, content_type: str | None) -> None:
    headers = {"Content-Type": content_type} if content_type else {}
    body = json.dumps({"instances": [ONE]})
    assert client.post(PREDICT, content=body, headers=headers).status_code == 200


def test_bare_curl_reads_a_seven(tmp_path: Path, seven: NDArray[np.uint8]) -> None:
    body = tmp_path / "body.json"
    body.write_text(json.dumps({"instances": [seven.tolist()]}, indent=1) + "\n")
    with serving("--device", "cpu") as service:
        curl = ["curl", "-s", "-d", f"@{body}", service.address + PREDICT]
        run = subprocess.run(curl, capture_output=True, check=True, timeout=TIMEOUT_S)
    (row,) = json.loads(run.stdout)["predictions"]
    assert np.argmax(row) == 7


# --- status and metadata ---------------------------------------------------------------------------------------------


def test_models_are_listed_by_name(client: TestClient) -> None:
    assert client.get("/v1/models").json() == {"models": ["digits", "digits-mlp"]}


@pytest.mark.parametrize(
    ("address", "versions"),
    [("digits", VERSIONS[::-1]), (f"digits/versions/{PREVIOUS}", [PREVIOUS]), ("digits/labels/stable", [PREVIOUS])],
)
def test_status_fits_clients_of_both_protocols(client: TestClient, address: str, versions: list[str]) -> None:
    ok = {"error_code": "OK", "error_message": ""}
    available = [{"version": version, "state": "AVAILABLE", "status": ok} for version in versions]
    status = client.get(f"/v1/models/{address}").json()
    assert status == {"name": "digits", "ready": True, "model_version_status": available}


def test_metadata_is_the_signature_of_predict(client: TestClient) -> None:
    metadata = client.get(f"/v1/models/digits/versions/{PREVIOUS}/metadata").json()
    assert metadata["model_spec"] == {"name": "digits", "signature_name": "", "version": PREVIOUS}
    signature = metadata["metadata"]["signature_def"]["signature_def"]["serving_default"]
    assert signature["method_name"] == "tensorflow/serving/predict"
    assert shape_of(signature["inputs"]["image"]) == ("DT_UINT8", ["-1", "28", "28"])
    assert shape_of(signature["outputs"]["probabilities"]) == ("DT_FLOAT", ["-1", "10"])


def shape_of(info: dict[str, Any]) -> tuple[str, list[str]]:
    return info["dtype"], [dimension["size"] for dimension in info["tensor_shape"]["dim"]]


def test_stopping_is_not_ready(models: Path) -> None:
    app = create_app(Settings(models=models, device="cpu"))
    with TestClient(app) as client:
        app.state.stopping = True
        assert_problem(client.get("/v1/models/digits"), 503, "stopping")


# --- bad addresses ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["digits:classify", "digits:regress", f"digits/versions/{PREVIOUS}:classify"])
def test_classify_and_regress_are_refused(client: TestClient, path: str) -> None:
    problem = assert_problem(ask(client, {"examples": []}, f"/v1/models/{path}"), 400, "invalid-request")
    assert "use :predict" in problem["error"]


@pytest.mark.parametrize(
    ("method", "path"),
    [
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
def test_path_outside_the_protocol_is_malformed(client: TestClient, method: str, path: str) -> None:
    problem = assert_problem(client.request(method, path), 400, "invalid-request")
    assert problem["error"] == f"Malformed request: {method} {path}"


def test_get_of_predict_is_refused(client: TestClient) -> None:
    for path in (PREDICT, f"/v1/models/digits/versions/{PREVIOUS}:predict", "/v1/models/digits/labels/stable:predict"):
        response = client.get(path)
        assert_problem(response, 405, "method-not-allowed")
        assert response.headers["allow"] == "POST"
