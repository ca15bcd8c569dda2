"""HEAD wherever GET is, OPTIONS and 405, and one path for all ways to write it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.routing import Mount
from starlette.testclient import TestClient

from app.http.routing import canonical_path
from app.main import create_app
from app.settings import Settings
from tests.conftest import NEWEST
from tests.support.problems import assert_problem
from tests.support.served_client import ServedClient

VALUES = {"name": "digits", "version": NEWEST, "label": "stable"}
FILES = ("/docs", "/openapi.json", "/static/seven.png", "/docs/files/swagger-ui.css", "/static/ondevice/constants.js")


@pytest.fixture(scope="module")
def prefixed(models: Path) -> Iterator[TestClient]:
    settings = Settings(models=models, device="cpu", root_path="/ml/digits/", health_route="/well/", access_log=True)
    with ServedClient(create_app(settings)) as client:
        yield client


@pytest.mark.parametrize(
    ("path", "canonical"),
    [
        ("/", "/"),
        ("", "/"),
        ("//", "/"),
        ("/predict", "/predict"),
        ("/predict/", "/predict"),
        ("//predict//", "/predict"),
        ("/./predict/.", "/predict"),
        ("/ml", "/"),
        ("/ml/", "/"),
        ("/ml/predict", "/predict"),
        ("//ml//predict/", "/predict"),
        ("/mlx/predict", "/mlx/predict"),
        ("/ml/ml/predict", "/ml/predict"),
        ("/static/../metrics", "/static/../metrics"),
        ("//evil.example/", "/evil.example"),
    ],
)
def test_path_has_one_form(path: str, canonical: str) -> None:
    assert canonical_path(path, "/ml") == canonical


def get_paths(client: TestClient) -> list[str]:
    documented = client.get("/openapi.json").json()["paths"]
    paths = [path.format_map(VALUES) for path, operations in documented.items() if "get" in operations]
    return [*paths, *FILES, "/"]


def test_head_has_the_headers_of_get_and_no_body(plain_client: TestClient) -> None:
    for path in get_paths(plain_client):
        get, head = plain_client.get(path), plain_client.head(path)
        assert head.content == b""
        assert head.status_code == get.status_code, path
        changing = {"x-request-id"} | ({"content-length"} if path == "/metrics" else set())
        assert "content-length" in head.headers
        assert {k: v for k, v in head.headers.items() if k not in changing} == {
            k: v for k, v in get.headers.items() if k not in changing
        }, path


def test_head_of_a_problem_has_its_headers(client: TestClient) -> None:
    for path, status in (("/nothing", 404), ("/predict", 405), ("/models/nothing", 404)):
        head = client.head(path)
        assert (head.status_code, head.content) == (status, b"")
        assert int(head.headers["content-length"]) > 0


def test_head_of_a_range_is_about_the_whole_file(client: TestClient) -> None:
    whole = client.get("/static/seven.png")
    part = client.head("/static/seven.png", headers={"Range": "bytes=0-9"})
    assert (part.status_code, part.headers["content-length"]) == (200, whole.headers["content-length"])


def test_head_is_counted_and_logged_as_itself(prefixed: TestClient, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "app.access")
    before = count_of_route(prefixed, "/models/{name}")
    prefixed.head("/models/digits")
    assert any("HEAD /models/digits" in record.getMessage() for record in caplog.records)
    assert count_of_route(prefixed, "/models/{name}") == before + 1


def count_of_route(client: TestClient, route: str) -> float:
    counts = re.findall(r"^digits_request_seconds_count{(.*)} (\S+)$", client.get("/metrics").text, re.MULTILINE)
    return sum(float(count) for labels, count in counts if f'route="{route}"' in labels)


@pytest.mark.parametrize(
    ("path", "allow"),
    [
        ("/", "GET, HEAD"),
        ("/predict", "POST"),
        ("/predict/", "POST"),
        ("/models/digits", "GET, HEAD"),
        ("/static/seven.png", "GET, HEAD"),
        ("/docs/files/swagger-ui.css", "GET, HEAD"),
        ("/v1/models/digits:predict", "POST"),
        ("/v1/models/digits", "GET, HEAD"),
        ("/v2/models/digits/infer", "POST"),
    ],
)
def test_methods_of_a_path_are_named(client: TestClient, path: str, allow: str) -> None:
    response = client.options(path)
    assert (response.status_code, response.headers["allow"], response.content) == (204, allow, b"")
    refused = client.put(path)
    problem = assert_problem(refused, 405, "method-not-allowed")
    assert refused.headers["allow"] == allow
    assert problem["detail"].endswith(f"does not support PUT: use {allow}.")


def test_path_of_two_routes_has_the_methods_of_both(models: Path) -> None:
    """Vertex AI may want its predictions at the page's path."""
    with TestClient(create_app(Settings(models=models, device="cpu", predict_route="/"))) as client:
        assert client.options("/").headers["allow"] == "GET, HEAD, POST"


