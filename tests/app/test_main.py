"""The application: its operations, its description and its pages."""

from __future__ import annotations

import subprocess
import sys

from starlette.testclient import TestClient

from tests.conftest import ROOT

HEAVY = ("training", "tensorflow", "keras", "matplotlib")


def test_importing_the_service_loads_nothing_of_training() -> None:
    code = "import app.main, sys; print([name for name in sys.modules if name.split('.')[0] in " + repr(HEAVY) + "])"
    loaded = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert loaded.stdout.strip() == "[]"


def test_operations_have_names_that_stay(client: TestClient) -> None:
    paths = client.get("/openapi.json").json()["paths"]
    operations = {(method, path): each["operationId"] for path, of in paths.items() for method, each in of.items()}
    named = {(method, path) for method, path in operations if not path.startswith(("/v1", "/v2"))}
    assert {key: operations[key] for key in named} == {
        ("post", "/predict"): "predict",
        ("post", "/read"): "read",
        ("post", "/explain"): "explain",
        ("get", "/models"): "list_models",
        ("get", "/models/{name}"): "get_model",
        ("get", "/models/{name}/{version}/model.onnx"): "get_graph",
        ("get", "/health"): "health",
        ("get", "/health/live"): "live",
        ("get", "/health/ready"): "ready",
        ("get", "/metrics"): "metrics",
        ("get", "/ping"): "ping",
        ("post", "/invocations"): "invocations",
    }
    kinds = ("", "_of_version", "_of_label")
    assert {each for each in operations.values() if each.startswith("v1")} == {
        "v1_list_models",
        *(f"v1_{what}{kind}" for what in ("predict", "explain", "status", "metadata") for kind in kinds),
    }
    assert {each for each in operations.values() if each.startswith("v2")} == {
        *("v2_live", "v2_ready", "v2_server", "v2_statistics"),
        *("v2_repository_index", "v2_load_model", "v2_unload_model"),
        *(f"v2_{what}{kind}" for what in ("model", "model_ready", "model_statistics", "infer") for kind in kinds[:2]),
    }


def test_openapi_tells_the_three_forms_of_a_request_and_every_refusal(client: TestClient) -> None:
    predict = client.get("/openapi.json").json()["paths"]["/predict"]["post"]
    assert {"image/png", "multipart/form-data", "application/json"} <= set(predict["requestBody"]["content"])
    assert {"200", "400", "404", "413", "415", "422", "503"} <= set(predict["responses"])


def test_page_and_documentation_are_served(client: TestClient) -> None:
    assert "<canvas" in client.get("/", headers={"Accept": "text/html"}).text
    assert client.get("/").json() == {"status": "alive"}  # as KServe's V1 clients ask
    assert client.get("/static/seven.png").headers["content-type"] == "image/png"
    assert client.get("/docs").status_code == 200


def test_parameter_of_a_wrong_kind_is_named_in_a_problem(client: TestClient) -> None:
    answer = client.get("/models/digits/newest/model.onnx")
    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["detail"].startswith("The parameter 'version' is wrong: ")
