"""The one body of every error."""

from __future__ import annotations

from typing import Any

from app.errors import PLAIN_JSON_PREFIXES

INTERNALS = ("Traceback", ".py", "site-packages", "<_io")


def assert_problem(response: Any, status: int, slug: str) -> dict[str, Any]:
    """The problem document of a response, which says what to do and reveals nothing of the service's inside."""
    assert response.status_code == status, response.text
    plain = response.request.url.path.startswith(PLAIN_JSON_PREFIXES)
    assert response.headers["content-type"] == ("application/json" if plain else "application/problem+json")
    problem: dict[str, Any] = response.json()
    assert problem["type"] == f"urn:digits:problem:{slug}"
    assert problem["status"] == status
    assert problem["title"]
    assert problem["detail"] == problem["error"]
    for internal in INTERNALS:
        assert internal not in response.text
    return problem
