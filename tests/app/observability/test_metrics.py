"""What is counted and measured, and how it reaches Prometheus."""

from __future__ import annotations

import asyncio
import random
import re
import threading
import time
import urllib.request
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from prometheus_client import CollectorRegistry, Histogram
from prometheus_client.parser import text_string_to_metric_families
from starlette.testclient import TestClient

from app.inference.batcher import BatchSettings
from app.observability import metrics
from app.observability.buffers import MAX_BUFFERED, HistogramBuffer
from app.observability.bulk_histogram import BulkHistogram
from app.observability.metrics import DriftMetrics, RunMetrics
from app.observability.request_context import enter_request
from app.repository.repository import ModelRepository
from tests.conftest import ROOT
from tests.support.service import TIMEOUT_S, Service, serving, wait_until

Sample = Callable[..., float]


def sample_of(exposition: str, name: str, **labels: str) -> float:
    """The sum of the samples that have these labels, among others."""
    samples = [each for family in text_string_to_metric_families(exposition) for each in family.samples]
    return sum(each.value for each in samples if each.name == name and labels.items() <= each.labels.items())


def asked(service: Service, path: str, body: bytes | None = None) -> bytes:
    with urllib.request.urlopen(service.address + path, body, timeout=TIMEOUT_S) as answer:
        content: bytes = answer.read()
    return content


@pytest.fixture
def sample(client: TestClient) -> Sample:
    return lambda name, **labels: sample_of(client.get("/metrics").text, name, **labels)


def test_many_values_at_once_are_counted_as_one_by_one() -> None:
    rng = random.Random(1)
    values = [rng.choice((0.1, 0.2, 0.5, rng.random(), 3)) for _ in range(1000)]
    registry = CollectorRegistry()
    one = Histogram("one", "", buckets=(0.1, 0.2, 0.5, 1), registry=registry)
    all_ = BulkHistogram("all", "", buckets=(0.1, 0.2, 0.5, 1), registry=registry)
    for value in values:
        one.observe(value)
    all_.observe_all(values[:1])
    all_.observe_all(values[1:])
    for name in ("bucket", "count", "sum"):
        for le in ("0.1", "0.2", "0.5", "1.0", "+Inf") if name == "bucket" else (None,):
            labels = {"le": le} if le else {}
            want = registry.get_sample_value(f"one_{name}", labels)
            assert registry.get_sample_value(f"all_{name}", labels) == pytest.approx(want)


class AddedTo(list[float]):
    """Its copy is not handed out until something was added to it."""

    def __init__(self, values: list[float]) -> None:
        super().__init__(values)
        self.copied, self.added = threading.Event(), threading.Event()

    def copy(self) -> list[float]:
        taken = super().copy()
        self.copied.set()
        assert self.added.wait(TIMEOUT_S)
        return taken


def test_nothing_is_lost_or_counted_twice_while_several_ask() -> None:
    histogram = BulkHistogram("busy", "", buckets=(1, 2), registry=None)
    buffer = HistogramBuffer(histogram)
    buffer.values = values = AddedTo([1.0] * 5)
    with ThreadPoolExecutor(2) as threads:
        asking = [threads.submit(metrics.flush, (buffer,)) for _ in range(2)]
        assert values.copied.wait(TIMEOUT_S)
        buffer.observe(2.0)
        values.added.set()
        for each in asking:
            each.result()
    assert [each.value for each in histogram._samples() if each.name == "_count"] == [6]
    assert buffer.values == []


def test_what_is_written_down_does_not_grow() -> None:
    drift, runs = DriftMetrics.of("growing", 1), RunMetrics.of("growing", 1)
    for _ in range(3 * MAX_BUFFERED - 1):
        drift.observe(np.zeros((2, 28, 28), np.uint8), np.full((2, 10), 0.1, np.float32))
        runs.observe_run(1, 0.001, [0.001, 0.002], 0)
    assert len(drift._images) == len(drift._rows) == len(runs.batch_images.values) == MAX_BUFFERED - 1
    assert len(runs.queue_seconds.values) < MAX_BUFFERED


