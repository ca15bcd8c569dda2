"""Security headers of every response, and the content policy of the pages."""

from __future__ import annotations

import pytest
from starlette.testclient import TestClient


@pytest.mark.parametrize("path", ["/", "/docs", "/docs/files/swagger-ui.css", "/static/page.js", "/health", "/nothing"])
def test_no_response_is_interpreted_as_something_else(client: TestClient, path: str) -> None:
    headers = client.get(path, headers={"Accept": "text/html"}).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"


@pytest.mark.parametrize("path", ["/", "/docs", "/about/models", "/about/health"])
def test_pages_run_scripts_of_their_own_alone_and_stand_in_no_frame(client: TestClient, path: str) -> None:
    policy = client.get(path, headers={"Accept": "text/html"}).headers["content-security-policy"]
    rules = dict(rule.split(" ", 1) for rule in policy.split("; "))
    assert rules["default-src"] == rules["frame-ancestors"] == "'none'"
    assert rules["script-src"] == rules["connect-src"] == "'self'"
