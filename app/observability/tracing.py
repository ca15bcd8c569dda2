"""OpenTelemetry traces: FastAPI makes a span for each request, the exporter sends it where the OTEL_ variables say."""

from __future__ import annotations

import os
import threading
from collections.abc import Collection
from typing import TYPE_CHECKING

from fastapi.telemetry import TelemetryConfig

from app.errors import StartupError

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider

SHUTDOWN_SECONDS = 2  # to send the last spans; the exporter would try up to 10 s to reach its collector


def start_tracing() -> TracerProvider:
    """The caller ends it with `stop_tracing`. Raises `StartupError` if the libraries are missing."""
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
