"""Liveness, readiness and the summary of the service."""

from __future__ import annotations

from pathlib import Path

from starlette.testclient import TestClient

from app import __version__
from app.main import create_app
from app.repository.manifest import GRAPH_FILE
from app.repository.version_folders import LABELS_FILE
from app.settings import Settings
from tests.conftest import MLP_VERSIONS, VERSIONS
from tests.support.constant_model import write_version
from tests.support.v1_requests import ONE


def test_summary_names_the_device_in_use_and_the_models(client: TestClient) -> None:
    health = client.get("/health").json()
    assert health["status"] == "ready"
    assert health["version"] == __version__
    assert health["device"] == "cpu"
    assert health["default_model"] == "digits"
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
