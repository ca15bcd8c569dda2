"""What Prometheus may ask: counts, sizes and times of requests and of the models' runs.

With several workers (`PROMETHEUS_MULTIPROC_DIR` is set for them) each writes its figures to a file of its own, and
whichever is asked adds them up.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST as CONTENT_TYPE
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import REGISTRY

__all__ = [
    "CONTENT_TYPE",
    "RunMetrics",
    "exposition",
    "hand_on",
    "observe_loaded",
    "observe_refused",
    "observe_request",
    "values",
]

SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
MOST_PENDING = 256
SIZES = (1, 2, 4, 8, 16, 32, 64, 128, 256)

REQUEST_SECONDS = Histogram(
    "digits_request_seconds",
    "From the first byte of a request to the last of its answer, by route and status.",
    ("route", "status"),
    buckets=SECONDS,
)
MODEL = ("model", "version")
BATCH_IMAGES = Histogram("digits_batch_images", "Images in one run of a model.", MODEL, buckets=SIZES)
RUN_SECONDS = Histogram("digits_run_seconds", "Time of one run of a model.", MODEL, buckets=SECONDS)
QUEUE_SECONDS = Counter("digits_queue_seconds", "Time that parts of requests waited for a run, added up.", MODEL)
PARTS = Counter("digits_parts", "Parts of requests that were run: a request larger than a batch has several.", MODEL)
DROPPED = Counter("digits_dropped", "Requests that were given up, by reason.", (*MODEL, "reason"))
MODEL_LOADED = Gauge(
    "digits_model_loaded",
    "Processes that have it loaded, by the device it really runs on.",
    (*MODEL, "device"),
    multiprocess_mode="livesum",
)
MODEL_REFUSED = Gauge(
    "digits_model_refused",
    "Processes that refuse what lies in a model's folder under this name: a version, its labels, or all of it (.).",
    ("model", "entry"),
    multiprocess_mode="livesum",
)
QUEUED_IMAGES = Gauge("digits_queued_images", "Images waiting for a run.", MODEL, multiprocess_mode="livesum")


def observe_request(route: str, status: int, seconds: float) -> None:
    _request_seconds(route, status).observe(seconds)


def observe_loaded(name: str, version: int, device: str, *, loaded: bool) -> None:
    MODEL_LOADED.labels(name, str(version), device).set(loaded)


def observe_refused(name: str, entry: str, *, refused: bool) -> None:
    MODEL_REFUSED.labels(name, entry).set(refused)


_children: dict[tuple[str, int], Histogram] = {}


def _request_seconds(route: str, status: int) -> Histogram:
    """`labels` takes as long as decoding a small picture, so what it gave is kept."""
    child = _children.get((route, status))
    if child is None:
        child = _children[route, status] = REQUEST_SECONDS.labels(route, str(status))
    return child


@dataclass(frozen=True, slots=True)
class RunMetrics:
    """The figures of one version of one model.

    A run's are written down at once and handed to Prometheus's objects later, many together: one by one they took 6 us
    of each run.
    """

    batch_images: Histogram
    run_seconds: Histogram
    queue_seconds: Counter
    parts: Counter
    left: Counter
    expired: Counter
    overloaded: Counter
    failed: Counter
    queued_images: Gauge
    runs: list[tuple[int, float, int, float, int]] = field(default_factory=list)

    @classmethod
    def of(cls, name: str, version: int) -> RunMetrics:
        model = (name, str(version))
        if model not in _all:
            _all[model] = cls(
                batch_images=BATCH_IMAGES.labels(*model),
                run_seconds=RUN_SECONDS.labels(*model),
                queue_seconds=QUEUE_SECONDS.labels(*model),
                parts=PARTS.labels(*model),
                left=DROPPED.labels(*model, "left"),
                expired=DROPPED.labels(*model, "expired"),
                overloaded=DROPPED.labels(*model, "overloaded"),
                failed=DROPPED.labels(*model, "failed"),
                queued_images=QUEUED_IMAGES.labels(*model),
            )
        return _all[model]

    def observe_run(self, images: int, seconds: float, parts: int, waited: float, queued: int) -> None:
        """One run, how long its parts of requests had waited for it, added up, and the images still waiting."""
        self.runs.append((images, seconds, parts, waited, queued))
        if len(self.runs) >= MOST_PENDING:
            self.hand_on()

    def hand_on(self) -> None:
        runs = self.runs.copy()
        del self.runs[: len(runs)]
        for images, seconds, parts, waited, _ in runs:
            self.batch_images.observe(images)
            self.run_seconds.observe(seconds)
            self.parts.inc(parts)
            self.queue_seconds.inc(waited)
        if runs:
            self.queued_images.set(runs[-1][-1])


_all: dict[tuple[str, str], RunMetrics] = {}


def hand_on() -> None:
    """So that others see what this process has written down. Whoever asks here sees it anyway."""
    for each in tuple(_all.values()):
        each.hand_on()


def registry() -> CollectorRegistry:
    """All workers' figures where there are several, else this process's."""
    hand_on()
    if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
        return REGISTRY
    together = CollectorRegistry()
    MultiProcessCollector(together)  # type: ignore[no-untyped-call]  # the library annotates only in part
    return together


def exposition() -> bytes:
    """What `GET /metrics` answers, in Prometheus's text format."""
    return generate_latest(registry())


def values(labels: Mapping[str, str]) -> dict[str, float]:
    """The value of each sample with just these labels, by its name; of all workers together."""
    wanted = dict(labels)
    samples = (sample for metric in registry().collect() for sample in metric.samples)
    return {sample.name: sample.value for sample in samples if sample.labels == wanted}
