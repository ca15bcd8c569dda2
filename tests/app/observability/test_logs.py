"""What is logged: the request's id and its trace's with it, and nothing of what the request holds."""

from __future__ import annotations

import json
import logging
import re
from typing import Any

import pytest
from starlette.testclient import TestClient

from app.observability import logs
from app.observability import request_context as context
from app.observability.request_context import RequestContext
from tests.conftest import ROOT
from tests.support.service import TIMEOUT_S, serving

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
TRACEPARENT = f"00-{TRACE}-00f067aa0ba902b7-01"
SEVEN = (ROOT / "app/web/static/seven.png").read_bytes()


@pytest.fixture(params=["in the fast lane", "through FastAPI"])
def road(request: pytest.FixtureRequest, client: TestClient, plain_client: TestClient) -> TestClient:
    return client if request.param == "in the fast lane" else plain_client


@pytest.mark.parametrize("given", ["a", "7f3c-1.2_3~4:5/6+7=8@9", "x" * 128])
def test_callers_id_comes_back(road: TestClient, given: str) -> None:
    assert road.post("/predict", content=SEVEN, headers={"X-Request-ID": given}).headers["x-request-id"] == given
    assert road.get("/health/live", headers={"X-Request-ID": given}).headers["x-request-id"] == given
    assert road.post("/predict", content=b"", headers={"X-Request-ID": given}).headers["x-request-id"] == given


@pytest.mark.parametrize("given", [None, "", "x" * 129, "a b", 'a"b', "a\tb", "<a>"])
def test_who_sends_none_or_one_that_could_do_harm_gets_a_new_one(road: TestClient, given: str | None) -> None:
    headers = {} if given is None else {"X-Request-ID": given}
    answers = [road.post("/predict", content=SEVEN, headers=headers) for _ in range(2)]
    first, second = (each.headers["x-request-id"] for each in answers)
    assert re.fullmatch("[0-9a-f]{12}-[0-9a-f]{6,}", first)
    assert len({first, second, given}) == 3


def test_page_may_read_the_id(road: TestClient) -> None:
    answers = [
        road.post("/predict", content=content, headers={"Origin": "https://a.example"}) for content in (SEVEN, b"")
    ]
    assert all(each.headers.get_list("x-request-id") for each in answers)
    assert all(len(each.headers.get_list("x-request-id")) == 1 for each in answers)


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
def test_trace_is_that_of_traceparent(header: str | None, trace_id: str | None) -> None:
    assert RequestContext({b"traceparent": header.encode()} if header is not None else {}).trace_id == trace_id


def record(message: str, *arguments: Any, **more: Any) -> logging.LogRecord:
    return logging.LogRecord("app.x", logging.WARNING, "x.py", 1, message, arguments, more.get("exc_info"))


def test_json_line_holds_message_time_and_ids(monkeypatch: pytest.MonkeyPatch) -> None:
    token = context.CURRENT_REQUEST.set(RequestContext({b"x-request-id": b"mine", b"traceparent": TRACEPARENT.encode()}))
    line = logs.JsonFormatter().format(record("%d of\n%s", 3, "five"))
    context.CURRENT_REQUEST.reset(token)
    told = json.loads(line)
    assert "\n" not in line
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", told.pop("time"))
    assert told == {
        "level": "warning",
        "logger": "app.x",
        "message": "3 of\nfive",
        "request_id": "mine",
        "trace_id": TRACE,
    }
    assert "request_id" not in json.loads(logs.JsonFormatter().format(record("outside of a request")))


def test_json_line_holds_an_errors_trace() -> None:
    try:
        json.loads("out of paper")
    except ValueError as error:
        failed = record("failed", exc_info=(type(error), error, error.__traceback__))
    told = json.loads(logs.JsonFormatter().format(failed))
    assert told["error"].startswith("Traceback")
    assert "json.decoder.JSONDecodeError: Expecting value" in told["error"]


def test_text_line_ends_with_the_ids() -> None:
    token = context.CURRENT_REQUEST.set(RequestContext({b"x-request-id": b"mine"}))
    line = logs.TextFormatter().format(record("hello"))
    context.CURRENT_REQUEST.reset(token)
    assert line.endswith("WARNING app.x: hello request_id=mine")


def test_access_log_has_a_line_for_each_request_on_either_road() -> None:
    with serving("--device", "cpu", "--access-log", "true", "--log-format", "json") as service:
        connection = service.connect()

        def ask(method: str, path: str, body: bytes | None, headers: dict[str, str]) -> None:
            connection.request(method, path, body, headers)
            connection.getresponse().read()

        ask("POST", "/predict?model=digits", SEVEN, {"X-Request-ID": "first", "traceparent": TRACEPARENT})
        ask("POST", "/predict?hidden=1", b"no picture", {"X-Request-ID": "second", "Origin": "https://a.example"})
        ask("GET", "/made%0aup", None, {"X-Request-ID": "third", "traceparent": "nonsense"})
        connection.close()
        service.process.terminate()
        assert service.process.stderr
        lines = [json.loads(line) for line in service.process.stderr.read().splitlines()]
    assert service.process.wait(TIMEOUT_S) == 0
    told = [each for each in lines if each["logger"] == "app.access"]
    assert all(each.pop("ms") >= 0 and each.pop("time") and each.pop("message") for each in told)
    line = {"level": "info", "logger": "app.access"}
    assert told == [
        line | {"method": "POST", "path": "/predict", "status": 200, "request_id": "first", "trace_id": TRACE},
        line | {"method": "POST", "path": "/predict", "status": 415, "request_id": "second"},
        line | {"method": "GET", "path": "/made%0Aup", "status": 404, "request_id": "third"},
    ]
    assert [each["message"] for each in lines if each["logger"] == "app.repository.repository"]


def test_there_is_no_access_log_unless_asked_for() -> None:
    with serving("--device", "cpu", "--log-level", "debug") as service:
        assert service.get("/health/live")[0] == 200
        service.process.terminate()
        assert service.process.stderr
        said = service.process.stderr.read()
    assert "app.access" not in said
    assert "INFO app.repository.repository: loaded digits" in said
