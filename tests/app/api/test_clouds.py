"""SageMaker's and Vertex AI's addresses, and the port and routes that a platform names."""

from __future__ import annotations

import ast
import base64
import io
import json
import os
import random
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from pydantic import ValidationError
from starlette.testclient import TestClient

from app.codecs.npy import decode_npy
from app.errors import ServiceError
from app.main import create_app
from app.settings import Settings
from tests.app.api.test_digits import assert_problem
from tests.conftest import ROOT
from tests.support.served_client import ServedClient
from tests.support.service import TIMEOUT_S, serving

VERTEX = "/v1/endpoints/7/deployedModels/8"


def npy(array: NDArray[Any]) -> bytes:
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def invoke(client: TestClient, body: bytes, kind: str = "application/octet-stream", accept: str = "*/*") -> Any:
    return client.post("/invocations", content=body, headers={"Content-Type": kind, "Accept": accept})


def argmax(answer: Any) -> list[int]:
    assert answer.status_code == 200, answer.text
    return [int(each) for each in np.argmax(answer.json()["predictions"], axis=1)]


# --- SageMaker --------------------------------------------------------------------------------------------------------


def test_ping_is_200_with_nothing_in_it_and_503_when_stopping(models: Path) -> None:
    app = create_app(Settings(models=models, device="cpu"))
    with TestClient(app) as client:
        ping = client.get("/ping")
        assert (ping.status_code, ping.content) == (200, b"")
        app.state.stopping = True
        assert_problem(client.get("/ping"), 503, "stopping")


@pytest.mark.parametrize("kind", ["image/png", "application/octet-stream", "application/x-image", ""])
def test_picture_is_answered_as_predict_answers_it(client: TestClient, seven_png: bytes, kind: str) -> None:
    answer = invoke(client, seven_png, kind)
    assert answer.json() == client.post("/predict", content=seven_png).json()
    assert answer.json()["predictions"][0]["digit"] == 7


@pytest.mark.parametrize("kind", ["application/json", "application/octet-stream", "text/plain"])
def test_json_is_what_its_members_say(
    client: TestClient, seven: NDArray[np.uint8], seven_png: bytes, kind: str
) -> None:
    picture = base64.b64encode(seven_png).decode()
    assert argmax(invoke(client, json.dumps({"instances": [seven.tolist()]}).encode(), kind)) == [7]
    assert argmax(invoke(client, json.dumps({"instances": [{"b64": picture}]}).encode(), kind)) == [7]
    outputs = invoke(client, json.dumps({"inputs": [seven.tolist()]}).encode(), kind).json()["outputs"]
    assert np.argmax(outputs) == 7
    ours = invoke(client, (' { "images" : ["' + picture + '"]}').encode(), kind).json()
    assert ours["predictions"][0]["digit"] == 7


@pytest.mark.parametrize("dtype", ["u1", "<i8", ">i4", "<f4", ">f8", "<f2", "?"])
def test_array_of_any_type_is_read(client: TestClient, seven: NDArray[np.uint8], dtype: str) -> None:
    array = (seven > 127 if dtype == "?" else seven).astype(dtype).reshape(1, 28, 28)
    for each in (array, np.asfortranarray(array), array.reshape(1, 784)):
        assert argmax(invoke(client, npy(each), "application/x-npy")) == [7]


def test_array_is_answered_as_one_if_asked_for(client: TestClient, seven: NDArray[np.uint8]) -> None:
    body = npy(np.stack([seven, seven]))
    in_json = invoke(client, body)  # its first bytes say what it is
    in_array = invoke(client, body, "application/x-npy", "application/x-npy")
    assert in_array.headers["content-type"] == "application/x-npy"
    assert np.load(io.BytesIO(in_array.content)) == pytest.approx(np.array(in_json.json()["predictions"]), abs=1e-6)


def header(text: str, version: bytes = b"\x01\x00", rest: bytes = b"") -> bytes:
    content = text.encode() + b"\n"
    return b"\x93NUMPY" + version + len(content).to_bytes(2 if version == b"\x01\x00" else 4, "little") + content + rest


def says(shape: str, dtype: str = "'|u1'") -> str:
    return f"{{'descr': {dtype}, 'fortran_order': False, 'shape': {shape}, }}"


