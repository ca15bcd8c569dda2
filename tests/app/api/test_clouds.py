"""SageMaker's and Vertex AI's routes."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from starlette.testclient import TestClient

from app.main import create_app
from app.settings import Settings
from tests.support.invocations import argmax, invoke, npy
from tests.support.problems import assert_problem
from tests.support.responses import assert_same_response
from tests.support.served_client import ServedClient
from tests.support.v1_requests import ONE

VERTEX = "/v1/endpoints/7/deployedModels/8"


def test_ping_is_200_with_an_empty_body_and_503_while_stopping(models: Path) -> None:
    app = create_app(Settings(models=models, device="cpu"))
    with TestClient(app) as client:
        ping = client.get("/ping")
        assert (ping.status_code, ping.content) == (200, b"")
        app.state.stopping = True
        assert_problem(client.get("/ping"), 503, "stopping")


@pytest.mark.parametrize("kind", ["image/png", "application/octet-stream", "application/x-image", ""])
def test_picture_is_answered_as_predict_answers_it(client: TestClient, seven_png: bytes, kind: str) -> None:
    prediction = invoke(client, seven_png, kind).json()
    assert prediction == client.post("/predict", content=seven_png).json()
    assert prediction["predictions"][0]["digit"] == 7


@pytest.mark.parametrize("kind", ["application/json", "application/octet-stream", "text/plain"])
def test_json_is_read_by_its_members(client: TestClient, seven: NDArray[np.uint8], seven_png: bytes, kind: str) -> None:
    picture = base64.b64encode(seven_png).decode()
    assert argmax(invoke(client, json.dumps({"instances": [seven.tolist()]}).encode(), kind)) == [7]
    assert argmax(invoke(client, json.dumps({"instances": [{"b64": picture}]}).encode(), kind)) == [7]
    outputs = invoke(client, json.dumps({"inputs": [seven.tolist()]}).encode(), kind).json()["outputs"]
    assert np.argmax(outputs) == 7
    prediction = invoke(client, (' { "images" : ["' + picture + '"]}').encode(), kind).json()
    assert prediction["predictions"][0]["digit"] == 7


@pytest.mark.parametrize("kind", ["application/json", "application/x-www-form-urlencoded"])
def test_list_is_one_of_instances(client: TestClient, seven: NDArray[np.uint8], seven_png: bytes, kind: str) -> None:
    """As SageMaker's SDK writes an array."""
    for body in (json.dumps([seven.tolist()]), "\ufeff " + json.dumps([seven.ravel().tolist()]) + "\n"):
        assert argmax(invoke(client, body.encode(), kind)) == [7]
    pictures = [{"b64": base64.b64encode(seven_png).decode()}] * 2
    assert argmax(invoke(client, json.dumps(pictures).encode(), kind)) == [7, 7]


@pytest.mark.parametrize("kind", ["application/jsonlines", "application/x-ndjson; charset=utf-8"])
def test_line_of_json_lines_is_an_instance(
    client: TestClient, seven: NDArray[np.uint8], seven_png: bytes, kind: str
) -> None:
    """As SageMaker's batch transform sends them."""
    picture, image = {"b64": base64.b64encode(seven_png).decode()}, {"image": seven.tolist()}
    for line in (picture, image, seven.tolist()):
        assert argmax(invoke(client, (json.dumps(line) + "\r\n\n" + json.dumps(line)).encode(), kind)) == [7, 7]
    for body in (b"", b"{}\n{", b"1]\n"):
        assert_problem(invoke(client, body, kind), 400, "invalid-request")


def test_array_is_answered_with_an_array_if_accepted(client: TestClient, seven: NDArray[np.uint8]) -> None:
    body = npy(np.stack([seven, seven]))
    in_json = invoke(client, body)  # recognized by its first bytes
    in_array = invoke(client, body, "application/x-npy", "application/x-npy")
    assert in_array.headers["content-type"] == "application/x-npy"
    assert np.load(io.BytesIO(in_array.content)) == pytest.approx(np.array(in_json.json()["predictions"]), abs=1e-6)


