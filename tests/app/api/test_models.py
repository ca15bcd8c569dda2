"""The served models are listed, and their graphs can be downloaded."""

from __future__ import annotations

import json
from pathlib import Path

from starlette.testclient import TestClient

from app.main import create_app
from app.repository.audit import AUDIT_FILE
from app.repository.version_folders import LABELS_FILE
from app.settings import Settings
from tests.conftest import MLP_VERSIONS, VERSIONS
from tests.support.constant_model import write_version
from tests.support.problems import assert_problem


def test_models_are_listed_with_their_manifests(client: TestClient) -> None:
    listed = client.get("/models").json()
    assert listed["default"] == "digits"
    assert [model["manifest"]["name"] for model in listed["models"]] == [
        *(["digits"] * len(VERSIONS)),
        *(["digits-mlp"] * len(MLP_VERSIONS)),
    ]
    for model in listed["models"]:
        assert (model["device"], model["precision"]) == ("cpu", "float32")
        assert len(model["manifest"]["sha256"]) == 64
        assert model["manifest"]["labels"] == list("0123456789")


def test_versions_of_one_model_are_listed(client: TestClient) -> None:
    versions = [model["manifest"]["version"] for model in client.get("/models/digits").json()]
    assert versions == [int(version) for version in VERSIONS]


def test_audit_is_shown_where_there_is_one(tmp_path: Path) -> None:
    for version in (1, 2):
        write_version(tmp_path / "m", version)
    audit = {
        "sha256": json.loads((tmp_path / "m/2/manifest.json").read_text())["sha256"],
        "date": "2026-11-30T00:00:00+00:00",
        "commit": None,
        "tools": {},
        "quick": False,
        "figures": [{"name": "accuracy", "value": 0.5, "data": "10 digits", "interval": [0.2, 0.8]}],
        "findings": [],
        "not_run": {},
    }
    (tmp_path / "m/2" / AUDIT_FILE).write_text(json.dumps(audit))
    settings = Settings(models=tmp_path, device="cpu", default_model="m", version_policy="all")
    with TestClient(create_app(settings)) as client:
        first, second = client.get("/models/m").json()
        assert "audit" not in first
        assert second["audit"] == audit
        schemas = client.get("/openapi.json").json()["components"]["schemas"]
        assert "audit" not in schemas["Model"]["required"]
        assert set(schemas["Audit"]["required"]) == set(audit)


def test_graph_is_downloaded_unless_it_is_gone_from_disk(tmp_path: Path) -> None:
    folder = write_version(tmp_path / "m", 1)
    (tmp_path / "m" / LABELS_FILE).write_text('{"stable": 1}')
    with TestClient(create_app(Settings(models=tmp_path, device="cpu", default_model="m"))) as client:
        graph = client.get("/models/m/1/model.onnx")
        assert graph.content == (folder / "model.onnx").read_bytes()
        assert graph.headers["content-type"] == "application/octet-stream"
        assert client.get("/models/m/stable/model.onnx").content == graph.content
        (folder / "model.onnx").unlink()
        assert_problem(client.get("/models/m/1/model.onnx"), 404, "model-not-found")


def test_graph_of_an_unknown_version_is_not_found(client: TestClient) -> None:
    for version in ("99", "0", "latest", "9" * 20):
        problem = assert_problem(client.get(f"/models/digits/{version}/model.onnx"), 404, "model-not-found")
        assert f"Served: {', '.join(VERSIONS)}" in problem["detail"]
