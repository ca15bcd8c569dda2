"""What stands between the network and the routes."""

from __future__ import annotations

import gzip
import hashlib
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from app.errors import BlankPicture
from app.http.auth import is_known, key_of
from app.http.body_limit import BodyLimitMiddleware
from app.http.problems import ProblemMiddleware
from app.main import create_app
from app.settings import Settings
from tests.support.served_client import ServedClient


async def echo(request: Request) -> PlainTextResponse:
    return PlainTextResponse(await request.body())


async def fail(request: Request) -> PlainTextResponse:
    raise RuntimeError("the password is 1234")


async def refuse(request: Request) -> PlainTextResponse:
    raise BlankPicture("Draw something.")


@pytest.fixture
def small() -> TestClient:
    app = Starlette(routes=[Route(f"/{each.__name__}", each, methods=["POST"]) for each in (echo, fail, refuse)])
    app.add_middleware(BodyLimitMiddleware, max_bytes=10)
    app.add_middleware(ProblemMiddleware)
    return TestClient(app)


def test_body_within_the_limit_passes(small: TestClient) -> None:
    assert small.post("/echo", content=b"0123456789").text == "0123456789"


def test_declared_body_over_the_limit_is_refused(small: TestClient) -> None:
    response = small.post("/echo", content=b"0123456789+")
    assert response.status_code == 413
    assert response.headers["connection"] == "close"
    assert response.json()["type"] == "urn:digits:problem:body-too-large"


def test_undeclared_body_over_the_limit_is_refused_while_reading(small: TestClient) -> None:
    def chunks() -> Iterator[bytes]:
        for _ in range(4):
            yield b"0123"

    assert small.post("/echo", content=chunks()).status_code == 413


def echoing(max_bytes: int) -> TestClient:
    return TestClient(
        ProblemMiddleware(BodyLimitMiddleware(Starlette(routes=[Route("/echo", echo, methods=["POST"])]), max_bytes))
    )


def gzipped(content: bytes) -> bytes:
    return gzip.compress(content)


def raw_deflate(content: bytes) -> bytes:
    stream = zlib.compressobj(wbits=-15)
    return stream.compress(content) + stream.flush()


@pytest.mark.parametrize(
    ("encoding", "compress"),
    [("gzip", gzipped), ("deflate", zlib.compress), ("deflate", raw_deflate), ("identity", bytes)],
)
def test_compressed_body_is_inflated(encoding: str, compress: Callable[[bytes], bytes]) -> None:
    response = echoing(100).post("/echo", content=compress(b"x" * 100), headers={"Content-Encoding": encoding})
    assert response.text == "x" * 100


def test_compressed_body_over_the_limit_is_refused_though_it_is_small() -> None:
    client = echoing(100_000)
    bomb = gzip.compress(bytes(50_000_000))
    assert len(bomb) < 100_000
    assert client.post("/echo", content=bomb, headers={"Content-Encoding": "gzip"}).status_code == 413
    fits = gzip.compress(bytes(100_000))
    assert len(client.post("/echo", content=fits, headers={"Content-Encoding": "gzip"}).content) == 100_000


@pytest.mark.parametrize(
    ("encoding", "body"),
    [
        ("gzip", b"no gzip"),
        ("deflate", b"\xff\xff"),
        ("gzip", gzip.compress(b"abc")[:-4]),
        ("br", b"abc"),
        ("gzip", b""),
    ],
    # Named by hand: what gzip makes holds the time, and processes that share the tests must agree on their names.
    ids=["gzip of something else", "deflate of something else", "cut off", "an encoding not spoken", "empty"],
)
def test_body_that_is_not_what_its_encoding_says_is_refused(encoding: str, body: bytes) -> None:
    response = echoing(100).post("/echo", content=body, headers={"Content-Encoding": encoding})
    assert response.status_code == 400
    assert response.json()["type"] == "urn:digits:problem:invalid-request"


def test_refusal_of_a_route_becomes_a_problem(small: TestClient) -> None:
    response = small.post("/refuse")
    assert response.status_code == 422
    assert response.json()["detail"] == "Draw something."


def test_failure_of_ours_is_logged_and_told_without_its_words(
    small: TestClient, caplog: pytest.LogCaptureFixture
) -> None:
    response = small.post("/fail")
    assert response.status_code == 500
    assert response.headers["content-type"] == "application/problem+json"
    assert "1234" not in response.text
    assert "the password is 1234" in caplog.text


@pytest.fixture(scope="module")
def shared(models: Path) -> Iterator[TestClient]:
    settings = Settings(models=models, device="cpu", cors_origins=("https://app.example",))
    with TestClient(create_app(settings), raise_server_exceptions=False) as client:
        yield client


@pytest.mark.parametrize("path", ["/", "/docs", "/docs/files/swagger-ui.css", "/static/page.js", "/health", "/nothing"])
def test_no_answer_is_taken_for_what_it_is_not(client: TestClient, path: str) -> None:
    headers = client.get(path, headers={"Accept": "text/html"}).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"


@pytest.mark.parametrize("path", ["/", "/docs"])
def test_pages_run_scripts_of_their_own_alone_and_stand_in_no_frame(client: TestClient, path: str) -> None:
    policy = client.get(path, headers={"Accept": "text/html"}).headers["content-security-policy"]
    rules = dict(rule.split(" ", 1) for rule in policy.split("; "))
    assert rules["default-src"] == rules["frame-ancestors"] == "'none'"
    assert rules["script-src"] == rules["connect-src"] == "'self'"


ORIGIN = {"Origin": "https://app.example"}


