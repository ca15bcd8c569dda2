"""Metrics of the processes themselves: their build, their connections, and what they take of the machine."""

from __future__ import annotations

import functools
import os
import platform
from collections.abc import Iterable, Iterator, Set
from typing import Any

from prometheus_client import Gauge
from prometheus_client.metrics_core import Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector
from prometheus_client.samples import Sample

from app import __version__
from app.observability.buffers import register

BUILD_INFO = Gauge(
    "digits_build_info",
    "1, with the version and source revision of the service, and what runs it.",
    ("version", "revision", "python", "onnxruntime", "device"),
    multiprocess_mode="livemax",
)
WORKER_PID = "digits_worker_pid"  # from a worker to the one that answers /metrics; not in the response


def observe_build(revision: str, device: str) -> None:
    """`device` is the one that models really run on."""
    import onnxruntime  # once `app.inference` has turned off its telemetry, which starts with the import

    versions = (__version__, revision or "unknown", platform.python_version(), onnxruntime.__version__)
    BUILD_INFO.labels(*versions, device).set(1)


class ConnectionMetrics:
    """The server's connections, counted when they are asked for: a request costs nothing."""

    def __init__(self, connections: Set[Any]) -> None:
        """`connections` is a live view of uvicorn's."""
        self.connections = connections
        self.open, self.in_flight = connection_gauges()
        register(self)

    def flush(self) -> None:
        connections = list(self.connections)  # in one step, since the event loop changes the set
        self.open.set(len(connections))
        self.in_flight.set(sum(is_busy(connection) for connection in connections))


def is_busy(connection: Any) -> bool:
    """Whether a connection, of any of uvicorn's classes, has a request whose response is not complete."""
    cycle = connection.cycle
    return cycle is not None and not cycle.response_complete


@functools.cache
def connection_gauges() -> tuple[Gauge, Gauge]:
    """Made by a server, not by an import: a worker first says where its figures go (`WorkerSpec.share_metrics`)."""
    return (
        Gauge("digits_connections", "Open connections.", multiprocess_mode="livesum"),
        Gauge(
            "digits_requests_in_flight",
            "Requests whose head has arrived and whose response is not complete.",
            multiprocess_mode="livesum",
        ),
    )


# --- several workers --------------------------------------------------------------------------------------------------


@functools.cache
def share_pid() -> None:
    """Tells the other workers which process this is."""
    Gauge(WORKER_PID, "Process id.", multiprocess_mode="liveall").set(os.getpid())


class WorkersCollector(Collector):
    """The figures of all workers, and the standard process metrics of each with its number as the label `worker`.

    prometheus_client has no process metrics where several processes share their figures.
    """

    def collect(self) -> Iterator[Metric]:
        for family in MultiProcessCollector.merge(worker_files()):  # type: ignore[no-untyped-call]  # annotated in part
            if family.name == WORKER_PID:
                yield from process_families(family.samples)
            else:
                yield family


def worker_files() -> list[str]:
    """Those with figures: a starting worker's file is empty for a moment, which prometheus_client cannot read."""
    with os.scandir(os.environ["PROMETHEUS_MULTIPROC_DIR"]) as entries:
        return [entry.path for entry in entries if entry.name.endswith(".db") and size_of(entry)]


def size_of(entry: os.DirEntry[str]) -> int:
    try:
        return entry.stat().st_size
    except FileNotFoundError:  # the supervisor has just removed a dead worker's
        return 0


def process_families(pids: Iterable[Sample]) -> Iterable[Metric]:
    """The families process_... of the processes whose ids are the values, by their label `pid`: a worker's number."""
    families: dict[str, Metric] = {}
    for pid in pids:
        process = ProcessCollector(pid=functools.partial(int, pid.value), registry=None)
        for family in process.collect():
            samples = [sample._replace(labels={"worker": pid.labels["pid"]}) for sample in family.samples]
            families.setdefault(family.name, Metric(family.name, family.documentation, family.type)).samples += samples
    return families.values()
