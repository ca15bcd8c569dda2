"""What Prometheus may ask: counts, sizes and times of requests and of the models' runs, and what is predicted.

With several workers (`PROMETHEUS_MULTIPROC_DIR` is set for them) each writes its figures to a file of its own, and
whichever is asked adds them up.

What is measured of every request is written down at once and handed to Prometheus's objects later, many together, which
takes a tenth of the time.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable, Mapping, Sequence
from typing import TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST as CONTENT_TYPE
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import REGISTRY

__all__ = [
    "CONTENT_TYPE",
    "Drift",
    "RunMetrics",
    "exposition",
    "hand_on",
    "observe_loaded",
    "observe_problem",
    "observe_refused",
    "observe_request",
    "observe_stages",
    "values",
]

MOST_PENDING = 256
SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
SHORT_SECONDS = (0.00001, 0.000025, 0.00005, 0.0001, 0.00025, *SECONDS)
SIZES = (1, 2, 4, 8, 16, 32, 64, 128, 256)
CONFIDENCES = (0.3, 0.5, 0.7, 0.8, 0.9, 0.95, 0.99, 0.999, 1)
INKS = (0.025, 0.05, 0.075, 0.1, 0.125, 0.15, 0.175, 0.2, 0.25, 0.3, 0.5, 1)  # nine in ten of MNIST: 0.07 to 0.21


class BulkHistogram(Histogram):
    """Prometheus's, to which many values can be given at once."""

    def observe_all(self, values: Sequence[float] | NDArray[np.floating]) -> None:
        places = np.searchsorted(self._upper_bounds, values)  # of the first bound that is not smaller
        for bucket, count in zip(self._buckets, np.bincount(places).tolist(), strict=False):
            if count:
                bucket.inc(count)
        self._sum.inc(float(np.sum(values)))


ROUTE = ("route",)
MODEL = ("model", "version")
REQUEST_SECONDS = BulkHistogram(
    "digits_request_seconds",
    "From the first byte of a request to the last of its answer, by route and status.",
    ("route", "status"),
    buckets=SECONDS,
)
DECODE_SECONDS = BulkHistogram(
    "digits_decode_seconds", "From a request's whole body to the images of it.", ROUTE, buckets=SHORT_SECONDS
)
ENCODE_SECONDS = BulkHistogram(
    "digits_encode_seconds", "From the probabilities to the answer's body.", ROUTE, buckets=SHORT_SECONDS
)
QUEUE_SECONDS = BulkHistogram(
    "digits_queue_seconds",
    "Waiting for a run, of each part of a request: one larger than a batch has several.",
    MODEL,
    buckets=SHORT_SECONDS,
)
RUN_SECONDS = BulkHistogram("digits_run_seconds", "One run of a model.", MODEL, buckets=SHORT_SECONDS)
BATCH_IMAGES = BulkHistogram("digits_batch_images", "Images in one run of a model.", MODEL, buckets=SIZES)
QUEUED_IMAGES = Gauge("digits_queued_images", "Images waiting for a run.", MODEL, multiprocess_mode="livesum")
PROBLEMS = Counter("digits_problems", "Problems that were answered, by the last word of their type.", ("kind",))
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
PREDICTED = Counter("digits_predicted", "Images read as this digit.", (*MODEL, "digit"))
CONFIDENCE = BulkHistogram("digits_confidence", "Of the digit that an image was read as.", MODEL, buckets=CONFIDENCES)
INK = BulkHistogram(
    "digits_ink", "Mean of the first image of a request as the model saw it: 0 paper, 1 ink.", MODEL, buckets=INKS
)


class Pending:
    """Values that a histogram has still to get."""

    __slots__ = ("histogram", "values")

    def __init__(self, histogram: BulkHistogram) -> None:
        self.histogram = histogram
        self.values: list[float] = []
        _pending.append(self)

    def add(self, value: float) -> None:
        self.values.append(value)
        if len(self.values) >= MOST_PENDING:
            hand_on((self,))

    def add_all(self, values: Iterable[float]) -> None:
        self.values += values
        if len(self.values) >= MOST_PENDING:
            hand_on((self,))

    def hand_on(self) -> None:
        if values := taken_from(self.values):
            self.histogram.observe_all(values)


class Stages:
    """The same for the two stages of a route: decoding and encoding, in turn."""

    __slots__ = ("decode", "encode", "values")

    def __init__(self, route: str) -> None:
        self.decode = DECODE_SECONDS.labels(route)
        self.encode = ENCODE_SECONDS.labels(route)
        self.values: list[float] = []
        _pending.append(self)

    def add(self, decode_seconds: float, encode_seconds: float) -> None:
        self.values += (decode_seconds, encode_seconds)
        if len(self.values) >= 2 * MOST_PENDING:
            hand_on((self,))

    def hand_on(self) -> None:
        if values := taken_from(self.values):
            self.decode.observe_all(values[::2])
            self.encode.observe_all(values[1::2])


