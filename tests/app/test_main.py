"""The application: its operations, its description, its pages, and the order of its layers."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import Response
from starlette.testclient import TestClient

from app.main import create_app
from app.settings import Settings
from tests.conftest import ROOT

HEAVY = ("training", "tensorflow", "keras", "matplotlib")


def test_importing_the_service_loads_nothing_of_training() -> None:
    code = "import app.main, sys; print([name for name in sys.modules if name.split('.')[0] in " + repr(HEAVY) + "])"
    loaded = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert loaded.stdout.strip() == "[]"


def test_operations_have_names_that_stay(client: TestClient) -> None:
    paths = client.get("/openapi.json").json()["paths"]
    operations = {
        (method, path): operation["operationId"]
        for path, operations in paths.items()
        for method, operation in operations.items()
    }
    named = {(method, path) for method, path in operations if not path.startswith(("/v1", "/v2"))}
    assert {key: operations[key] for key in named} == {
        ("post", "/predict"): "predict",
        ("post", "/read"): "read",
        ("post", "/explain"): "explain",
        ("post", "/corrections"): "correct",
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
    assert {name for name in operations.values() if name.startswith("v1")} == {
        "v1_list_models",
        *(f"v1_{verb}{kind}" for verb in ("predict", "explain", "status", "metadata") for kind in kinds),
    }
    assert {name for name in operations.values() if name.startswith("v2")} == {
        *("v2_live", "v2_ready", "v2_server", "v2_list_models", "v2_statistics"),
        *("v2_repository_index", "v2_load_model", "v2_unload_model"),
        *(f"v2_{verb}{kind}" for verb in ("model", "model_ready", "model_statistics", "infer") for kind in kinds[:2]),
    }


def test_openapi_tells_the_three_forms_of_a_request_and_every_refusal(client: TestClient) -> None:
    predict = client.get("/openapi.json").json()["paths"]["/predict"]["post"]
    assert {"image/png", "multipart/form-data", "application/json"} <= set(predict["requestBody"]["content"])
    assert {"200", "400", "404", "413", "415", "422", "503"} <= set(predict["responses"])


def test_page_and_documentation_are_served(client: TestClient) -> None:
    assert "<canvas" in client.get("/", headers={"Accept": "text/html"}).text
    assert client.get("/").json() == {"status": "alive"}  # KServe's V1 clients ask here
    assert client.get("/static/seven.png").headers["content-type"] == "image/png"
    assert client.get("/docs").status_code == 200


# --- CORS is outside the problems -------------------------------------------------------------------------------------

ORIGIN = {"Origin": "https://app.example"}


@pytest.fixture(scope="module")
def shared(models: Path) -> Iterator[TestClient]:
    """Pages of one origin may use the service."""
    settings = Settings(models=models, device="cpu", cors_origins=("https://app.example",))
    with TestClient(create_app(settings), raise_server_exceptions=False) as client:
        yield client


@pytest.mark.parametrize(
    ("status", "request_"),
    [
        (200, {"method": "GET", "url": "/health"}),
        (404, {"method": "GET", "url": "/nothing"}),
        (405, {"method": "GET", "url": "/predict"}),
        (415, {"method": "POST", "url": "/predict", "content": b"x"}),
        (413, {"method": "POST", "url": "/predict", "content": bytes(17 * 2**20)}),
    ],
)
def test_every_response_can_be_read_by_an_allowed_page(
    shared: TestClient, status: int, request_: dict[str, Any]
) -> None:
    response = shared.request(**request_, headers=ORIGIN)
    assert response.status_code == status
    assert response.headers["access-control-allow-origin"] == "https://app.example"


async def fail(request: Request) -> Response:
    raise RuntimeError("the password is 1234")


def test_unexpected_error_can_be_read_by_an_allowed_page(models: Path) -> None:
    app = create_app(Settings(models=models, device="cpu", cors_origins=("*",)))
    app.add_api_route("/fail", fail, methods=["POST"])
    with TestClient(app) as client:
        response = client.post("/fail", headers=ORIGIN)
    assert response.status_code == 500
    assert response.headers["access-control-allow-origin"] == "*"


def test_other_pages_are_not_allowed_by_default(client: TestClient) -> None:
    assert "access-control-allow-origin" not in client.get("/health", headers=ORIGIN).headers
