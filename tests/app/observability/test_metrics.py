"""What is counted and measured, and how it reaches Prometheus."""

from __future__ import annotations

import asyncio
import re
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from prometheus_client.parser import text_string_to_metric_families
from starlette.testclient import TestClient

from app.inference.batcher import BatchSettings
from app.observability.request_context import enter_request
from app.repository.repository import ModelRepository
from tests.conftest import ROOT
from tests.support.service import TIMEOUT_S, Service, serving, wait_until

Sample = Callable[..., float]
SEVEN = (ROOT / "app/web/static/seven.png").read_bytes()


def sample_of(exposition: str, name: str, **labels: str) -> float:
    """The sum of the samples that have these labels, among others."""
    samples = [sample for family in text_string_to_metric_families(exposition) for sample in family.samples]
    return sum(sample.value for sample in samples if sample.name == name and labels.items() <= sample.labels.items())


def ask(service: Service, path: str, body: bytes | None = None) -> bytes:
    with urllib.request.urlopen(service.address + path, body, timeout=TIMEOUT_S) as response:
        content: bytes = response.read()
    return content


@pytest.fixture
def sample(client: TestClient) -> Sample:
    return lambda name, **labels: sample_of(client.get("/metrics").text, name, **labels)


def test_every_stage_of_a_request_is_timed_with_and_without_the_fast_path(
    sample: Sample, client: TestClient, plain_client: TestClient, seven_png: bytes
) -> None:
    model = {"model": "digits"}
    names = ("decode_seconds", "encode_seconds", "queue_seconds", "run_seconds", "request_seconds")
    of = {name: {"route": "/predict"} if name[0] in "de" or name == "request_seconds" else model for name in names}
    before = {name: sample(f"digits_{name}_count", **of[name]) for name in names}
    spent = {name: sample(f"digits_{name}_sum", **of[name]) for name in names}
    for either in (client, plain_client):
        assert either.post("/predict", content=seven_png).status_code == 200
    for name in names:
        assert sample(f"digits_{name}_count", **of[name]) == before[name] + 2, name
        assert 0 < sample(f"digits_{name}_sum", **of[name]) - spent[name] < 5, name


def test_request_is_decoded_before_its_run_and_predicted_after_it(models: Path) -> None:
    async def scenario() -> list[float]:
        async with ModelRepository(models, "cpu", BatchSettings(64, 64), "digits-mlp") as repository:
            context = enter_request({})
            times = [time.perf_counter()]
            await repository.get().predict(np.zeros((1, 28, 28), np.uint8))
            return [*times, context.decoded_at, context.predicted_at, time.perf_counter()]

    times = asyncio.run(scenario())
    assert times == sorted(times)


def test_refused_request_has_no_stages_and_is_counted_by_its_kind(sample: Sample, client: TestClient) -> None:
    stages = sample("digits_decode_seconds_count", route="/predict")
    before = sample("digits_problems_total", kind="unsupported-picture")
    assert client.post("/predict", content=b"no picture").status_code == 415
    assert client.post("/predict", content=b"no picture", headers={"Origin": "https://a.example"}).status_code == 415
    assert sample("digits_problems_total", kind="unsupported-picture") == before + 2
    assert sample("digits_decode_seconds_count", route="/predict") == stages
    missing = sample("digits_problems_total", kind="route-not-found")
    client.get("/made/up/by/callers")
    assert sample("digits_problems_total", kind="route-not-found") == missing + 1


def test_predictions_are_counted_with_their_confidence_and_ink(
    sample: Sample, client: TestClient, seven_png: bytes, seven: np.ndarray[tuple[int, int], np.dtype[np.uint8]]
) -> None:
    model = {"model": "digits"}
    sevens = sample("digits_predicted_total", digit="7", **model)
    others = sample("digits_predicted_total", **model) - sevens
    inks, ink = (sample(f"digits_ink_{name}", **model) for name in ("count", "sum"))
    confidences, confidence = (sample(f"digits_confidence_{name}", **model) for name in ("count", "sum"))
    images = np.stack([seven, seven, seven[::-1]]).tolist()
    answer = client.post("/v1/models/digits:predict", json={"instances": images}).json()["predictions"]
    assert sample("digits_predicted_total", digit="7", **model) - sevens >= 2
    assert sample("digits_predicted_total", **model) - sevens - others == 3
    assert sample("digits_confidence_count", **model) - confidences == 3
    gained = sample("digits_confidence_sum", **model) - confidence
    assert gained == pytest.approx(sum(max(row) for row in answer), abs=1e-4)
    assert sample("digits_ink_count", **model) - inks == 1
    assert sample("digits_ink_sum", **model) - ink == pytest.approx(seven.mean() / 255, abs=1e-6)


def test_explanations_do_not_count_as_predictions(sample: Sample, client: TestClient, seven_png: bytes) -> None:
    before = sample("digits_predicted_total")
    assert client.post("/explain", content=seven_png).status_code == 200
    assert sample("digits_predicted_total") == before


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        ("", "text/plain; version=0.0.4; charset=utf-8"),
        ("*/*", "text/plain; version=0.0.4; charset=utf-8"),
        ("text/plain;version=0.0.4", "text/plain; version=0.0.4; charset=utf-8"),
        ("text/plain;version=1.0.0", "text/plain; version=1.0.0; charset=utf-8; escaping=underscores"),
        ("application/openmetrics-text;version=1.0.0", "application/openmetrics-text; version=1.0.0; charset=utf-8"),
        ("application/openmetrics-text;version=0.0.1,text/plain", "text/plain; version=0.0.4; charset=utf-8"),
    ],
)
def test_figures_are_in_the_format_that_the_scraper_knows(client: TestClient, accept: str, kind: str) -> None:
    response = client.get("/metrics", headers={"Accept": accept})
    assert response.headers["content-type"].startswith(kind)


def test_figures_of_several_workers_are_added_up() -> None:
    def exposition() -> str:
        return ask(service, "/metrics").decode()

    with serving("--device", "cpu", "--workers", "2", "--model-poll-seconds", "0") as service:
        for _ in range(20):
            ask(service, "/predict", (ROOT / "app/web/static/seven.png").read_bytes())
        wait_until(lambda: sample_of(exposition(), "digits_predicted_total", digit="7") == 20)  # flushed once a second
        wait_until(lambda: sample_of(exposition(), "digits_request_seconds_count", route="/predict") == 20)
        last = exposition()
    for name in ("digits_decode_seconds_count", "digits_confidence_count", "digits_ink_count"):
        assert sample_of(last, name) == 20


def test_request_is_counted_for_its_model_and_version_where_it_asks_one(sample: Sample, client: TestClient) -> None:
    asked = {"route": "/predict", "model": "digits-mlp", "status": "200"}
    before = sample("digits_request_seconds_count", **asked)
    for origin in ({}, {"Origin": "https://a.example"}):  # on the fast path and off it
        assert client.post("/predict?model=digits-mlp", content=SEVEN, headers=origin).status_code == 200
    assert sample("digits_request_seconds_count", **asked) == before + 2
    client.get("/models")
    assert sample("digits_request_seconds_count", route="/models", model="", version="") > 0


def test_made_up_paths_are_not_labels(client: TestClient) -> None:
    client.get("/made/up")
    client.post("/v2/models/made-up/infer", content=b"{}")
    assert not re.search(r"made.up", client.get("/metrics").text)
