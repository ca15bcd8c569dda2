"""Prometheus metrics: counts, sizes and times of requests and of the models' runs, and what is predicted.

With several workers, for which `PROMETHEUS_MULTIPROC_DIR` is set, each writes its figures to a file of its own; the
worker that answers /metrics adds them up.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray
from prometheus_client import CollectorRegistry, Counter, Gauge
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import REGISTRY

from app.observability.buffers import MAX_BUFFERED, HistogramBuffer, StageBuffer, flush, register, take_all
from app.observability.bulk_histogram import BulkHistogram
from app.observability.process_metrics import WorkersCollector
from app.observability.request_context import CURRENT_REQUEST, NO_MODEL

__all__ = [
    "DriftMetrics",
    "RunMetrics",
    "exposition",
    "flush",
    "observe_correction",
    "observe_loaded",
    "observe_problem",
    "observe_refused",
    "observe_request",
    "observe_stages",
    "values",
]

# Upper bounds of the histograms' buckets.
SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
SHORT_SECONDS = (0.00001, 0.000025, 0.00005, 0.0001, 0.00025, *SECONDS)
SIZES = (1, 2, 4, 8, 16, 32, 64, 128, 256)
CONFIDENCES = (0.3, 0.5, 0.7, 0.8, 0.9, 0.95, 0.99, 0.999, 1)
INKS = (0.025, 0.05, 0.075, 0.1, 0.125, 0.15, 0.175, 0.2, 0.25, 0.3, 0.5, 1)  # nine in ten of MNIST: 0.07 to 0.21

ROUTE = ("route",)
MODEL = ("model", "version")
REQUEST_SECONDS = BulkHistogram(
    "digits_request_seconds",
    "Seconds from the first byte of a request to the last byte of its response; model and version are empty where no "
    "model was asked.",
    ("route", "status", *MODEL),
    buckets=SECONDS,
)
DECODE_SECONDS = BulkHistogram(
    "digits_decode_seconds", "Seconds from the complete body of a request to its images.", ROUTE, buckets=SHORT_SECONDS
)
ENCODE_SECONDS = BulkHistogram(
    "digits_encode_seconds", "Seconds from the probabilities to the body of the response.", ROUTE, buckets=SHORT_SECONDS
)
QUEUE_SECONDS = BulkHistogram(
    "digits_queue_seconds",
    "Seconds that a request waits for a run; one larger than a batch has a value for each of its parts.",
    MODEL,
    buckets=SHORT_SECONDS,
)
RUN_SECONDS = BulkHistogram("digits_run_seconds", "Seconds of one run of a model.", MODEL, buckets=SHORT_SECONDS)
BATCH_IMAGES = BulkHistogram("digits_batch_images", "Images in one run of a model.", MODEL, buckets=SIZES)
QUEUED_IMAGES = Gauge("digits_queued_images", "Images waiting for a run.", MODEL, multiprocess_mode="livesum")
PROBLEMS = Counter(
    "digits_problems", "Responses that are problem documents, by the last part of their type.", ("kind",)
)
DROPPED = Counter(
    "digits_dropped",
    "Requests without a prediction, by reason: left (client gone or deadline passed), overloaded, failed.",
    (*MODEL, "reason"),
)
FAILED_RUNS = Counter("digits_failed_runs", "Runs of a model that failed.", MODEL)
MODEL_LOADED = Gauge(
    "digits_model_loaded",
    "Processes that have loaded the version, by the device that runs it and the precision of its graph.",
    (*MODEL, "device", "precision"),
    multiprocess_mode="livesum",
)
MODEL_REFUSED = Gauge(
    "digits_model_refused",
    "Processes that refuse an entry of the model's folder: a version, labels.json or the whole folder (.).",
    ("model", "entry"),
    multiprocess_mode="livesum",
)
PREDICTED = Counter("digits_predicted", "Images predicted as this digit.", (*MODEL, "digit"))
CONFIDENCE = BulkHistogram("digits_confidence", "Probability of the predicted digit.", MODEL, buckets=CONFIDENCES)
INK = BulkHistogram(
    "digits_ink",
    "Mean pixel of the first image of a request, as the model gets it: 0 paper, 1 ink.",
    MODEL,
    buckets=INKS,
)
CORRECTIONS = Counter(
    "digits_corrections",
    "Digits that users put right: as which they had been read, and what they are.",
    ("model", "read", "right"),
)


class RunMetrics:
    """The runs of one version of one model, and the requests that got no prediction."""

    def __init__(self, name: str, version: str) -> None:
        model = (name, version)
        self.batch_images = HistogramBuffer(BATCH_IMAGES.labels(*model))
        self.run_seconds = HistogramBuffer(RUN_SECONDS.labels(*model))
        self.queue_seconds = HistogramBuffer(QUEUE_SECONDS.labels(*model))
        self.disconnected = DROPPED.labels(*model, "left")
        self.overloaded = DROPPED.labels(*model, "overloaded")
        self.failed = DROPPED.labels(*model, "failed")
        self.failed_runs = FAILED_RUNS.labels(*model)
        self.queued = 0
        self._queued_images = QUEUED_IMAGES.labels(*model)
        register(self)

    @classmethod
    def of(cls, name: str, version: int) -> RunMetrics:
        model = (name, str(version))
        if model not in _runs:
            _runs[model] = cls(*model)
        return _runs[model]

    def observe_run(self, images: int, seconds: float, waits: Sequence[float], queued: int) -> None:
        """One run, the seconds that each part of a request waited for it, and the images still waiting."""
        self.queued = queued
        self.batch_images.observe(images)
        self.run_seconds.observe(seconds)
        self.queue_seconds.observe_all(waits)

    def flush(self) -> None:
        self._queued_images.set(self.queued)


class DriftMetrics:
    """What changes when clients send other pictures than before: how dark they are, and what is predicted."""

    def __init__(self, name: str, version: str) -> None:
        model = (name, version)
        self._predicted = [PREDICTED.labels(*model, str(digit)) for digit in range(10)]
        self._confidence = CONFIDENCE.labels(*model)
        self._ink = INK.labels(*model)
        self._images: list[bytes] = []
        self._rows: list[bytes] = []
        register(self)

    @classmethod
    def of(cls, name: str, version: int) -> DriftMetrics:
        model = (name, str(version))
        if model not in _drifts:
            _drifts[model] = cls(*model)
        return _drifts[model]

    def observe(self, images: NDArray[np.uint8], probabilities: NDArray[np.float32]) -> None:
        """One request, (n, 28, 28) and (n, 10). Its first image stands for all: measuring all takes too long."""
        self._images.append(images.tobytes() if len(images) == 1 else images[0].tobytes())
        self._rows.append(probabilities.tobytes())
        if len(self._rows) >= MAX_BUFFERED:
            flush((self,))

    def flush(self) -> None:
        if images := take_all(self._images):
            pixels = np.frombuffer(b"".join(images), np.uint8).reshape(len(images), -1)
            self._ink.observe_all(cv2.reduce(pixels, 1, cv2.REDUCE_AVG, dtype=cv2.CV_32F)[:, 0] / 255)
        if rows := take_all(self._rows):
            probabilities = np.frombuffer(b"".join(rows), np.float32).reshape(-1, 10)
            self._confidence.observe_all(probabilities.max(axis=1))
            counts = np.bincount(probabilities.argmax(axis=1), minlength=10)
            for counter, count in zip(self._predicted, counts.tolist(), strict=True):
                counter.inc(count)


_runs: dict[tuple[str, str], RunMetrics] = {}
_drifts: dict[tuple[str, str], DriftMetrics] = {}
_requests: dict[tuple[str, int, tuple[str, str]], HistogramBuffer] = {}
_stages: dict[str, StageBuffer] = {}


def observe_request(route: str, status: int, seconds: float) -> None:
    context = CURRENT_REQUEST.get()
    model = context.model if context else NO_MODEL
    buffer = _requests.get((route, status, model))  # `labels` takes as long as decoding a small picture
    if buffer is None:
        buffer = HistogramBuffer(REQUEST_SECONDS.labels(route, str(status), *model))
        _requests[route, status, model] = buffer
    buffer.observe(seconds)


def observe_stages(route: str, decode_seconds: float, encode_seconds: float) -> None:
    buffer = _stages.get(route)
    if buffer is None:
        buffer = _stages[route] = StageBuffer(DECODE_SECONDS.labels(route), ENCODE_SECONDS.labels(route))
    buffer.observe(decode_seconds, encode_seconds)


def observe_problem(kind: str) -> None:
    PROBLEMS.labels(kind).inc()


def observe_correction(model: str, read: str, right: str) -> None:
    CORRECTIONS.labels(model, read, right).inc()


def observe_loaded(name: str, version: int, device: str, precision: str, *, loaded: bool) -> None:
    MODEL_LOADED.labels(name, str(version), device, precision).set(loaded)


def observe_refused(name: str, entry: str, *, refused: bool) -> None:
    MODEL_REFUSED.labels(name, entry).set(refused)


def registry() -> CollectorRegistry:
    """The figures of all workers, if there are several, or of this process."""
    flush()
    if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
        return REGISTRY
    all_workers = CollectorRegistry()
    all_workers.register(WorkersCollector())
    return all_workers


def exposition(accept: str = "") -> tuple[bytes, str]:
    """The body of `GET /metrics` and its type: of the formats that `accept` names, else Prometheus's text 0.0.4."""
    encode, content_type = choose_encoder(accept)
    return encode(registry()), content_type


def values(labels: Mapping[str, str]) -> dict[str, float]:
    """The value of each sample with exactly these labels, by its name; of all workers together."""
    wanted = dict(labels)
    samples = (sample for metric in registry().collect() for sample in metric.samples)
    return {sample.name: sample.value for sample in samples if sample.labels == wanted}
