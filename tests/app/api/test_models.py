"""The served models are listed, and their graphs can be downloaded."""

from __future__ import annotations

from pathlib import Path

from starlette.testclient import TestClient

from app.main import create_app
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
