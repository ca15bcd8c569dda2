"""Pages of other origins: which may call, what they can read, and what the operator hears of the others."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.datastructures import Headers
from starlette.testclient import TestClient

from app.http.cors import MAX_LOGGED_ORIGINS, CorsMiddleware, is_same_origin
from app.main import create_app
from app.settings import Settings
from tests.support.served_client import ServedClient

ALLOWED = "https://app.example"
PREFLIGHT = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type,x-api-key"}


@pytest.fixture(scope="module")
def shared(models: Path) -> Iterator[TestClient]:
    """Pages of one origin may use the service."""
    with ServedClient(create_app(Settings(models=models, device="cpu", cors_origins=(ALLOWED,)))) as client:
        yield client


def preflight(client: TestClient, origin: str = ALLOWED, **headers: str) -> Any:
    return client.options("/predict", headers={"Origin": origin} | PREFLIGHT | headers)


def test_preflight_of_an_allowed_page_is_answered(shared: TestClient) -> None:
    response = preflight(shared)
    assert response.status_code == 200
    assert response.headers["access-control-allow-origin"] == ALLOWED
    assert response.headers["access-control-allow-headers"] == "content-type,x-api-key"
    assert response.headers["access-control-allow-methods"] == "GET, HEAD, POST"
    assert int(response.headers["access-control-max-age"]) > 0
    assert "Origin" in response.headers["vary"]
    assert "access-control-allow-credentials" not in response.headers
    assert response.headers["x-content-type-options"] == "nosniff"


def test_page_of_a_public_site_may_ask_for_a_private_network(shared: TestClient) -> None:
    """Private Network Access: Chromium asks before such a page reaches a private address."""
    private = {"Access-Control-Request-Private-Network": "true"}
    assert preflight(shared, **private).headers["access-control-allow-private-network"] == "true"
    assert "access-control-allow-private-network" not in preflight(shared).headers
    refused = preflight(shared, "https://other.example", **private)
    assert (refused.status_code, refused.headers.get("access-control-allow-private-network")) == (400, None)


@pytest.mark.parametrize(
    ("origin", "method", "reason"),
    [
        ("https://other.example", "POST", "origin"),
        ("https://app.example.evil.example", "POST", "origin"),
        ("http://app.example", "POST", "origin"),
        ("https://app.example:8443", "POST", "origin"),
        ("null", "POST", "origin"),
        (ALLOWED, "DELETE", "method"),
    ],
)
def test_refused_preflight_is_a_problem_that_says_why(
    shared: TestClient, origin: str, method: str, reason: str
) -> None:
    response = preflight(shared, origin, **{"Access-Control-Request-Method": method})
    assert response.status_code == 400
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json()["detail"].startswith(f"Disallowed CORS {reason}: ")
    assert "access-control-allow-origin" not in response.headers
    assert "Origin" in response.headers["vary"]


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
def test_requests_without_preflight_are_answered_with_what_pages_may_read(shared: TestClient, method: str) -> None:
    response = shared.request(method, "/health", headers={"Origin": ALLOWED})
    assert response.is_success
    assert response.headers["access-control-allow-origin"] == ALLOWED
    assert "Origin" in response.headers["vary"]
    assert {"X-Request-ID", "Retry-After"} <= set(response.headers["access-control-expose-headers"].split(", "))


def test_page_of_a_file_or_a_sandbox_may_call_only_a_service_open_to_all(shared: TestClient, models: Path) -> None:
    assert "access-control-allow-origin" not in shared.get("/health", headers={"Origin": "null"}).headers
    with TestClient(create_app(Settings(models=models, device="cpu", cors_origins=("*",)))) as open_to_all:
        response = open_to_all.get("/health", headers={"Origin": "null"})
        assert response.headers["access-control-allow-origin"] == "*"
        assert "access-control-allow-credentials" not in response.headers
        assert preflight(open_to_all, "null").headers["access-control-allow-origin"] == "*"


def test_refused_origin_is_logged_once(shared: TestClient, caplog: pytest.LogCaptureFixture) -> None:
    for _ in range(3):
        shared.get("/health", headers={"Origin": "https://once.example"})
        preflight(shared, "https://once.example")
        shared.get("/health", headers={"Origin": ALLOWED})
    (record,) = [record for record in caplog.records if record.name == "app.http.cors"]
    assert record.getMessage().startswith("pages of 'https://once.example' may not read responses")
    assert "DIGITS_CORS_ORIGINS" in record.getMessage()


def test_made_up_origins_do_not_fill_the_log(caplog: pytest.LogCaptureFixture) -> None:
    middleware = CorsMiddleware(lambda *_: None, ())  # type: ignore[arg-type]
    for number in range(2 * MAX_LOGGED_ORIGINS):
        middleware.log_refused_origin(Headers({"Origin": f"https://{number}.example/{'x' * 10_000}"}))
    assert len(caplog.records) == len(middleware.logged_origins) == MAX_LOGGED_ORIGINS
    assert max(len(record.getMessage()) for record in caplog.records) < 500


def test_own_page_is_no_refused_origin(caplog: pytest.LogCaptureFixture) -> None:
    """It sends its origin with every POST. Behind a proxy the scheme, or the Host, may be another."""
    own = [
        {"Origin": "http://localhost:8000", "Host": "localhost:8000"},
        {"Origin": "https://digits.example", "Host": "digits.example"},
        {"Origin": "https://digits.example", "Host": "10.0.0.1:8000", "Sec-Fetch-Site": "same-origin"},
    ]
    assert all(is_same_origin(headers["Origin"], Headers(headers)) for headers in own)
    assert not is_same_origin("https://other.example", Headers({"Host": "digits.example"}))
    assert not is_same_origin("http://[", Headers({"Host": "digits.example"}))
