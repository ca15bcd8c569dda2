"""The example for nginx, run by nginx: TLS, the prefix, large bodies, and what is not exposed."""

from __future__ import annotations

import json
import re
import ssl
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from app.settings import Settings
from tests.conftest import ROOT
from tests.support.nginx import EXAMPLE, PREFIX, Nginx, nginx_before
from tests.support.service import TIMEOUT_S, Service, serving

LIMIT = Settings().max_body_bytes
SEVEN = (ROOT / "app/web/static/seven.png").read_bytes()


@pytest.fixture(scope="module")
def service() -> Iterator[Service]:
    with serving("--device", "cpu") as service:
        yield service


@pytest.fixture(scope="module", params=["on", "off"], ids="request buffering {}".format)
def nginx(
    request: pytest.FixtureRequest, service: Service, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Nginx]:
    changes = {"proxy_request_buffering on": f"proxy_request_buffering {request.param}"}
    with nginx_before(f"127.0.0.1:{service.port}", tmp_path_factory.mktemp("nginx"), changes) as nginx:
        yield nginx


class Reply:
    """A response, whatever its status."""

    def __init__(self, response: Any) -> None:
        self.status: int = response.status
        self.headers = response.headers
        self.body: bytes = response.read()


class NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        return None


def send(nginx: Nginx, path: str, body: bytes | None = None, method: str | None = None, **headers: str) -> Reply:
    context = ssl.create_default_context(cafile=nginx.certificate)
    opener = urllib.request.build_opener(urllib.request.HTTPSHandler(context=context), NoRedirect)
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    request = urllib.request.Request(f"https://localhost:{nginx.port}{path}", body, named, method=method)
    try:
        return Reply(opener.open(request, timeout=TIMEOUT_S))
    except urllib.error.HTTPError as error:
        return Reply(error)


def test_pictures_are_read_below_the_prefix(nginx: Nginx) -> None:
    for path in ("/predict", "/predict/", "//predict"):
        reply = send(nginx, PREFIX + path, SEVEN)
        assert json.loads(reply.body)["predictions"][0]["digit"] == 7


def test_description_leads_below_the_prefix(nginx: Nginx) -> None:
    assert json.loads(send(nginx, f"{PREFIX}/openapi.json").body)["servers"] == [{"url": "."}]
    page = send(nginx, f"{PREFIX}/", Accept="text/html").body.decode()
    assert 'src="static/page.js"' in page


def test_prefix_without_its_slash_leads_to_the_page(nginx: Nginx) -> None:
    reply = send(nginx, PREFIX)
    assert (reply.status, reply.headers["Location"]) == (308, f"{PREFIX}/")


@pytest.mark.parametrize(
    "path",
    [
        *(
            "/metrics",
            "/metrics/",
            "//metrics",
            "/./metrics",
            "/%6detrics",
            "/metrics%2F",
            "/x/../metrics",
            "/metrics?a",
        ),
        *("/health/live", "/health/ready", "/ping", f"{PREFIX}/metrics", "/%2e/metrics"),
    ],
)
def test_probes_and_metrics_are_not_exposed(nginx: Nginx, path: str) -> None:
    reply = send(nginx, PREFIX + path)
    assert reply.status == 404
    assert b"digits_" not in reply.body


def test_request_id_is_passed_on_or_made(nginx: Nginx) -> None:
    assert send(nginx, f"{PREFIX}/models", X_Request_ID="mine-1").headers["X-Request-ID"] == "mine-1"
    assert re.fullmatch(r"[0-9a-f]{32}", send(nginx, f"{PREFIX}/models").headers["X-Request-ID"])


def test_service_says_itself_what_is_too_large(nginx: Nginx) -> None:
    reply = send(nginx, f"{PREFIX}/predict", bytes(LIMIT + 1))
    assert reply.status == 413
    assert f"{LIMIT:,} bytes" in json.loads(reply.body)["detail"]


def test_what_nginx_refuses_is_a_problem_too(nginx: Nginx) -> None:
    reply = send(nginx, f"{PREFIX}/predict", bytes(33 * 2**20))
    assert (reply.status, reply.headers["Content-Type"]) == (413, "application/problem+json")
    problem = json.loads(reply.body)
    assert problem["type"] == "urn:digits:problem:body-too-large"
    assert problem["detail"] == problem["error"]


def test_body_at_the_limit_arrives_whole(nginx: Nginx) -> None:
    reply = send(nginx, f"{PREFIX}/predict", bytes(LIMIT))
    assert reply.status == 415  # read whole, and no picture


def test_json_is_compressed_and_a_picture_is_not(nginx: Nginx) -> None:
    compressed = {name: send(nginx, PREFIX + name, Accept_Encoding="gzip") for name in ("/models", "/static/seven.png")}
    assert compressed["/models"].headers["Content-Encoding"] == "gzip"
    assert "Content-Encoding" not in compressed["/static/seven.png"].headers


def test_connections_to_the_service_are_kept(service: Service, nginx: Nginx) -> None:
    """The one that the second request used is still open, and is not counted twice."""
    for _ in range(10):
        send(nginx, f"{PREFIX}/predict", SEVEN)
    assert 1 <= service.metric("digits_connections") - 1 <= 4  # less the one that asks


def test_service_that_is_away_is_a_problem_with_retry_after(tmp_path: Path) -> None:
    with nginx_before("127.0.0.1:1", tmp_path) as nginx:
        reply = send(nginx, f"{PREFIX}/models")
    assert (reply.status, reply.headers["Retry-After"]) == (503, "1")
    assert json.loads(reply.body)["type"] == "urn:digits:problem:unavailable"


def test_unix_socket_is_an_upstream(tmp_path: Path) -> None:
    path = tmp_path / "http.sock"
    with serving("--device", "cpu", "--uds", str(path)), nginx_before(f"unix:{path}", tmp_path) as nginx:
        assert json.loads(send(nginx, f"{PREFIX}/predict", SEVEN).body)["predictions"][0]["digit"] == 7


def test_times_and_sizes_fit_the_services(nginx: Nginx) -> None:
    """The service answers before nginx gives up, and closes idle connections later than nginx."""
    text = EXAMPLE.read_text()
    found = {name: int(value) for name, value in re.findall(r"^\s*(\w+) (\d+)(?:s|m);", text, re.MULTILINE)}
    assert 2**20 * found["client_max_body_size"] > LIMIT
    assert min(found["proxy_read_timeout"], found["proxy_send_timeout"]) * 1000 > Settings().timeout_ms
    assert found["keepalive_timeout"] < 75
