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


@pytest.mark.parametrize(
    "accepted",
    [
        "gzip",
        "GZIP; Q=1.000",
        "br;q=1.0, gzip ; q=0.001",
        "gzip;q=1, *;q=0",
        "*",
        "br;q=0, *;q=0.5",
        "gzip;q=1.",
        "gzip;level=9",
    ],
)
def test_clients_that_take_gzip_get_it(client: TestClient, accepted: str) -> None:
    response = client.get("/static/a.js", headers={"Accept-Encoding": accepted})
    assert response.headers["content-encoding"] == "gzip"


def test_several_headers_are_one_list(client: TestClient) -> None:
    headers = [("Accept-Encoding", "br"), ("Accept-Encoding", "gzip")]
    assert client.get("/static/a.js", headers=headers).headers["content-encoding"] == "gzip"
    refused = [("Accept-Encoding", "*"), ("Accept-Encoding", "gzip;q=0")]
    assert "content-encoding" not in client.get("/static/a.js", headers=refused).headers


NO_GZIP = [
    *("identity", "", "gzip;q=0", "br, gzip; q=0.0", "gzip;q=0.000", "gzip;q=0."),
    *("*;q=0", "gzip;q=0, *", "gzip;q=1.5", "gzip;q=-1", "gzip;q=nan", "gzip;q=0.0000", "gzip;q="),
]


@pytest.mark.parametrize("accepted", NO_GZIP)
def test_clients_that_do_not_take_gzip_get_the_file(client: TestClient, accepted: str) -> None:
    response = client.get("/static/a.js", headers={"Accept-Encoding": accepted})
    assert "content-encoding" not in response.headers
    assert response.text == SCRIPT


@pytest.mark.parametrize("asked", ["bytes=0-3", "bytes=999999-", "bytes=x"])
@pytest.mark.parametrize("accepted", ["gzip", "identity"])
def test_a_text_is_sent_whole_whatever_range_is_asked_for(client: TestClient, asked: str, accepted: str) -> None:
    """No answer without Vary: a cache would give it to clients that take another coding."""
    response = client.get("/static/a.js", headers={"Range": asked, "Accept-Encoding": accepted})
    assert (response.status_code, response.headers["vary"], response.text) == (200, "Accept-Encoding", SCRIPT)
    assert "accept-ranges" not in response.headers


@pytest.mark.parametrize("asked", ["bytes=0-1", "bytes=999999-", "bytes=a-b", "items=0-1"])
def test_a_picture_is_sent_whole_whatever_range_is_asked_for(client: TestClient, asked: str) -> None:
    response = client.get("/static/a.png", headers={"Range": asked})
    assert (response.status_code, response.content) == (200, b"\x89PNG")
    assert "accept-ranges" not in response.headers


def test_a_client_that_knows_the_uncompressed_file_does_not_get_it_again(client: TestClient) -> None:
    known = client.get("/static/a.js", headers={"Accept-Encoding": "identity"}).headers["etag"]
    response = client.get("/static/a.js", headers={"Accept-Encoding": "identity", "If-None-Match": known})
    assert (response.status_code, response.headers["vary"]) == (304, "Accept-Encoding")


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
