"""Traces for OpenTelemetry: a span for each request, made by FastAPI and sent where the OTEL_ variables say."""

from __future__ import annotations

import os
import threading
from collections.abc import Collection
from typing import TYPE_CHECKING

from fastapi.telemetry import TelemetryConfig

from app.errors import StartupError

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider

LAST_SECONDS = 2  # for the spans that are left at the end: the exporter would try for up to 10 to reach its collector


def start_tracing() -> TracerProvider:
    """Raises `StartupError` where the libraries for it are missing. Whoever has it stops it."""
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError as error:
        raise StartupError("tracing needs OpenTelemetry's SDK and exporter: install digits-service[otel]") from error
    os.environ.setdefault("OTEL_SERVICE_NAME", "digits")
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    return provider


def stop_tracing(provider: TracerProvider) -> None:
    """Sends what is left, for `LAST_SECONDS` at most: what is not sent by then ends with the process."""
    sending = threading.Thread(target=provider.shutdown, daemon=True)
    sending.start()
    sending.join(LAST_SECONDS)


def telemetry(provider: TracerProvider | None, untraced_paths: Collection[str]) -> TelemetryConfig:
    """FastAPI's, with spans alone: its metrics are ours already, and its logs would hold what callers sent."""
    return {
        "tracer_provider": provider,
        "tracing": provider is not None,
        "metrics": False,
        "logs": False,
        "operation_spans": False,  # one for each step inside FastAPI
        "auto_configure": False,
        "exclude": lambda scope: scope["path"] in untraced_paths,
    }
