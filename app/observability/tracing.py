"""OpenTelemetry traces. FastAPI makes a span for each request; below it are the stages of reading digits.

    POST /predict
    +-- decode     the body becomes picture files or numbers
    +-- prepare    these become MNIST images
    +-- queue      the images wait for a run
    +-- run        of the model, for all requests of its batch

The stages become spans once the request has ended, from the times that its context holds: so they cost nothing without
tracing. The exporter sends all spans where the OTEL_ variables say.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

from fastapi.telemetry import TelemetryConfig
from opentelemetry import trace
from opentelemetry.trace import StatusCode, Tracer

from app.errors import StartupError
from app.observability.request_context import CURRENT_REQUEST, RequestTrace

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.sdk.trace import Span, TracerProvider

SHUTDOWN_SECONDS = 2  # to send the last spans; the exporter would try up to 10 s to reach its collector
PROTOCOL_VARIABLES = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")


def start_tracing() -> TracerProvider:
    """The caller ends it with `stop_tracing`.

    Raises `StartupError` if the libraries are missing, or for a variable that they do not accept.
    """
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError as error:
        raise StartupError(
            "tracing needs OpenTelemetry's SDK and exporter: run .venv/bin/pip install '.[otel]' in the repository, or "
            "use the images, which have them"
        ) from error

    class RequestSpanProcessor(SpanProcessor):
        def on_start(self, span: Span, parent_context: Context | None = None) -> None:
            begin_trace(span, provider.get_tracer("digits"))

    check_protocol()
    os.environ.setdefault("OTEL_SERVICE_NAME", "digits")
    try:
        provider = TracerProvider(shutdown_on_exit=False)
        provider.add_span_processor(RequestSpanProcessor())
        provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    except ValueError as error:
        raise StartupError(f"tracing: an OTEL_ variable is invalid: {error}") from error
    return provider


def check_protocol() -> None:
    protocol = next(filter(None, map(os.environ.get, PROTOCOL_VARIABLES)), "http/protobuf")
    if protocol != "http/protobuf":
        raise StartupError(
            f"tracing speaks OTLP over http/protobuf only, but {' or '.join(PROTOCOL_VARIABLES)} is {protocol!r}: set "
            "it to http/protobuf, and OTEL_EXPORTER_OTLP_ENDPOINT to the collector's HTTP port (usually 4318)"
        )


def stop_tracing(provider: TracerProvider) -> None:
    """Sends the last spans, for at most `SHUTDOWN_SECONDS`; what is not sent by then is lost."""
    sending = threading.Thread(target=provider.shutdown, daemon=True)
    sending.start()
    sending.join(SHUTDOWN_SECONDS)


def telemetry(provider: TracerProvider | None, untraced_paths: Collection[str]) -> TelemetryConfig:
    """FastAPI's telemetry with spans only: the metrics are our own, and its logs would contain what clients sent."""
    return {
        "tracer_provider": provider,
        "tracing": provider is not None,
        "metrics": False,
        "logs": False,
        "operation_spans": False,  # these would be one for each step inside FastAPI
        "auto_configure": False,
        "exclude": lambda scope: scope["path"] in untraced_paths,
    }


def begin_trace(span: Span, tracer: Tracer) -> None:
    """Called for every span; the first one of a request is the request's own."""
    context = CURRENT_REQUEST.get()
    if context and context.trace is None:
        context.trace = RequestTrace(tracer, trace.format_trace_id(span.get_span_context().trace_id))


# --- the spans of the stages ------------------------------------------------------------------------------------------


class Stage(NamedTuple):
    """One span. Times are by time.perf_counter."""

    name: str
    began: float
    ended: float
    attributes: Mapping[str, int] = {}


@contextmanager
def stage_spans() -> Iterator[None]:
    """Around an endpoint: spans for its stages below the current span. The stage in which it fails has the error."""
    context = CURRENT_REQUEST.get()
    if context is None or context.trace is None:
        yield
        return
    began = time.perf_counter()
    failure = ""
    try:
        yield
    except BaseException as error:
        failure = type(error).__name__
        raise
    finally:
        stages = list(stages_of(context.trace, began, time.perf_counter(), failed=bool(failure)))
        export_stages(context.trace.tracer, context.model, stages, failure)


def stages_of(trace: RequestTrace, began: float, ended: float, *, failed: bool) -> Iterator[Stage]:
    """As far as the request came. A stage that had nothing to do takes no time."""
    queued_at = trace.queued_at or ended
    preparing_at = trace.preparing_at or queued_at
    yield Stage("decode", began, preparing_at)
    if trace.preparing_at or trace.queued_at:
        yield Stage("prepare", preparing_at, queued_at)
    for run in trace.runs:
        yield Stage("queue", run.queued_at, run.began)
        yield Stage("run", run.began, run.ended, {"digits.batch_images": run.batch_images})
    if failed and trace.queued_at and not trace.runs:
        yield Stage("queue", queued_at, ended)


def export_stages(tracer: Tracer, model: tuple[str, str], stages: list[Stage], failure: str) -> None:
    name, version = model
    if name:
        trace.get_current_span().set_attributes({"digits.model": name, "digits.version": version})
    epoch_ns = time.time_ns() - time.perf_counter_ns()
    for stage in stages:
        span = tracer.start_span(
            stage.name, start_time=epoch_ns + int(stage.began * 1e9), attributes=dict(stage.attributes)
        )
        if failure and stage is stages[-1]:
            span.set_attribute("error.type", failure)
            span.set_status(StatusCode.ERROR)
        span.end(epoch_ns + int(stage.ended * 1e9))
