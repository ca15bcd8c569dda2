"""Spans are sent to a collector, and belong to the client's trace."""

from __future__ import annotations

import json
import socket
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from app.main import create_app
from app.observability.tracing import SHUTDOWN_SECONDS, stop_tracing
from app.settings import Settings
from tests.app.observability.test_logs import TRACE, TRACEPARENT
from tests.conftest import ROOT
from tests.support.service import TIMEOUT_S, Service, serving

SEVEN = (ROOT / "app/web/static/seven.png").read_bytes()


class Collector(ThreadingHTTPServer):
    """An OTLP collector."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), SpanHandler)
        self.received: list[ExportTraceServiceRequest] = []

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    @property
    def spans(self) -> dict[str, Span]:
        resources = [resource for request in self.received for resource in request.resource_spans]
        scopes = [scope for resource in resources for scope in resource.scope_spans]
        return {span.name: span for scope in scopes for span in scope.spans}


class SpanHandler(BaseHTTPRequestHandler):
    server: Collector

    def do_POST(self) -> None:  # the library's name
        sent = self.rfile.read(int(self.headers["Content-Length"]))
        assert self.path == "/v1/traces"
        self.server.received.append(ExportTraceServiceRequest.FromString(sent))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None: ...


@contextmanager
def collecting() -> Iterator[Collector]:
    with Collector() as collector:
        threading.Thread(target=collector.serve_forever).start()
        yield collector
        collector.shutdown()


def ask(service: Service, path: str, body: bytes | None = None, **headers: str) -> bytes:
    request = urllib.request.Request(service.address + path, body, headers)
    with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:
        content: bytes = answer.read()
    return content


def test_request_is_a_span_of_its_clients_trace_and_the_log_has_the_trace_id() -> None:
    traced = ("--device", "cpu", "--tracing", "true", "--access-log", "true", "--log-format", "json")
    with collecting() as collector, serving(*traced, OTEL_EXPORTER_OTLP_ENDPOINT=collector.address) as service:
        answer = ask(service, "/predict?model=digits", SEVEN, traceparent=TRACEPARENT)
        assert json.loads(answer)["predictions"][0]["digit"] == 7
        ask(service, "/models")
        for path in ("/health/ready", "/metrics"):
            ask(service, path)
        service.process.terminate()
        assert service.process.stderr
        lines = [json.loads(line) for line in service.process.stderr.read().splitlines()]
        assert service.process.wait(TIMEOUT_S) == 0
        spans = collector.spans
    assert set(spans) == {"POST /predict", "GET /models"}
    assert spans["POST /predict"].trace_id.hex() == TRACE
    assert spans["POST /predict"].parent_span_id.hex() == "00f067aa0ba902b7"
    assert not spans["GET /models"].parent_span_id
    (resource,) = {str(spans.resource) for request in collector.received for spans in request.resource_spans}
    assert 'string_value: "digits"' in resource
    access_log = {line["path"]: line for line in lines if line["logger"] == "app.access"}
    assert access_log["/predict"]["trace_id"] == TRACE


def test_no_part_of_a_picture_is_in_a_span() -> None:
    with (
        collecting() as collector,
        serving("--device", "cpu", "--tracing", "true", OTEL_EXPORTER_OTLP_ENDPOINT=collector.address) as service,
    ):
        ask(service, "/predict", SEVEN)
        with pytest.raises(urllib.error.HTTPError) as refused:
            ask(service, "/predict", b"marked, and no picture")
        refused.value.close()
        service.process.terminate()
        assert service.process.wait(TIMEOUT_S) == 0
        sent = b"".join(request.SerializeToString() for request in collector.received)
    assert b"POST /predict" in sent
    assert b"marked" not in sent
    assert SEVEN[40:60] not in sent


@contextmanager
def silent() -> Iterator[str]:
    """The address of a collector that accepts connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


@contextmanager
def absent() -> Iterator[str]:
    yield "http://127.0.0.1:9"


@pytest.mark.parametrize("collector", [absent, silent])
def test_collector_that_does_not_answer_delays_nothing(collector: Callable[[], AbstractContextManager[str]]) -> None:
    quiet = ("--device", "cpu", "--log-level", "error", "--drain-seconds", "0")
    with (
        collector() as address,
        serving(*quiet, "--tracing", "true", OTEL_EXPORTER_OTLP_ENDPOINT=address) as service,
    ):
        assert json.loads(ask(service, "/predict", SEVEN))["predictions"][0]["digit"] == 7
        began = time.monotonic()
        service.process.terminate()
        assert service.process.wait(TIMEOUT_S) == 0
        seconds = time.monotonic() - began
    print(f"ended after {seconds:.1f} s")
    assert seconds < SHUTDOWN_SECONDS + 4  # without the limit nearly 8, and 10 if the collector is silent


def test_there_are_no_spans_by_default() -> None:
    app = create_app(Settings(device="cpu", fast_path=True))
    assert app.state.tracing is None
    assert app.fast_path.routes


def test_with_tracing_every_request_passes_fastapi_which_makes_the_spans() -> None:
    app = create_app(Settings(device="cpu", tracing=True))
    assert app.state.tracing
    stop_tracing(app.state.tracing)
    assert not app.fast_path.routes
