"""Log lines have the request id and the trace id, and nothing else of the request."""

from __future__ import annotations

import json
import logging
import re
from typing import Any

import pytest

from app.observability import logs
from app.observability.request_context import CURRENT_REQUEST, RequestContext
from tests.conftest import ROOT
from tests.support.service import TIMEOUT_S, serving

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
TRACEPARENT = f"00-{TRACE}-00f067aa0ba902b7-01"
SEVEN = (ROOT / "app/web/static/seven.png").read_bytes()


def record(message: str, *arguments: Any, **more: Any) -> logging.LogRecord:
    return logging.LogRecord("app.x", logging.WARNING, "x.py", 1, message, arguments, more.get("exc_info"))


def test_json_line_has_message_time_and_ids(monkeypatch: pytest.MonkeyPatch) -> None:
    token = CURRENT_REQUEST.set(RequestContext({b"x-request-id": b"mine", b"traceparent": TRACEPARENT.encode()}))
    line = logs.JsonFormatter().format(record("%d of\n%s", 3, "five"))
    CURRENT_REQUEST.reset(token)
    fields = json.loads(line)
    assert "\n" not in line
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", fields.pop("time"))
    assert fields == {
        "level": "warning",
        "logger": "app.x",
        "message": "3 of\nfive",
        "request_id": "mine",
        "trace_id": TRACE,
    }
    assert "request_id" not in json.loads(logs.JsonFormatter().format(record("outside of a request")))


def test_json_line_has_an_errors_traceback() -> None:
    try:
        json.loads("out of paper")
    except ValueError as error:
        failed = record("failed", exc_info=(type(error), error, error.__traceback__))
    fields = json.loads(logs.JsonFormatter().format(failed))
    assert fields["error"].startswith("Traceback")
    assert "json.decoder.JSONDecodeError: Expecting value" in fields["error"]


def test_text_line_ends_with_the_ids() -> None:
    token = CURRENT_REQUEST.set(RequestContext({b"x-request-id": b"mine"}))
    line = logs.TextFormatter().format(record("hello"))
    CURRENT_REQUEST.reset(token)
    assert line.endswith("WARNING app.x: hello request_id=mine")


def test_access_log_has_a_line_for_each_request_with_and_without_the_fast_path() -> None:
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
    access_log = [line for line in lines if line["logger"] == "app.access"]
    assert all(line.pop("ms") >= 0 and line.pop("time") and line.pop("message") for line in access_log)
    common = {"level": "info", "logger": "app.access"}
    assert access_log == [
        common | {"method": "POST", "path": "/predict", "status": 200, "request_id": "first", "trace_id": TRACE},
        common | {"method": "POST", "path": "/predict", "status": 415, "request_id": "second"},
        common | {"method": "GET", "path": "/made%0Aup", "status": 404, "request_id": "third"},
    ]
    assert [line["message"] for line in lines if line["logger"] == "app.repository.served_models"]


def test_there_is_no_access_log_by_default() -> None:
    with serving("--device", "cpu", "--log-level", "debug") as service:
        assert service.get("/health/live")[0] == 200
        service.process.terminate()
        assert service.process.stderr
        log = service.process.stderr.read()
    assert "app.access" not in log
    assert "INFO app.repository.served_models: loaded digits" in log


@pytest.mark.parametrize(
    ("level", "lines"), [("info", ["/models"]), ("debug", ["/health/ready", "/metrics", "/models"])]
)
def test_probes_and_scrapes_are_in_the_access_log_at_the_level_debug_alone(level: str, lines: list[str]) -> None:
    with serving("--device", "cpu", "--access-log", "true", "--log-format", "json", "--log-level", level) as service:
        connection = service.connect()
        for path in ("/health/ready", "/metrics", "/models"):
            connection.request("GET", path)
            connection.getresponse().read()
        connection.close()
        service.process.terminate()
        assert service.process.stderr
        log = [json.loads(line) for line in service.process.stderr.read().splitlines()]
    assert [line["path"] for line in log if line["logger"] == "app.access"] == lines


def test_probe_that_fails_is_in_the_access_log(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "app.access"):
        logs.note_access("GET", "/health/ready", 200, 0.001)
        logs.note_access("GET", "/health/ready", 503, 0.001)
    assert [line.message for line in caplog.records] == ["GET /health/ready 503 1.0 ms"]