PICKLED = npy(np.array([{"a": 1}], object))
BAD_ARRAYS = {
    "empty": b"",
    "text": b"I am an array",
    "magic alone": b"\x93NUMPY",
    "no version": header("", b"\x09\x00"),
    "no header": header(""),
    "no dictionary": header("[1]"),
    "nested header": header("(" * 9000),
    "signs": header("-" * 9000 + "1"),
    "header longer than the body": b"\x93NUMPY\x01\x00\xff\xff{",
    "huge header": b"\x93NUMPY\x02\x00\xff\xff\xff\xff{",
    "pickled": PICKLED,
    "strings": npy(np.array(["a"])),
    "records": npy(np.zeros(1, [("a", "u1", 784)])),
    "complex": npy(np.zeros((1, 784), complex)),
    "dates": npy(np.zeros((1, 784), "M8[s]")),
    "wrong shape": npy(np.zeros((28, 28))),
    "no image": npy(np.zeros((0, 28, 28))),
    "five dimensions": npy(np.zeros((1, 1, 1, 28, 28))),
    "scalar": npy(np.zeros(())),
    "NaN": npy(np.full((1, 784), np.nan)),
    "infinite": npy(np.full((1, 784), np.inf)),
    "negative": npy(np.full((1, 784), -1)),
    "too bright": npy(np.full((1, 784), 256)),
    "lying": header(says("(2, 28, 28)"), rest=bytes(784)),
    "lying hugely": header(says("(10**15, 28, 28)"), rest=bytes(784)),
    "lying hugely in digits": header(says("(1000000000000000, 28, 28)"), rest=bytes(784)),
    "negative size": header(says("(-1, 28, 28)"), rest=bytes(784)),
    "two negative sizes": header(says("(1, -28, -28)"), rest=bytes(784)),
    "size of no number": header(says("('1', 28, 28)"), rest=bytes(784)),
    "no type": header(says("(1, 784)", "'nothing'"), rest=bytes(784)),
    "type of many": header(says("(1, 28, 28)", "('|u1', (784,))"), rest=bytes(784)),
    "more bytes than it says": header(says("(1, 784)"), rest=bytes(785)),
}


@pytest.mark.parametrize("body", BAD_ARRAYS.values(), ids=list(BAD_ARRAYS))
def test_bad_array_is_refused(client: TestClient, body: bytes) -> None:
    assert_problem(invoke(client, body, "application/x-npy"), 400, "invalid-request")


def test_array_with_python_2s_numbers_is_read() -> None:
    assert decode_npy(header(says("(1L, 784L)"), rest=bytes(784))).shape == (1, 784)


def test_mutations_of_an_array_are_read_or_refused(seven: NDArray[np.uint8]) -> None:
    rng, body = random.Random(0), npy(seven[np.newaxis])
    refused = 0
    for _ in range(500):
        changed = bytearray(body)
        for _ in range(rng.randint(1, 3)):
            changed[rng.randrange(128)] = rng.choice([*b"0123456789'(),{}<>|=uifbOSUV-", rng.randrange(256)])
        try:
            decode_npy(bytes(changed))
        except ServiceError:
            refused += 1
    assert 100 < refused < 500


@pytest.mark.parametrize("body", [b"", b"{", b"{}", b'{"images": []}', b'{"images": [1]}', b'{"instances": []}'])
def test_bad_body_is_refused(client: TestClient, body: bytes) -> None:
    for kind in ("application/json", "application/octet-stream"):
        assert_problem(invoke(client, body, kind), 400, "invalid-request")


def test_fast_lane_and_fastapi_answer_alike(
    client: TestClient, plain_client: TestClient, seven: NDArray[np.uint8], seven_png: bytes
) -> None:
    instances = json.dumps({"instances": [seven.tolist()]}).encode()
    for body in (seven_png, npy(seven[np.newaxis]), PICKLED, instances, b"", b"{", b"[1]"):
        for kind in ("application/json", "application/x-npy", "image/png"):
            one, other = invoke(client, body, kind), invoke(plain_client, body, kind)
            assert (one.status_code, one.headers["content-type"]) == (other.status_code, other.headers["content-type"])
            assert one.content == other.content


def test_json_of_no_known_form_is_told_the_protocols(client: TestClient) -> None:
    problem = assert_problem(invoke(client, b"[1]", "application/json"), 400, "invalid-request")
    assert "'instances' or 'inputs'" in problem["detail"]


# --- Vertex AI --------------------------------------------------------------------------------------------------------


@pytest.fixture
def client_of(models: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., TestClient]:
    """A client of a service that was started with these routes in its environment."""

    def client_of(health: str, predict: str, way: type[TestClient] = ServedClient) -> TestClient:
        monkeypatch.setenv("AIP_HEALTH_ROUTE", health)
        monkeypatch.setenv("AIP_PREDICT_ROUTE", predict)
        return way(create_app(Settings(models=models, device="cpu")))

    return client_of


@pytest.mark.parametrize("way", [ServedClient, TestClient])
def test_routes_of_the_environment_are_health_and_predict(
    client_of: Callable[..., TestClient], seven: NDArray[np.uint8], way: type[TestClient]
) -> None:
    with client_of(VERTEX, VERTEX + ":predict", way) as client:
        assert client.get(VERTEX).status_code == 200
        request = {"instances": [seven.tolist(), seven.tolist()], "parameters": {"confidence": 0.5}}
        assert argmax(client.post(VERTEX + ":predict", json=request)) == [7, 7]
        assert_problem(client.post(VERTEX + ":predict", json={"instances": []}), 400, "invalid-request")
        client.app.state.stopping = True  # type: ignore[attr-defined]
        assert_problem(client.get(VERTEX), 503, "stopping")
        assert VERTEX not in client.get("/openapi.json").text


