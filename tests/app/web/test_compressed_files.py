"""compressed_files.py: scripts and styles are compressed for clients that take it."""

from __future__ import annotations

from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from app.web.compressed_files import CompressedFiles

SCRIPT = "export const answer = 42;\n" * 200


@pytest.fixture
def client(tmp_path: Path) -> TestClient:
    (tmp_path / "a.js").write_text(SCRIPT)
    (tmp_path / "a.png").write_bytes(b"\x89PNG")
    app = Starlette()
    app.mount("/static", CompressedFiles(directory=tmp_path))
    return TestClient(app)


def test_a_script_is_compressed(client: TestClient) -> None:
    response = client.get("/static/a.js", headers={"Accept-Encoding": "br, gzip;q=0.8"})
    assert response.headers["content-encoding"] == "gzip"
    assert response.headers["vary"] == "Accept-Encoding"
    assert response.headers["content-type"].startswith("text/javascript")
    assert int(response.headers["content-length"]) < len(SCRIPT) / 4
    assert response.text == SCRIPT


@pytest.mark.parametrize("accepted", ["identity", "", "gzip;q=0", "br, gzip; q=0.0"])
def test_clients_that_do_not_take_gzip_get_the_file(client: TestClient, accepted: str) -> None:
    response = client.get("/static/a.js", headers={"Accept-Encoding": accepted})
    assert "content-encoding" not in response.headers
    assert response.text == SCRIPT


def test_pictures_are_sent_as_they_are(client: TestClient) -> None:
    response = client.get("/static/a.png", headers={"Accept-Encoding": "gzip"})
    assert "content-encoding" not in response.headers


def test_a_known_file_is_not_sent_again(client: TestClient) -> None:
    known = client.get("/static/a.js", headers={"Accept-Encoding": "gzip"}).headers["etag"]
    response = client.get("/static/a.js", headers={"Accept-Encoding": "gzip", "If-None-Match": known})
    assert (response.status_code, response.content) == (304, b"")


def test_a_head_request_tells_the_same(client: TestClient) -> None:
    response = client.head("/static/a.js", headers={"Accept-Encoding": "gzip"})
    assert response.headers["content-encoding"] == "gzip"
    assert response.content == b""


def test_a_replaced_file_is_compressed_anew(client: TestClient, tmp_path: Path) -> None:
    client.get("/static/a.js")
    (tmp_path / "a.js").write_text("export const answer = 43;")
    assert client.get("/static/a.js").text == "export const answer = 43;"