def test_options_of_an_unknown_path_is_404(client: TestClient) -> None:
    assert_problem(client.options("/nothing"), 404, "route-not-found")


@pytest.mark.parametrize("client_", ["client", "plain_client"])
@pytest.mark.parametrize("path", ["/predict/", "//predict", "/./predict", "/%70redict", "/v2//models/digits/infer/"])
def test_body_sent_to_another_form_of_the_path_is_read(
    request: pytest.FixtureRequest, seven_png: bytes, client_: str, path: str
) -> None:
    response = request.getfixturevalue(client_).post(
        f"http://testserver{path}", content=seven_png, follow_redirects=False
    )
    if path.endswith("infer/"):
        assert_problem(response, 400, "invalid-request")  # a picture is no inference request, but it was read
    else:
        assert response.json()["predictions"][0]["digit"] == 7


@pytest.mark.parametrize(
    "path", ["/docs/", "/v2/", "/models/", "/health/live/", "//health/ready", "/ping/", "//docs//"]
)
def test_slash_at_the_end_changes_nothing(client: TestClient, path: str) -> None:
    assert client.get(f"http://testserver{path}", follow_redirects=False).status_code == 200


@pytest.mark.parametrize("path", ["//evil.example", "//evil.example/", "/%2Fevil.example/", "/\\evil/"])
def test_no_path_becomes_a_redirect(client: TestClient, path: str) -> None:
    response = client.get(f"http://testserver{path}", follow_redirects=False)
    assert response.status_code == 404
    assert "location" not in response.headers


def test_no_route_redirects(client: TestClient) -> None:
    for path in get_paths(client):
        for form in (path, path + "/", "/" + path):
            assert not client.get(f"http://testserver{form}", follow_redirects=False).is_redirect, form


@pytest.mark.parametrize("prefix", ["", "/ml/digits"], ids=["removed by the proxy", "passed on by the proxy"])
def test_service_answers_below_its_prefix(prefixed: TestClient, seven_png: bytes, prefix: str) -> None:
    assert prefixed.post(f"{prefix}/predict", content=seven_png).json()["predictions"][0]["digit"] == 7
    for path in ("", "/", "/docs", "/well", "/static/seven.png", "/v1/models/digits", "/v2/health/ready"):
        assert prefixed.get(prefix + path).status_code == 200, path
    assert_problem(
        prefixed.get(f"{prefix}/ml/digits/predict"),
        404 if prefix else 405,
        "route-not-found" if prefix else "method-not-allowed",
    )


def test_prefix_of_another_server_is_removed(models: Path, seven_png: bytes) -> None:
    """ASGI: the path includes root_path."""
    with TestClient(create_app(Settings(models=models, device="cpu")), root_path="/of/server") as client:
        assert client.post("/of/server/predict", content=seven_png).status_code == 200
        assert client.get("/of/server/static/seven.png").status_code == 200


def test_mounts_hold_only_files(client: TestClient) -> None:
    """Their methods are taken to be GET and HEAD."""
    mounts = [route for route in client.app.routes if isinstance(route, Mount)]  # type: ignore[attr-defined]
    assert {mount.path for mount in mounts} == {"/static", "/docs/files"}
