"""API keys: who is answered, who is not, and what is public."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from app.http.auth import MAX_KEYS, Authenticator, any_known, keys_of
from app.main import create_app
from app.settings import Settings
from tests.support.api_keys import digest_of
from tests.support.served_client import ServedClient


def basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


ORIGIN = {"Origin": "https://app.example"}


@pytest.fixture(scope="module")
def closed(models: Path) -> Iterator[TestClient]:
    """Two clients and an administrator have a key."""
    settings = Settings(
        models=models,
        device="cpu",
        api_keys=(digest_of("first"), digest_of("second")),
        admin_keys=(digest_of("admin"),),
        cors_origins=("https://app.example",),
        health_route="/well",
    )
    with TestClient(create_app(settings), raise_server_exceptions=False) as client:
        yield client


@pytest.fixture(scope="module", params=[ServedClient, TestClient], ids=["on the fast path", "through FastAPI"])
def keyed(request: pytest.FixtureRequest, models: Path) -> Iterator[TestClient]:
    settings = Settings(models=models, device="cpu", api_keys=(digest_of("first"),), admin_keys=(digest_of("admin"),))
    with request.param(create_app(settings)) as client:
        yield client


@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": "Bearer first"},
        {"Authorization": "bearer  first"},
        {"X-API-Key": "first"},
        {"X-API-Key": "admin"},
        {"Authorization": "BEARER\t first "},
        {"X-API-Key": " first "},
        {"Authorization": "Basic Zm9v", "X-API-Key": "first"},  # a proxy may have added its own
        {"Authorization": "Bearer of-a-proxy", "X-API-Key": "first"},
        {"Authorization": "Bearer first", "X-API-Key": "of-a-gateway"},
        {"Authorization": basic("first", ""), "X-API-Key": "of-a-gateway"},
        {"Authorization": basic("", "first")},
        {"Authorization": basic("somebody", "admin").replace("Basic", "basic")},
        [("X-API-Key", "first"), ("X-API-Key", "of-a-gateway")],
        [("X-API-Key", "of-a-gateway"), ("X-API-Key", "first")],
        [("Authorization", "Bearer first"), ("Authorization", "Bearer of-a-proxy")],
        {"X-API-Key": "of-a-gateway, first"},  # two headers, joined by a proxy
        {"Authorization": "Basic Zm9v, Bearer first"},
    ],
    ids=str,
)
def test_request_with_a_key_is_answered(keyed: TestClient, seven_png: bytes, headers: Any) -> None:
    assert keyed.post("/predict", content=seven_png, headers=headers).json()["predictions"][0]["digit"] == 7
    assert keyed.get("/models", headers=headers).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer third"},
        {"Authorization": "Bearer "},
        {"Authorization": "first"},
        {"Authorization": "Basic first"},
        {"X-API-Key": "FIRST"},
        {"X-API-Key": digest_of("first")},  # what the settings hold is no key
        {"Authorization": "Bearer third", "X-API-Key": ""},
        {"Authorization": "Bearer"},
        {"Authorization": "", "X-API-Key": ","},
        {"Authorization": basic("", "")},
        {"Authorization": "Basic first="},
        {"Authorization": "Basic"},
        {"Authorization": "Digest username=first, Bearer"},
        {"X-API-Key": "x," * MAX_KEYS + "first"},
    ],
    ids=str,
)
def test_request_without_a_known_key_is_refused(keyed: TestClient, seven_png: bytes, headers: dict[str, str]) -> None:
    for path, content_type in (
        ("/predict", "application/problem+json"),
        ("/v1/models/digits:predict", "application/json"),
        ("/v2/models/digits/infer", "application/json"),
        ("/invocations", "application/problem+json"),
    ):
        response = keyed.post(path, content=seven_png, headers=headers)
        assert response.status_code == 401
        assert response.headers["www-authenticate"] == 'Bearer realm="digits"'
        assert response.headers["content-type"] == content_type
        assert response.json()["type"] == "urn:digits:problem:unauthorized"
        assert response.json()["error"] == response.json()["detail"]


PUBLIC = {"/", "/docs", "/openapi.json", "/ping", "/well"}
PUBLIC |= {"/health/live", "/health/ready", "/v2/health/live", "/v2/health/ready"}


def test_every_route_but_probes_and_pages_needs_a_key(closed: TestClient) -> None:
    paths = {path: list(methods) for path, methods in closed.get("/openapi.json").json()["paths"].items()}
    for path, methods in paths.items():
        for method in methods:
            status = closed.request(method, path.format(name="digits", version=1, label="x")).status_code
            assert (status == 200) if path in PUBLIC else (status == 401), (method, path)
    assert PUBLIC - {"/", "/docs", "/openapi.json", "/well"} < set(paths)
    assert closed.get("/well").status_code == 200
    assert closed.get("/static/digits.js").status_code == 200
    assert closed.get("/nothing").status_code == 401  # which paths exist is not revealed either
    for path in PUBLIC:
        assert closed.post(path).status_code == 401


def test_clients_key_loads_and_unloads_nothing(closed: TestClient) -> None:
    for key, status in (("", 401), ("first", 403)):
        response = closed.post("/v2/repository/models/digits/unload", headers={"X-API-Key": key})
        assert response.status_code == status
    assert closed.get("/v2/models/digits/ready", headers={"X-API-Key": "first"}).status_code == 200


def test_page_of_an_allowed_origin_may_ask_to_send_a_key_and_can_read_its_refusal(closed: TestClient) -> None:
    preflight = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization,x-api-key"}
    response = closed.options("/predict", headers=ORIGIN | preflight)
    assert response.status_code == 200
    assert response.headers["access-control-allow-headers"] == "authorization,x-api-key"
    refused = closed.post("/predict", content=b"x", headers=ORIGIN)
    assert refused.status_code == 401
    assert refused.headers["access-control-allow-origin"] == "https://app.example"


def test_description_tells_where_the_key_goes_if_one_is_needed(closed: TestClient, client: TestClient) -> None:
    document = closed.get("/openapi.json").json()
    assert document["components"]["securitySchemes"]["header"]["name"] == "X-API-Key"
    assert {next(iter(scheme)) for scheme in document["security"]} == set(document["components"]["securitySchemes"])
    assert "security" not in client.get("/openapi.json").json()


def test_administrators_key_is_found_beside_another(keyed: TestClient) -> None:
    headers = {"Authorization": "Bearer of-a-proxy", "X-API-Key": "admin"}
    assert keyed.post("/v2/repository/models/digits/load", headers=headers).status_code == 200


def test_probes_by_options_need_no_key(closed: TestClient) -> None:
    """HAProxy's default."""
    assert closed.options("/").status_code == 204
    assert closed.options("/models").status_code == 401


def test_all_keys_of_a_request_are_compared_with_all_that_are_known() -> None:
    assert keys_of({b"authorization": b"Bearer a", b"x-api-key": b"b"}) == [b"b", b"a"]
    assert keys_of({}) == []
    digests = [digest_of("b"), digest_of("a")]
    assert any_known([b"c", b"a"], digests)
    assert not any_known([b"c", b""], digests)


def test_empty_key_is_none_even_if_its_digest_is_listed() -> None:
    """A script that makes the digest from an unset variable opens nothing."""
    assert not Authenticator([digest_of("")], ()).accepts({b"x-api-key": b"", b"authorization": b"Bearer "})


def test_a_key_is_known_by_the_beginning_of_its_digest_an_administrators_first() -> None:
    authenticator = Authenticator([digest_of("clerk")], [digest_of("admin")])
    assert authenticator.key_id({b"x-api-key": b"clerk"}) == digest_of("clerk")[:8]
    assert authenticator.key_id({b"x-api-key": b"clerk, admin"}) == digest_of("admin")[:8]
    assert authenticator.key_id({b"x-api-key": b"nobody"}) is None
    assert authenticator.key_id({}) is None
