"""Every request has an id, its client's or a new one, and knows its client's trace."""

from __future__ import annotations

import re

import pytest
from starlette.testclient import TestClient

from app.observability.request_context import RequestContext
from tests.app.observability.test_logs import TRACE, TRACEPARENT
from tests.conftest import ROOT

SEVEN = (ROOT / "app/web/static/seven.png").read_bytes()


@pytest.fixture(params=["on the fast path", "through FastAPI"])
def any_client(request: pytest.FixtureRequest, client: TestClient, plain_client: TestClient) -> TestClient:
    return client if request.param == "on the fast path" else plain_client


@pytest.mark.parametrize("given", ["a", "7f3c-1.2_3~4:5/6+7=8@9", "x" * 128])
def test_clients_request_id_is_returned(any_client: TestClient, given: str) -> None:
    assert any_client.post("/predict", content=SEVEN, headers={"X-Request-ID": given}).headers["x-request-id"] == given
    assert any_client.get("/health/live", headers={"X-Request-ID": given}).headers["x-request-id"] == given
    assert any_client.post("/predict", content=b"", headers={"X-Request-ID": given}).headers["x-request-id"] == given


@pytest.mark.parametrize("given", [None, "", "x" * 129, "a b", 'a"b', "a\tb", "<a>"])
def test_missing_or_unsafe_request_id_is_replaced(any_client: TestClient, given: str | None) -> None:
    headers = {} if given is None else {"X-Request-ID": given}
    responses = [any_client.post("/predict", content=SEVEN, headers=headers) for _ in range(2)]
    first, second = (response.headers["x-request-id"] for response in responses)
    assert re.fullmatch("[0-9a-f]{12}-[0-9a-f]{6,}", first)
    assert len({first, second, given}) == 3


def test_request_id_is_returned_once_to_other_origins(any_client: TestClient) -> None:
    responses = [
        any_client.post("/predict", content=content, headers={"Origin": "https://a.example"})
        for content in (SEVEN, b"")
    ]
    assert all(response.headers.get_list("x-request-id") for response in responses)
    assert all(len(response.headers.get_list("x-request-id")) == 1 for response in responses)


@pytest.mark.parametrize(
    ("header", "trace_id"),
    [
        (TRACEPARENT, TRACE),
        (TRACEPARENT + "-of-a-later-version", TRACE),
        (None, None),
        ("", None),
        (TRACEPARENT.upper(), None),
        (f"00-{'0' * 32}-00f067aa0ba902b7-01", None),
        (f"00-{TRACE}-{'0' * 16}-01", None),
        (TRACEPARENT[:-1], None),
    ],
)
def test_trace_id_is_that_of_traceparent(header: str | None, trace_id: str | None) -> None:
    assert RequestContext({b"traceparent": header.encode()} if header is not None else {}).trace_id == trace_id