def test_every_stage_of_a_request_is_timed_on_either_road(
    sample: Sample, client: TestClient, plain_client: TestClient, seven_png: bytes
) -> None:
    model = {"model": "digits"}
    names = ("decode_seconds", "encode_seconds", "queue_seconds", "run_seconds", "request_seconds")
    of = {name: {"route": "/predict"} if name[0] in "de" or name == "request_seconds" else model for name in names}
    before = {name: sample(f"digits_{name}_count", **of[name]) for name in names}
    spent = {name: sample(f"digits_{name}_sum", **of[name]) for name in names}
    for each in (client, plain_client):
        assert each.post("/predict", content=seven_png).status_code == 200
    for name in names:
        assert sample(f"digits_{name}_count", **of[name]) == before[name] + 2, name
        assert 0 < sample(f"digits_{name}_sum", **of[name]) - spent[name] < 5, name


def test_moments_of_a_request_are_before_and_after_its_run(models: Path) -> None:
    async def scenario() -> list[float]:
        async with ModelRepository(models, "cpu", BatchSettings(64, 64), "digits-mlp") as repository:
            context = enter_request({})
            moments = [time.perf_counter()]
            await repository.get().predict(np.zeros((1, 28, 28), np.uint8))
            return [*moments, context.decoded_at, context.predicted_at, time.perf_counter()]

    moments = asyncio.run(scenario())
    assert moments == sorted(moments)


def test_request_that_is_refused_has_no_stages_and_is_counted_by_its_kind(sample: Sample, client: TestClient) -> None:
    stages = sample("digits_decode_seconds_count", route="/predict")
    before = sample("digits_problems_total", kind="unsupported-picture")
    assert client.post("/predict", content=b"no picture").status_code == 415
    assert client.post("/predict", content=b"no picture", headers={"Origin": "https://a.example"}).status_code == 415
    assert sample("digits_problems_total", kind="unsupported-picture") == before + 2
    assert sample("digits_decode_seconds_count", route="/predict") == stages
    missing = sample("digits_problems_total", kind="route-not-found")
    client.get("/made/up/by/callers")
    assert sample("digits_problems_total", kind="route-not-found") == missing + 1


def test_what_is_predicted_is_counted_with_its_confidence_and_its_ink(
    sample: Sample, client: TestClient, seven_png: bytes, seven: np.ndarray[tuple[int, int], np.dtype[np.uint8]]
) -> None:
    model = {"model": "digits"}
    sevens = sample("digits_predicted_total", digit="7", **model)
    others = sample("digits_predicted_total", **model) - sevens
    inks, ink = (sample(f"digits_ink_{name}", **model) for name in ("count", "sum"))
    confidences, confidence = (sample(f"digits_confidence_{name}", **model) for name in ("count", "sum"))
    images = np.stack([seven, seven, 0 * seven]).tolist()
    answer = client.post("/v1/models/digits:predict", json={"instances": images}).json()["predictions"]
    assert sample("digits_predicted_total", digit="7", **model) - sevens >= 2
    assert sample("digits_predicted_total", **model) - sevens - others == 3
    assert sample("digits_confidence_count", **model) - confidences == 3
    gained = sample("digits_confidence_sum", **model) - confidence
    assert gained == pytest.approx(sum(max(row) for row in answer), abs=1e-4)
    assert sample("digits_ink_count", **model) - inks == 1
    assert sample("digits_ink_sum", **model) - ink == pytest.approx(seven.mean() / 255, abs=1e-6)


def test_explanations_are_no_drift(sample: Sample, client: TestClient, seven_png: bytes) -> None:
    before = sample("digits_predicted_total")
    assert client.post("/explain", content=seven_png).status_code == 200
    assert sample("digits_predicted_total") == before


def test_several_workers_figures_are_added_up() -> None:
    def exposition() -> str:
        return asked(service, "/metrics").decode()

    with serving("--device", "cpu", "--workers", "2", "--model-poll-seconds", "0") as service:
        for _ in range(20):
            asked(service, "/predict", (ROOT / "app/web/static/seven.png").read_bytes())
        wait_until(lambda: sample_of(exposition(), "digits_predicted_total", digit="7") == 20)  # handed on once a second
        wait_until(lambda: sample_of(exposition(), "digits_request_seconds_count", route="/predict") == 20)
        last = exposition()
    for name in ("digits_decode_seconds_count", "digits_confidence_count", "digits_ink_count"):
        assert sample_of(last, name) == 20


def test_paths_that_callers_make_up_are_no_labels(client: TestClient) -> None:
    client.get("/made/up")
    client.post("/v2/models/made-up/infer", content=b"{}")
    assert not re.search(r"made.up", client.get("/metrics").text)
