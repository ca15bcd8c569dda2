"""The page at the root, for browsers and for KServe's V1 clients."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from app.main import create_app
from app.settings import Settings


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


def test_root_is_the_liveness_probe_for_clients_that_prefer_json(either_client: TestClient) -> None:
    accept = "application/json;q=0.9, text/html;q=0.1"
    assert either_client.get("/", headers={"Accept": accept}).json() == {"status": "alive"}


@pytest.mark.parametrize(
    ("path", "prefix"),
    [
        *[("/", ""), ("//", "../"), ("/docs", ""), ("/docs/", "../"), ("//docs", "../"), ("/docs//", "../../")],
        *[("/about/models", "../"), ("/about/health/", "../../")],
    ],
)
def test_links_of_a_page_lead_to_the_root(either_client: TestClient, path: str, prefix: str) -> None:
    """Whatever prefix a proxy has removed: links are relative to what the browser asked for."""
    page = either_client.get(f"http://testserver{path}", headers={"Accept": "text/html"}).text
    assert set(re.findall(r'(?:href|src)="((?:\.\./)*)', page)) == {prefix}
    assert f'"{prefix}static/' in page


def test_links_of_a_page_lead_to_a_known_prefix(models: Path) -> None:
    """The page may be asked for without the slash at its end, from where no relative link leads below the prefix."""
    with TestClient(create_app(Settings(models=models, device="cpu", root_path="/ml/digits"))) as client:
        for path in ("/", "/ml/digits", "/ml/digits/", "/docs", "/ml/digits/docs/", "/ml/digits/about/models"):
            page = client.get(path, headers={"Accept": "text/html"}).text
            assert set(re.findall(r'(?:href|src)="(/ml/digits/)?', page)) == {"/ml/digits/"}, path
        assert client.get("/openapi.json").json()["servers"] == [{"url": "/ml/digits"}]


def test_browsers_and_search_engines_find_what_they_ask_every_site_for(either_client: TestClient) -> None:
    assert either_client.get("/favicon.ico").headers["content-type"] == "image/svg+xml"
    assert "Disallow: /" in either_client.get("/robots.txt").text
