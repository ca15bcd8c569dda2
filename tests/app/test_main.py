"""Who may import whom."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from tests.conftest import ROOT

# Each module of app may import these others of app, and nothing else of it.
ALLOWED = {
    "errors": set(),
    "metrics": set(),
    "context": set(),
    "logs": {"context"},
    "cuda": {"errors"},
    "model": {"errors", "cuda"},
    "decoding": {"errors"},
    "paper": {"decoding"},
    "frames": {"decoding", "paper"},
    "ink": {"decoding", "errors", "frames", "paper"},
    "image": {"decoding", "ink"},
    "cuts": {"image", "ink", "model"},
    "forms": {"frames", "ink", "paper"},
    "lines": {"cuts", "decoding", "errors", "forms", "frames", "image", "ink", "model"},
    "tensors": {"errors", "model"},
    "pictures": {"decoding", "errors", "image", "model"},
    "batching": {"errors", "metrics", "model"},
    "signature": {"errors"},
    "versions": {"errors", "signature"},
    "servable": {"batching", "context", "metrics", "model", "versions"},
    "repository": {"batching", "errors", "metrics", "model", "servable", "signature", "versions"},
    "explain": {"errors", "model"},
    "statistics": {"metrics"},
    "security": {"errors", "logs", "metrics"},
    "fastlane": {"context", "metrics", "security"},
    "protocol": {"context", "errors", "fastlane", "security"},
    "bodies": {"errors", "fastlane", "pictures"},
    "inference": {"errors", "fastlane", "model", "pictures", "tensors"},
    "instances": {"errors", "model", "pictures", "tensors"},
    "tracing": {"errors", "security"},
    "settings": {"logs", "model"},  # for the types of two settings
    "offline": {"decoding", "errors", "image", "lines", "model", "versions"},
    "api.digits": {"errors", "bodies", "decoding", "explain", "fastlane", "lines", "model", "pictures", "servable"},
    "api.models": {"bodies", "errors", "model", "repository", "servable", "versions"},
    "api.health": {"errors", "metrics", "model", "repository"},
    "api.v1": {"errors", "explain", "fastlane", "instances", "model", "pictures", "repository", "servable"},
    "api.v2": {
        *("errors", "fastlane", "inference", "model", "pictures", "repository", "servable", "statistics", "tensors")
    },
    "api.control": {"errors", "repository", "security"},
    "api.clouds": {"errors", "fastlane", "tensors"},
    "pages": set(),
    "examples": set(),
    "contract": {"errors", "examples", "security"},
    "main": {
        *("__version__", "api", "batching", "bodies", "errors", "fastlane", "repository", "security", "settings"),
        *("context", "contract", "pages", "tracing", "versions"),
    },
    "server": {"errors", "main", "metrics", "model", "protocol", "settings"},
    "workers": {"errors"},
    "__main__": {"errors", "logs", "model", "offline", "server", "settings", "signature", "versions", "workers"},
}
# What training may import of app.
OF_TRAINING = {"app.decoding", "app.errors", "app.image", "app.lines", "app.model", "app.signature", "app.versions"}
HEAVY = ("training", "tensorflow", "keras", "matplotlib")


def module_name(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts)


def imports(path: Path) -> set[str]:
    """The modules a file imports, `from app import image` counted as app.image."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            inner = node.module in ("app", "app.api")
            found |= {f"{node.module}.{alias.name}" for alias in node.names} if inner else {node.module}
    return found


@pytest.mark.parametrize("path", sorted((ROOT / "app").rglob("*.py")), ids=module_name)
def test_app_imports_in_one_direction(path: Path) -> None:
    name = module_name(path).removeprefix("app.")
    own = {each.removeprefix("app.") for each in imports(path) if each.startswith("app.")}
    own = {"api" if name == "main" and each.startswith("api.") else each for each in own}
    assert own <= ALLOWED.get(name, set())


@pytest.mark.parametrize("path", sorted((ROOT / "app").rglob("*.py")), ids=module_name)
def test_app_never_imports_what_trains(path: Path) -> None:
    assert not [each for each in imports(path) if each.split(".")[0] in HEAVY]


@pytest.mark.parametrize("path", sorted((ROOT / "training").rglob("*.py")), ids=module_name)
def test_training_imports_only_these_modules_of_app(path: Path) -> None:
    assert {each for each in imports(path) if each.split(".")[0] == "app"} <= OF_TRAINING


def test_matplotlib_is_imported_where_plots_are_drawn_alone() -> None:
    importers = [p.name for p in (ROOT / "training").rglob("*.py") if any("matplotlib" in each for each in imports(p))]
    assert importers == ["plots.py"]


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
