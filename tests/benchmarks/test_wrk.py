from __future__ import annotations

import json

from benchmarks.wrk import parse


def test_answers_that_are_errors_are_no_requests() -> None:
    errors = {"status": 30, "connect": 0, "read": 2, "write": 0, "timeout": 0}
    report = {"requests": 100, "seconds": 2.0, "p50_ms": 1.0, "p90_ms": 1.0, "p99_ms": 1.0, "errors": errors}
    timing = parse("Running 2s test\n" + json.dumps(report) + "\n")
    assert (timing.per_second, timing.failed) == (35.0, 32)
