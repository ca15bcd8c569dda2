"""The metrics of the processes themselves, of one and of several workers."""

from __future__ import annotations

import os
import platform
import urllib.request
from collections.abc import Iterator

import onnxruntime
import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text
from prometheus_client.samples import Sample

from app import __version__
from app.observability.process_metrics import process_families
from tests.support.service import TIMEOUT_S, TWO_WORKERS, Service, serving, wait_until

OPENMETRICS = "application/openmetrics-text;version=1.0.0;q=0.5,application/openmetrics-text;version=0.0.1;q=0.4"
PROCESS_METRICS = {
    "process_cpu_seconds_total",
    "process_max_fds",
    "process_open_fds",
    "process_resident_memory_bytes",
    "process_start_time_seconds",
    "process_virtual_memory_bytes",
}


@pytest.fixture(scope="module")
def service() -> Iterator[Service]:
    with serving("--device", "cpu", "--model-poll-seconds", "0", "--revision", "4f2a") as service:
        yield service


def scrape(service: Service, **headers: str) -> tuple[str, str]:
    """The body and the content type."""
    request = urllib.request.Request(service.address + "/metrics", headers=headers)
    with urllib.request.urlopen(request, timeout=TIMEOUT_S) as response:
        return response.read().decode(), response.headers["Content-Type"]


def samples(service: Service, name: str) -> list[Sample]:
    families = parse_text(scrape(service)[0])
    return [sample for family in families for sample in family.samples if sample.name == name]


def value(service: Service, name: str) -> float:
    (sample,) = samples(service, name)
    return float(sample.value)


def test_build_is_named_with_what_runs_it(service: Service) -> None:
    (build,) = samples(service, "digits_build_info")
    assert build.value == 1
    assert build.labels == {
        "version": __version__,
        "revision": "4f2a",
        "python": platform.python_version(),
        "onnxruntime": onnxruntime.__version__,
        "device": "cpu",
    }


def test_request_is_in_flight_from_its_head_to_its_response(service: Service) -> None:
    """Also while its body arrives, on the fast path and off it. The request for /metrics is one too."""
    for origin in ("", "Origin: https://a.example\r\n"):
        wait_until(lambda: value(service, "digits_connections") == 1)
        connection = service.connect()
        assert connection.sock
        wait_until(lambda: value(service, "digits_connections") == 2)
        assert value(service, "digits_requests_in_flight") == 1
        connection.sock.sendall(f"POST /predict HTTP/1.1\r\nHost: a\r\n{origin}Content-Length: 2\r\n\r\n".encode())
        wait_until(lambda: value(service, "digits_requests_in_flight") == 2)
        connection.sock.sendall(b"no")
        assert connection.sock.recv(100).startswith(b"HTTP/1.1 415 ")
        assert value(service, "digits_requests_in_flight") == 1
        connection.close()


def test_scrape_is_openmetrics_where_prometheus_asks_for_it(service: Service) -> None:
    body, content_type = scrape(service, Accept=OPENMETRICS, **{"Accept-Encoding": "gzip"})
    assert content_type == "application/openmetrics-text; version=1.0.0; charset=utf-8; escaping=underscores"
    assert body.endswith("# EOF\n")
    families = list(parse_openmetrics(body))  # type: ignore[no-untyped-call]
    assert "digits_predicted" in {family.name for family in families}
    for accept in ("", "*/*", "text/plain;version=0.0.4", "nonsense;;,;version=x"):
        body, content_type = scrape(service, Accept=accept)
        assert content_type.startswith("text/plain; version=")
        assert "# EOF" not in body


def test_one_process_has_the_standard_metrics_without_labels(service: Service) -> None:
    found = [sample for family in parse_text(scrape(service)[0]) for sample in family.samples]
    assert {sample.name for sample in found if sample.name.startswith("process_")} == PROCESS_METRICS
    assert "digits_worker_pid" not in {sample.name for sample in found}


@pytest.mark.slow
def test_each_of_several_workers_has_its_process_metrics_and_a_dead_one_none() -> None:
    with serving(*TWO_WORKERS, "--model-poll-seconds", "0") as service:
        families = {family.name: family for family in parse_text(scrape(service)[0])}
        cpu = families["process_cpu_seconds"].samples
        assert {sample.labels["worker"] for sample in cpu} == {"0", "1"}
        assert all(sample.value > 0 for sample in cpu)
        names = {sample.name for family in families.values() for sample in family.samples}
        assert names >= PROCESS_METRICS
        assert "digits_worker_pid" not in names
        (build,) = families["digits_build_info"].samples
        assert build.value == 1
        before = {sample.value for sample in families["process_start_time_seconds"].samples}
        os.kill(service.wait_for_two_workers().pop(), 9)

        def replaced() -> bool:
            started = [sample.value for sample in samples(service, "process_start_time_seconds")]
            return len(started) == 2 and max(started) > max(before)

        wait_until(replaced)


def test_process_that_has_just_ended_has_no_metrics() -> None:
    ended = Sample("digits_worker_pid", {"pid": "0"}, 2**22 + 1)  # more than Linux's largest process id
    assert not list(process_families([ended]))