@pytest.mark.parametrize("way", [ServedClient, TestClient])
def test_route_of_the_environment_may_be_one_of_ours(
    client_of: Callable[..., TestClient], seven: NDArray[np.uint8], seven_png: bytes, way: type[TestClient]
) -> None:
    with client_of("/health", "/predict", way) as client:
        assert argmax(client.post("/predict", json={"instances": [seven.tolist()]})) == [7]
        assert client.post("/predict", content=seven_png).json()["predictions"][0]["digit"] == 7
        client.app.state.stopping = True  # type: ignore[attr-defined]
        assert_problem(client.get("/health"), 503, "stopping")
    with client_of("/ping", "/invocations", way) as client:
        assert client.get("/ping").status_code == 200
        assert client.get("/openapi.json").status_code == 200  # no operation twice


@pytest.mark.parametrize("route", ["/", VERTEX])
def test_one_route_may_be_both(client_of: Callable[..., TestClient], seven: NDArray[np.uint8], route: str) -> None:
    with client_of(route, route) as client:
        assert client.get(route).status_code == 200
        assert argmax(client.post(route, json={"instances": [seven.tolist()]})) == [7]


def test_route_of_another_protocol_stays_that_protocols(client_of: Callable[..., TestClient]) -> None:
    with client_of("/v1/models/digits-mlp", "/v1/models/digits-mlp:predict") as client:
        assert client.get("/v1/models/digits-mlp").json()["name"] == "digits-mlp"
        request = {"instances": np.zeros((1, 784), int).tolist()}
        named = client.post("/v1/models/digits-mlp:predict", json=request).json()
        assert named != client.post("/v1/models/digits:predict", json=request).json()


@pytest.mark.parametrize("route", ["health", "/a/{name}", "/a?b", "/a#b"])
def test_route_that_is_none_is_refused(monkeypatch: pytest.MonkeyPatch, route: str) -> None:
    monkeypatch.setenv("AIP_PREDICT_ROUTE", route)
    with pytest.raises(ValidationError):
        Settings()


# --- the port ---------------------------------------------------------------------------------------------------------


def test_port_is_ours_before_it_is_the_platforms(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SAGEMAKER_BIND_TO_PORT", "8081")
    assert Settings().port == 8081
    monkeypatch.setenv("AIP_HTTP_PORT", "8082")
    assert Settings().port == 8082
    monkeypatch.setenv("DIGITS_PORT", "8083")
    assert Settings().port == 8083
    assert Settings(port=8084).port == 8084


def test_image_leaves_the_port_open_and_its_health_check_finds_it() -> None:
    dockerfile = (ROOT / "Dockerfile").read_text()
    assert "DIGITS_PORT=" not in dockerfile
    found = re.search(r"^HEALTHCHECK .*\n\s+CMD (\[.*\])$", dockerfile, re.MULTILINE)
    assert found
    _, *arguments = ast.literal_eval(found[1])
    names = ("DIGITS_PORT", "AIP_HTTP_PORT", "SAGEMAKER_BIND_TO_PORT")
    clean = {name: value for name, value in os.environ.items() if name not in names}
    with serving("--device", "cpu") as service:
        port = service.address.rsplit(":", 1)[1]
        for environment, status in (
            [({name: port}, 0) for name in names]
            + [({name: "1"}, 1) for name in names]
            + [({"DIGITS_PORT": port, "AIP_HTTP_PORT": "1"}, 0), ({"AIP_HTTP_PORT": "1"}, 1)]
        ):
            check = subprocess.run(
                [sys.executable, *arguments], env=clean | environment, check=False, capture_output=True, timeout=TIMEOUT_S
            )
            assert check.returncode == status, environment


# --- labels -----------------------------------------------------------------------------------------------------------


def test_labels_are_listed_with_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DIGITS_VERSION_LABELS", "digits/stable=1, digits/canary=2,")
    assert Settings().version_labels == (("digits", "stable", 1), ("digits", "canary", 2))


@pytest.mark.parametrize(
    "labels", ["stable=1", "digits/stable", "digits/stable=new", "digits/stable=1,digits/stable=2", "a/b:c=1"]
)
def test_labels_that_are_written_wrongly_are_refused(monkeypatch: pytest.MonkeyPatch, labels: str) -> None:
    monkeypatch.setenv("DIGITS_VERSION_LABELS", labels)
    with pytest.raises(ValidationError):
        Settings()
