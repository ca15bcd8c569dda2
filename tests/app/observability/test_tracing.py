"""Spans are sent to a collector, and belong to the client's trace."""

from __future__ import annotations

import io
import json
import socket
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status
from opentelemetry.trace import NoOpTracer
from PIL import Image

from app.errors import StartupError
from app.main import create_app
from app.observability.request_context import RequestTrace
from app.observability.tracing import SHUTDOWN_SECONDS, stages_of, start_tracing, stop_tracing
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
    def all_spans(self) -> list[Span]:
        resources = [resource for request in self.received for resource in request.resource_spans]
        scopes = [scope for resource in resources for scope in resource.scope_spans]
        return [span for scope in scopes for span in scope.spans]

    @property
    def spans(self) -> dict[str, Span]:
        """Those of requests."""
        return {span.name: span for span in self.all_spans if " " in span.name}

    def stages_of(self, request: Span) -> list[Span]:
        children = [span for span in self.all_spans if span.parent_span_id == request.span_id]
        return sorted(children, key=lambda span: (span.start_time_unix_nano, span.end_time_unix_nano))


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
        try:
            yield collector
        finally:
            collector.shutdown()


def ask(service: Service, path: str, body: bytes | None = None, **headers: str) -> bytes:
    request = urllib.request.Request(service.address + path, body, headers)
    with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:
        content: bytes = answer.read()
    return content


@contextmanager
def tracing_to(collector: Collector, *options: str) -> Iterator[Service]:
    with serving(
        "--device", "cpu", "--tracing", "true", *options, OTEL_EXPORTER_OTLP_ENDPOINT=collector.address
    ) as service:
        yield service


def stop(service: Service) -> list[str]:
    """The lines of its log."""
    service.process.terminate()
    assert service.process.stderr
    lines = service.process.stderr.read().splitlines()
    assert service.process.wait(TIMEOUT_S) == 0
    return lines


def refused(service: Service, path: str, body: bytes) -> None:
    with pytest.raises(urllib.error.HTTPError) as error:
        ask(service, path, body)
    error.value.close()


@pytest.fixture(scope="module")
def photo() -> bytes:
    """A picture that is large enough for a thread."""
    large = Image.open(io.BytesIO(SEVEN)).convert("L").resize((800, 800))
    file = io.BytesIO()
    large.save(file, "PNG")
    return file.getvalue()


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


def duration(span: Span) -> int:
    return span.end_time_unix_nano - span.start_time_unix_nano


STAGES = ["decode", "prepare", "queue", "run"]


def test_stages_of_reading_are_spans_below_the_requests_and_do_not_overlap(photo: bytes) -> None:
    seven = np.asarray(Image.open(io.BytesIO(photo)).resize((28, 28))).tolist()
    tensors = json.dumps({"instances": [seven] * 100}).encode()
    requests = {
        "/predict": SEVEN,
        "/read": photo,
        "/explain": SEVEN,
        "/v1/models/digits:predict": tensors,
        "/invocations": photo,
    }
    with collecting() as collector, tracing_to(collector) as service:
        for path, body in requests.items():
            ask(service, path, body)
        stop(service)
        spans, stages = collector.spans, {name: collector.stages_of(span) for name, span in collector.spans.items()}
    assert [stage.name for stage in stages["POST /predict"]] == STAGES
    assert len(spans) == len(requests)
    for name, request in spans.items():
        assert [stage.name for stage in stages[name]][:4] == STAGES, name
        assert {attribute.key for attribute in request.attributes} >= {"digits.model", "digits.version"} or (
            name == "POST /explain"  # which asks its model for what no client sent
        )
        ends = request.start_time_unix_nano
        for stage in stages[name]:
            assert ends - 1000 <= stage.start_time_unix_nano <= stage.end_time_unix_nano
            ends = stage.end_time_unix_nano
        assert ends <= request.end_time_unix_nano
        assert len({stage.trace_id for stage in stages[name]} | {request.trace_id}) == 1
    decode, prepare, *_ = stages["POST /read"]
    assert duration(prepare) > 10 * duration(decode)
    large = [stage.name for stage in stages["POST /v1/models/{name}:predict"]]
    batches = len(large) // 2 - 1
    assert batches >= 2  # of 64 images at most, and of fewer where small requests came shortly before
    assert large == [*STAGES[:2], *(["queue", "run"] * batches)]


def test_stage_in_which_a_request_fails_is_the_last_one_and_has_the_error() -> None:
    with collecting() as collector, tracing_to(collector) as service:
        refused(service, "/predict", b"no picture")
        refused(service, "/v1/models/digits:predict", b"{}")
        stop(service)
        stages = {name: collector.stages_of(span) for name, span in collector.spans.items()}
    (decode, prepare) = stages["POST /predict"]
    assert (decode.status.code, prepare.status.code) == (Status.STATUS_CODE_UNSET, Status.STATUS_CODE_ERROR)
    assert 'string_value: "UnsupportedPicture"' in str(prepare)
    (decode,) = stages["POST /v1/models/{name}:predict"]
    assert 'string_value: "InvalidRequest"' in str(decode)


def test_request_that_waits_for_a_run_until_its_deadline_was_in_the_queue() -> None:
    trace = RequestTrace(NoOpTracer(), TRACE)
    trace.preparing_at, trace.queued_at = 2, 3
    assert list(stages_of(trace, 1, 9, failed=True)) == [
        ("decode", 1, 2, {}),
        ("prepare", 2, 3, {}),
        ("queue", 3, 9, {}),
    ]


def test_every_line_of_a_request_has_its_trace_id_also_where_the_client_sent_none() -> None:
    options = ("--access-log", "true", "--log-format", "json")
    with collecting() as collector, tracing_to(collector, *options) as service:
        ask(service, "/predict", SEVEN)
        ask(service, "/models")
        refused(service, "/v1/models/nothing:predict", b"{}")
        lines = stop(service)
        spans = collector.spans
    access_log = [line for line in map(json.loads, lines) if line["logger"] == "app.access"]
    assert {line["trace_id"] for line in access_log} == {span.trace_id.hex() for span in spans.values()}
    assert len(access_log) == 3


@pytest.mark.parametrize(
    ("variable", "value", "named"),
    [
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc", "http/protobuf"),
        ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "-1", "OTEL_ variable"),
    ],
)
def test_variable_that_the_exporter_does_not_accept_is_named_at_the_start(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, named: str
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(StartupError, match=named):
        start_tracing()


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