@pytest.mark.parametrize(
    ("status", "request_"),
    [
        (200, {"method": "GET", "url": "/health"}),
        (404, {"method": "GET", "url": "/nothing"}),
        (405, {"method": "GET", "url": "/predict"}),
        (415, {"method": "POST", "url": "/predict", "content": b"x"}),
        (413, {"method": "POST", "url": "/predict", "content": bytes(17 * 2**20)}),
    ],
)
def test_every_answer_can_be_read_by_an_allowed_page(shared: TestClient, status: int, request_: dict[str, Any]) -> None:
    response = shared.request(**request_, headers=ORIGIN)
    assert response.status_code == status
    assert response.headers["access-control-allow-origin"] == "https://app.example"


def test_failure_of_ours_can_be_read_by_an_allowed_page(models: Path) -> None:
    app = create_app(Settings(models=models, device="cpu", cors_origins=("*",)))
    app.add_api_route("/fail", fail, methods=["POST"])
    with TestClient(app) as client:
        response = client.post("/fail", headers=ORIGIN)
    assert response.status_code == 500
    assert response.headers["access-control-allow-origin"] == "*"


def test_other_pages_are_not_allowed_by_default(client: TestClient) -> None:
    assert "access-control-allow-origin" not in client.get("/health", headers=ORIGIN).headers


# --- keys -------------------------------------------------------------------------------------------------------------


def digest_of(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()


@pytest.fixture(scope="module")
def closed(models: Path) -> Iterator[TestClient]:
    """Two callers and an administrator have a key."""
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


@pytest.fixture(scope="module", params=[ServedClient, TestClient], ids=["in the fast fast_path", "through FastAPI"])
def caller(request: pytest.FixtureRequest, models: Path) -> Iterator[TestClient]:
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
        {"Authorization": "Basic Zm9v", "X-API-Key": "first"},  # a proxy's own
    ],
    ids=str,
)
def test_whoever_has_a_key_is_answered(caller: TestClient, seven_png: bytes, headers: dict[str, str]) -> None:
    assert caller.post("/predict", content=seven_png, headers=headers).json()["predictions"][0]["digit"] == 7
    assert caller.get("/models", headers=headers).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer third"},
        {"Authorization": "Bearer "},
        {"Authorization": "first"},
        {"Authorization": "Basic first"},
        {"X-API-Key": "FIRST"},
        {"X-API-Key": digest_of("first")},  # what the settings hold opens nothing
        {"Authorization": "Bearer third", "X-API-Key": ""},
    ],
    ids=str,
)
def test_whoever_has_none_is_not(caller: TestClient, seven_png: bytes, headers: dict[str, str]) -> None:
    for path, content_type in (
        ("/predict", "application/problem+json"),
        ("/v1/models/digits:predict", "application/json"),
        ("/v2/models/digits/infer", "application/json"),
        ("/invocations", "application/problem+json"),
    ):
        response = caller.post(path, content=seven_png, headers=headers)
        assert response.status_code == 401
        assert response.headers["www-authenticate"] == 'Bearer realm="digits"'
        assert response.headers["content-type"] == content_type
        assert response.json()["type"] == "urn:digits:problem:unauthorized"
        assert response.json()["error"] == response.json()["detail"]


OPEN = {"/", "/docs", "/openapi.json", "/ping", "/well"}
OPEN |= {"/health/live", "/health/ready", "/v2/health/live", "/v2/health/ready"}


def test_every_route_but_probes_and_pages_needs_a_key(closed: TestClient) -> None:
    paths = {path: list(methods) for path, methods in closed.get("/openapi.json").json()["paths"].items()}
    for path, methods in paths.items():
        for method in methods:
            status = closed.request(method, path.format(name="digits", version=1, label="x")).status_code
            assert (status == 200) if path in OPEN else (status == 401), (method, path)
    assert OPEN - {"/", "/docs", "/openapi.json", "/well"} < set(paths)
    assert closed.get("/well").status_code == 200
    assert closed.get("/static/digits.js").status_code == 200
    assert closed.get("/nothing").status_code == 401  # nor is told what there is
    for path in OPEN:
        assert closed.post(path).status_code == 401


def test_callers_key_loads_and_unloads_nothing(closed: TestClient) -> None:
    for key, status in (("", 401), ("first", 403)):
        response = closed.post("/v2/repository/models/digits/unload", headers={"X-API-Key": key})
        assert response.status_code == status
    assert closed.get("/v2/models/digits/ready", headers={"X-API-Key": "first"}).status_code == 200


def test_page_that_may_call_can_ask_whether_it_may_send_a_key_and_read_that_it_may_not(closed: TestClient) -> None:
    asked = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization,x-api-key"}
    answer = closed.options("/predict", headers=ORIGIN | asked)
    assert answer.status_code == 200
    assert answer.headers["access-control-allow-headers"] == "authorization,x-api-key"
    refused = closed.post("/predict", content=b"x", headers=ORIGIN)
    assert refused.status_code == 401
    assert refused.headers["access-control-allow-origin"] == "https://app.example"


def test_description_tells_where_the_key_goes_if_one_is_needed(closed: TestClient, client: TestClient) -> None:
    described = closed.get("/openapi.json").json()
    assert described["components"]["securitySchemes"]["header"]["name"] == "X-API-Key"
    assert {next(iter(each)) for each in described["security"]} == set(described["components"]["securitySchemes"])
    assert "security" not in client.get("/openapi.json").json()


def test_key_is_found_in_either_header_and_compared_with_all() -> None:
    assert key_of({b"authorization": b"Bearer a", b"x-api-key": b"b"}) == b"a"
    assert key_of({b"authorization": b"Digest a", b"x-api-key": b"b"}) == b"b"
    assert key_of({}) == b""
    assert is_known(b"a", [digest_of("b"), digest_of("a")])
    assert not is_known(b"", [digest_of("b"), digest_of("a")])
