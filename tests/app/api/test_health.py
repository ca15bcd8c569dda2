"""Liveness, readiness and the summary of the service."""

from __future__ import annotations

from pathlib import Path

import pytest
from starlette.testclient import TestClient

from app import __version__
from app.arrays import Images, Probabilities
from app.main import create_app
from app.repository.manifest import GRAPH_FILE
from app.repository.version_folders import LABELS_FILE
from app.settings import Settings
from tests.conftest import MLP_VERSIONS, VERSIONS
from tests.support.constant_model import write_version
from tests.support.problems import assert_problem
from tests.support.served_client import ServedClient
from tests.support.service import wait_until
from tests.support.v1_requests import ONE


def test_summary_names_the_device_in_use_and_the_models(client: TestClient) -> None:
    health = client.get("/health").json()
    assert health["status"] == "ready"
    assert health["version"] == __version__
    assert health["device"] == "cpu"
    assert 0 <= health["uptime_s"] < 3600
    assert health["default_model"] == "digits"
    assert health["corrections"] is False
    assert [
        tuple(model[member] for member in ("name", "version", "device", "queued")) for model in health["models"]
    ] == [
        *(("digits", int(version), "cpu", 0) for version in VERSIONS),
        *(("digits-mlp", int(version), "cpu", 0) for version in MLP_VERSIONS),
    ]


def test_summary_lists_labels_and_refused_versions_without_a_path(tmp_path: Path) -> None:
    write_version(tmp_path / "m", 1)
    (write_version(tmp_path / "m", 2) / GRAPH_FILE).write_bytes(b"damaged")
    (tmp_path / "m" / LABELS_FILE).write_text('{"stable": 1}')
    with TestClient(create_app(Settings(models=tmp_path, device="cpu", default_model="m"))) as client:
        health = client.get("/health").json()
        assert health["status"] == "ready"
        assert [(model["version"], model["labels"]) for model in health["models"]] == [(1, ["stable"])]
        reason = "m/2: model.onnx has 7 bytes, but its manifest describes one of 813,469"
        assert health["refused"] == [{"name": "m", "entry": "2", "reason": reason}]
        assert 'digits_model_refused{entry="2",model="m"} 1.0' in client.get("/metrics").text
        response = client.post("/v1/models/m/labels/stable:predict", json={"instances": [ONE]})
        assert len(response.json()["predictions"][0]) == 10


def test_live_and_ready_while_serving(client: TestClient) -> None:
    assert client.get("/health/live").json() == {"status": "alive"}
    assert client.get("/health/ready").json() == {"status": "ready"}


def test_stopping_service_is_alive_but_not_ready(models: Path) -> None:
    app = create_app(Settings(models=models, device="cpu"))
    with TestClient(app) as client:
        app.state.stopping = True
        assert client.get("/health/live").status_code == 200
        ready = client.get("/health/ready")
        assert ready.status_code == 503
        assert ready.headers["retry-after"] == "1"
        assert ready.json()["type"] == "urn:digits:problem:stopping"
        assert client.get("/health").json()["status"] == "stopping"


def fail(images: Images) -> Probabilities:
    raise RuntimeError("the device is lost")


READINESS = ("/health/ready", "/v2/health/ready", "/ping", "/v1/models/m", "/v2/models/m/ready")


def test_service_is_not_ready_while_its_model_cannot_run_and_alive_all_the_time(
    tmp_path: Path, seven_png: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.inference.run_health.RETRY_SECONDS", 0.01)
    write_version(tmp_path / "m", 1)
    write_version(tmp_path / "other", 1)
    app = create_app(Settings(models=tmp_path, device="cpu", default_model="m"))
    with ServedClient(app, raise_server_exceptions=False) as client:
        batcher = app.state.repository.get().batcher
        sound = batcher.run
        batcher.run = batcher.health.run = fail
        for _ in range(3):
            assert_problem(client.post("/predict", content=seven_png), 500, "internal-error")
        wait_until(lambda: client.get("/health/ready").status_code == 503)
        for path in READINESS:
            problem = assert_problem(client.get(path), 503, "not-ready")
            assert problem["error"].startswith("m version 1 cannot run: the last 3 runs failed")
        assert client.get("/v2/models/other/ready").status_code == 200
        assert client.get("/health/live").status_code == client.get("/v2/health/live").status_code == 200
        health = client.get("/health").json()
        assert (health["status"], health["reason"]) == ("not ready", problem["error"])
        assert [(model["failed_runs"], bool(model["problem"])) for model in health["models"]] == [(3, True), (0, False)]
        batcher.run = batcher.health.run = sound
        wait_until(lambda: client.get("/health/ready").status_code == 200)  # without any request
        assert [client.get(path).status_code for path in READINESS] == [200] * len(READINESS)
        assert client.get("/health").json()["status"] == "ready"
        assert 'digits_failed_runs_total{model="m",version="1"}' in client.get("/metrics").text