@pytest.mark.parametrize("body", [b"", b"{", b"{}", b'{"images": []}', b'{"images": [1]}', b'{"instances": []}'])
def test_bad_body_is_refused(client: TestClient, body: bytes) -> None:
    for kind in ("application/json", "application/octet-stream"):
        assert_problem(invoke(client, body, kind), 400, "invalid-request")


def test_fast_path_and_fastapi_respond_alike(
    client: TestClient, plain_client: TestClient, seven: NDArray[np.uint8], seven_png: bytes
) -> None:
    instances = json.dumps({"instances": [seven.tolist()]}).encode()
    pickled = npy(np.array([{"a": 1}], object))
    for body in (seven_png, npy(seven[np.newaxis]), pickled, instances, b"", b"{", b"[1]"):
        for kind in ("application/json", "application/x-npy", "image/png"):
            assert_same_response(invoke(client, body, kind), invoke(plain_client, body, kind))


def test_json_of_no_known_form_is_refused_with_the_members_it_may_have(client: TestClient) -> None:
    problem = assert_problem(invoke(client, b"1", "application/json"), 400, "invalid-request")
    assert "'instances' or 'inputs'" in problem["detail"]


# --- Vertex AI -------------------------------------------------------------------------------------------------------


@pytest.fixture
def client_of(models: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., TestClient]:
    """Makes a client of a service with these routes in its environment."""

    def client_of(health: str, predict: str, kind: type[TestClient] = ServedClient) -> TestClient:
        monkeypatch.setenv("AIP_HEALTH_ROUTE", health)
        monkeypatch.setenv("AIP_PREDICT_ROUTE", predict)
        return kind(create_app(Settings(models=models, device="cpu")))

    return client_of


@pytest.mark.parametrize("kind", [ServedClient, TestClient])
def test_routes_of_the_environment_are_ping_and_invocations(
    client_of: Callable[..., TestClient], seven: NDArray[np.uint8], kind: type[TestClient]
) -> None:
    with client_of(VERTEX, VERTEX + ":predict", kind) as client:
        assert client.get(VERTEX).status_code == 200
        request = {"instances": [seven.tolist(), seven.tolist()], "parameters": {"confidence": 0.5}}
        assert argmax(client.post(VERTEX + ":predict", json=request)) == [7, 7]
        assert_problem(client.post(VERTEX + ":predict", json={"instances": []}), 400, "invalid-request")
        client.app.state.stopping = True  # type: ignore[attr-defined]
        assert_problem(client.get(VERTEX), 503, "stopping")
        assert VERTEX not in client.get("/openapi.json").text


@pytest.mark.parametrize("kind", [ServedClient, TestClient])
def test_route_of_the_environment_takes_precedence_over_our_own(
    client_of: Callable[..., TestClient], seven: NDArray[np.uint8], seven_png: bytes, kind: type[TestClient]
) -> None:
    with client_of("/health", "/predict", kind) as client:
        assert argmax(client.post("/predict", json={"instances": [seven.tolist()]})) == [7]
        assert client.post("/predict", content=seven_png).json()["predictions"][0]["digit"] == 7
        client.app.state.stopping = True  # type: ignore[attr-defined]
        assert_problem(client.get("/health"), 503, "stopping")
    with client_of("/ping", "/invocations", kind) as client:
        assert client.get("/ping").status_code == 200
        assert client.get("/openapi.json").status_code == 200  # no operation twice


@pytest.mark.parametrize("route", ["/", VERTEX])
def test_one_route_may_be_health_and_predict(
    client_of: Callable[..., TestClient], seven: NDArray[np.uint8], route: str
) -> None:
    with client_of(route, route) as client:
        assert client.get(route).status_code == 200
        assert argmax(client.post(route, json={"instances": [seven.tolist()]})) == [7]


def test_route_of_another_protocol_keeps_that_protocol(client_of: Callable[..., TestClient]) -> None:
    with client_of("/v1/models/digits-mlp", "/v1/models/digits-mlp:predict") as client:
        assert client.get("/v1/models/digits-mlp").json()["name"] == "digits-mlp"
        request = {"instances": [ONE]}
        named = client.post("/v1/models/digits-mlp:predict", json=request).json()
        assert named != client.post("/v1/models/digits:predict", json=request).json()
