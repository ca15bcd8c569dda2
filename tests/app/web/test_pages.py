"""The page at the root, for browsers and for KServe's V1 clients."""

from __future__ import annotations

import pytest
from starlette.testclient import TestClient


@pytest.fixture(params=["client", "plain_client"])
def either_client(request: pytest.FixtureRequest) -> TestClient:
    client: TestClient = request.getfixturevalue(request.param)
    return client


def test_root_is_the_page_for_browsers_and_a_liveness_probe_for_kserve(either_client: TestClient) -> None:
    alive = either_client.get("/")
    assert alive.json() == {"status": "alive"}
    page = either_client.get("/", headers={"Accept": "text/html,*/*;q=0.8"})
    assert "<canvas" in page.text
    for response in (alive, page):
        assert "Accept" in response.headers["vary"]
