"""The routes of the Open Inference Protocol (V2) over the real models."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from app.arrays import Images
from app.codecs.tensors import SCALE_RULE
from app.main import create_app
from app.settings import Settings
from tests.conftest import MLP_VERSIONS, NEWEST, PREVIOUS, VERSIONS
from tests.support.bad_v2_requests import BAD_BINARY, BAD_JSON
from tests.support.problems import assert_problem
from tests.support.responses import assert_same_response
from tests.support.v2_requests import INFER, good_requests, in_binary, in_json, probabilities_of, tensor
from training.datasets.mnist import Digits


@pytest.fixture(scope="module")
def images(test_digits: Digits) -> Images:
    """7, 2 and 1."""
    return test_digits.images[:3]


# --- health and metadata ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/v2", "/v2/"])
def test_server_describes_itself_with_and_without_a_slash(client: TestClient, path: str) -> None:
    server = client.get(path, follow_redirects=False).json()
    assert server["name"] == "digits"
    assert server["version"]
    assert server["extensions"] == ["binary_tensor_data", "classification", "model_repository", "statistics"]


def test_models_are_listed_as_by_kserve(client: TestClient) -> None:
    for path in ("/v2/models", "/v2/models/"):
        assert client.get(path).json() == {"models": ["digits", "digits-mlp"]}


def test_live_and_ready_have_bodies(client: TestClient) -> None:
    assert client.get("/v2/health/live").json() == {"live": True}
    assert client.get("/v2/health/ready").json() == {"ready": True}
    for path in ("/v2/models/digits", f"/v2/models/digits/versions/{PREVIOUS}"):
        assert client.get(path + "/ready").json() == {"name": "digits", "ready": True}


def test_stopping_service_is_live_but_not_ready(models: Path) -> None:
    app = create_app(Settings(models=models, device="cpu"))
    with TestClient(app) as client:
        app.state.stopping = True
        assert client.get("/v2/health/live").status_code == 200
        assert_problem(client.get("/v2/health/ready"), 503, "stopping")
        assert_problem(client.get("/v2/models/digits/ready"), 503, "stopping")


def test_model_metadata_names_its_versions_and_tensors(client: TestClient) -> None:
    metadata = client.get("/v2/models/digits").json()
    assert metadata == {
        "name": "digits",
        "versions": VERSIONS,
        "platform": "onnx_onnxv1",
        "inputs": [{"name": "image", "datatype": "UINT8", "shape": [-1, 28, 28], "properties": {"scale": SCALE_RULE}}],
        "outputs": [{"name": "probabilities", "datatype": "FP32", "shape": [-1, 10]}],
    }
    assert client.get(f"/v2/models/digits/versions/{PREVIOUS}").json() == metadata


@pytest.mark.parametrize("path", ["letters", "digits/versions/9", "digits/versions/new", "digits/versions/1111111111"])
def test_unknown_model_or_version_is_not_found(client: TestClient, path: str) -> None:
    for route in ("", "/ready", "/stats"):
        assert_problem(client.get(f"/v2/models/{path}{route}"), 404, "model-not-found")
    assert_problem(client.post(f"/v2/models/{path}/infer", content=b"{}"), 404, "model-not-found")


# --- infer -----------------------------------------------------------------------------------------------------------


def test_version_in_the_path_answers(client: TestClient, images: Images) -> None:
    response = client.post("/v2/models/digits-mlp/versions/1/infer", content=in_json(tensor(images.tolist())))
    assert response.json()["model_name"] == "digits-mlp"
    assert probabilities_of(response).argmax(axis=1).tolist() == [7, 2, 1]


def test_more_images_than_a_batch_are_answered_in_order(client: TestClient, test_digits: Digits) -> None:
    content, headers = in_binary(test_digits.images[:200].tobytes(), (200, 28, 28))
    read = probabilities_of(client.post(INFER, content=content, headers=headers)).argmax(axis=1)
    assert (read == test_digits.labels[:200]).mean() > 0.97


def test_infer_is_a_post(client: TestClient) -> None:
    response = client.get(INFER)
    assert_problem(response, 405, "method-not-allowed")
    assert response.headers["allow"] == "POST"


def test_fast_path_and_fastapi_respond_alike(client: TestClient, plain_client: TestClient, images: Images) -> None:
    bodies = [*good_requests(images), *((body, {}) for body in BAD_JSON.values()), *BAD_BINARY.values()]
    for path in (INFER, f"/v2/models/digits/versions/{PREVIOUS}/infer", "/v2/models/letters/infer"):
        for content, headers in bodies:
            fast = client.post(path, content=content, headers=headers)
            assert_same_response(fast, plain_client.post(path, content=content, headers=headers))


def test_page_of_another_origin_may_read_the_length_of_the_json(models: Path, images: Images) -> None:
    with TestClient(create_app(Settings(models=models, device="cpu", cors_origins=("*",)))) as client:
        headers = {"Inference-Header-Content-Length": "0", "Origin": "https://page.example"}
        exposed = client.post(INFER, content=images.tobytes(), headers=headers).headers["access-control-expose-headers"]
        assert "Inference-Header-Content-Length" in exposed


def test_openapi_documents_both_forms_and_every_problem(client: TestClient) -> None:
    paths = client.get("/openapi.json").json()["paths"]
    for path, suffix in (("", ""), ("/versions/{version}", "_of_version")):
        infer = paths[f"/v2/models/{{name}}{path}/infer"]["post"]
        assert infer["operationId"] == "v2_infer" + suffix
        assert set(infer["requestBody"]["content"]) == {"application/json", "application/octet-stream"}
        assert {"200", "400", "404", "413", "415", "422", "503"} <= set(infer["responses"])
        assert "name" in {parameter["name"] for parameter in infer["parameters"]}


# --- statistics ------------------------------------------------------------------------------------------------------


def statistics(client: TestClient, path: str = f"/v2/models/digits/versions/{NEWEST}/stats") -> dict[str, Any]:
    (of_version,) = client.get(path).json()["model_stats"]
    return dict(of_version)


def test_statistics_count_images_runs_and_their_time(client: TestClient, images: Images) -> None:
    before = statistics(client)
    client.post(INFER, content=in_json(tensor(images.tolist())))
    *older, after = client.get("/v2/models/digits/stats").json()["model_stats"]
    assert [of_version["version"] for of_version in (*older, after)] == VERSIONS
    assert after["inference_count"] == before["inference_count"] + 3
    assert after["execution_count"] == before["execution_count"] + 1
    for key in ("success", "queue", "compute_infer"):
        assert after["inference_stats"][key]["count"] == before["inference_stats"][key]["count"] + 1
    spent = {
        key: after["inference_stats"][key]["ns"] - before["inference_stats"][key]["ns"]
        for key in ("success", "queue", "compute_infer")
    }
    assert 10_000 < spent["compute_infer"] < spent["success"] == spent["compute_infer"] + spent["queue"] < 10**10
    assert after["inference_stats"]["fail"]["count"] == before["inference_stats"]["fail"]["count"]


def test_statistics_count_refused_images(models: Path, images: Images) -> None:
    settings = Settings(models=models, device="cpu", max_queue_size=1, max_batch_size=1)
    with TestClient(create_app(settings)) as client:
        app: Any = client.app
        batcher = app.state.repository.get("digits-mlp").batcher
        newest = f"/v2/models/digits-mlp/versions/{MLP_VERSIONS[-1]}/stats"
        before = statistics(client, newest)["inference_stats"]["fail"]["count"]
        batcher.queue_limit = 0
        body = in_json(tensor(images.tolist()))
        assert_problem(client.post("/v2/models/digits-mlp/infer", content=body), 503, "overloaded")
        assert statistics(client, newest)["inference_stats"]["fail"]["count"] == before + 1


def test_statistics_list_every_version_of_every_model(client: TestClient) -> None:
    stats = client.get("/v2/models/stats").json()["model_stats"]
    assert [(of_version["name"], of_version["version"]) for of_version in stats] == [
        *(("digits", version) for version in VERSIONS),
        *(("digits-mlp", version) for version in MLP_VERSIONS),
    ]
