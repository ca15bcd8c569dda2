"""The log: text for people, or one JSON object a line for log collectors.

Every line that is logged for a request has its request id and trace id. Nothing else of a request is logged: neither
its body, query or headers, nor its client.
"""

from __future__ import annotations

import logging
import sys
import time
from typing import Any
from urllib.parse import quote

import orjson
from opentelemetry import trace

from app.observability.request_context import CURRENT_REQUEST
from app.settings import LogFormat

access = logging.getLogger("app.access")
# What these log about a client's bytes, some of it as errors, is in the response to the client.
SILENCED = ("PIL", "python_multipart")
# Requested every few seconds, and of no interest unless they fail. A platform's own path is added to them.
probe_paths = {"/health/live", "/health/ready", "/v2/health/live", "/v2/health/ready", "/ping", "/metrics"}


def start_logging(level: str, log_format: LogFormat, *, access_log: bool) -> None:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter() if log_format == "json" else TextFormatter())
    logging.basicConfig(level=level.upper(), handlers=[handler])
    for parser in SILENCED:
        logging.getLogger(parser).setLevel(logging.CRITICAL)
    access.setLevel(min(logging.INFO, logging.getLevelName(level.upper())) if access_log else logging.WARNING)


def note_access(method: str, path: str, status: int, seconds: float) -> None:
    """One line for each request, if the access log is on; for a probe that succeeds only if the level is debug."""
    if access.isEnabledFor(logging.INFO):
        level = logging.DEBUG if path in probe_paths and status < 400 else logging.INFO
        # The path stays encoded: decoded it could contain line breaks, and so forge lines of the log.
        fields = {"method": method, "path": quote(path, safe="/:"), "status": status, "ms": round(seconds * 1000, 3)}
        access.log(level, "%(method)s %(path)s %(status)d %(ms)s ms", fields, extra={"fields": fields})


def ids() -> dict[str, str]:
    """The ids of the current request and its trace; empty outside a request."""
    found = {}
    if context := CURRENT_REQUEST.get():
        found["request_id"] = context.request_id.decode()
        if trace_id := context.trace_id:
            found["trace_id"] = trace_id
    span = trace.get_current_span().get_span_context()
    if span.is_valid:
        found |= {"trace_id": trace.format_trace_id(span.trace_id), "span_id": trace.format_span_id(span.span_id)}
    return found


class TextFormatter(logging.Formatter):
    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s%(ids)s")

    def format(self, record: logging.LogRecord) -> str:
        record.ids = "".join(f" {name}={value}" for name, value in ids().items())
        return super().format(record)


class JsonFormatter(logging.Formatter):
    """One line: time, level, logger, message, the fields of the access log, the ids, and an error's traceback."""

    def format(self, record: logging.LogRecord) -> str:
        fields: dict[str, Any] = {
            "time": f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(record.created))}.{int(record.msecs):03d}Z",
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **getattr(record, "fields", {}),
            **ids(),
        }
        if record.exc_info:
            fields["error"] = self.formatException(record.exc_info)
        return orjson.dumps(fields).decode()