class RunMetrics:
    """The figures of one version of one model: what its runs take, and why requests are given up."""

    def __init__(self, name: str, version: str) -> None:
        model = (name, version)
        self.batch_images = Pending(BATCH_IMAGES.labels(*model))
        self.run_seconds = Pending(RUN_SECONDS.labels(*model))
        self.queue_seconds = Pending(QUEUE_SECONDS.labels(*model))
        self.disconnected = DROPPED.labels(*model, "left")
        self.expired = DROPPED.labels(*model, "expired")
        self.overloaded = DROPPED.labels(*model, "overloaded")
        self.failed = DROPPED.labels(*model, "failed")
        self.queued = 0
        self._queued_images = QUEUED_IMAGES.labels(*model)
        _pending.append(self)

    @classmethod
    def of(cls, name: str, version: int) -> RunMetrics:
        model = (name, str(version))
        if model not in _runs:
            _runs[model] = cls(*model)
        return _runs[model]

    def observe_run(self, images: int, seconds: float, waits: Sequence[float], queued: int) -> None:
        """One run, how long each part of a request had waited for it, and the images still waiting."""
        self.queued = queued
        self.batch_images.add(images)
        self.run_seconds.add(seconds)
        self.queue_seconds.add_all(waits)

    def hand_on(self) -> None:
        self._queued_images.set(self.queued)


class Drift:
    """What tells that callers send something else than they used to: how dark it is, and what it is read as."""

    def __init__(self, name: str, version: str) -> None:
        model = (name, version)
        self._predicted = [PREDICTED.labels(*model, str(digit)) for digit in range(10)]
        self._confidence = CONFIDENCE.labels(*model)
        self._ink = INK.labels(*model)
        self._images: list[bytes] = []
        self._rows: list[bytes] = []
        _pending.append(self)

    @classmethod
    def of(cls, name: str, version: int) -> Drift:
        model = (name, str(version))
        if model not in _drifts:
            _drifts[model] = cls(*model)
        return _drifts[model]

    def observe(self, images: NDArray[np.uint8], probabilities: NDArray[np.float32]) -> None:
        """One request's, (n, 28, 28) and (n, 10). Its first image stands for all: looking at each takes too long."""
        self._images.append(images.tobytes() if len(images) == 1 else images[0].tobytes())
        self._rows.append(probabilities.tobytes())
        if len(self._rows) >= MOST_PENDING:
            hand_on((self,))

    def hand_on(self) -> None:
        if images := taken_from(self._images):
            pixels = np.frombuffer(b"".join(images), np.uint8).reshape(len(images), -1)
            self._ink.observe_all(cv2.reduce(pixels, 1, cv2.REDUCE_AVG, dtype=cv2.CV_32F)[:, 0] / 255)
        if rows := taken_from(self._rows):
            probabilities = np.frombuffer(b"".join(rows), np.float32).reshape(-1, 10)
            self._confidence.observe_all(probabilities.max(axis=1))
            counts = np.bincount(probabilities.argmax(axis=1), minlength=10)
            for counter, count in zip(self._predicted, counts.tolist(), strict=True):
                counter.inc(count)


Source = Pending | Stages | RunMetrics | Drift
_pending: list[Source] = []
_handing_on = threading.Lock()  # whoever asks for the figures does so in a thread
_runs: dict[tuple[str, str], RunMetrics] = {}
_drifts: dict[tuple[str, str], Drift] = {}
_requests: dict[tuple[str, int], Pending] = {}
_stages: dict[str, Stages] = {}


T = TypeVar("T")


def taken_from(values: list[T]) -> list[T]:
    """Those that are there now; what the event loop adds meanwhile stays."""
    taken = values.copy()
    del values[: len(taken)]
    return taken


def hand_on(pending: Iterable[Source] | None = None) -> None:
    """So that others see what this process has written down. Whoever asks here sees it anyway."""
    for each in tuple(_pending) if pending is None else pending:
        with _handing_on:
            each.hand_on()


def observe_request(route: str, status: int, seconds: float) -> None:
    pending = _requests.get((route, status))  # `labels` takes as long as decoding a small picture
    if pending is None:
        pending = _requests[route, status] = Pending(REQUEST_SECONDS.labels(route, str(status)))
    pending.add(seconds)


def observe_stages(route: str, decode_seconds: float, encode_seconds: float) -> None:
    stages = _stages.get(route)
    if stages is None:
        stages = _stages[route] = Stages(route)
    stages.add(decode_seconds, encode_seconds)


def observe_problem(kind: str) -> None:
    PROBLEMS.labels(kind).inc()


def observe_loaded(name: str, version: int, device: str, *, loaded: bool) -> None:
    MODEL_LOADED.labels(name, str(version), device).set(loaded)


def observe_refused(name: str, entry: str, *, refused: bool) -> None:
    MODEL_REFUSED.labels(name, entry).set(refused)


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
