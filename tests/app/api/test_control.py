"""Everyone may list models; only an administrator's key may load and unload them."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from app.audit.verify import verify_log
from app.main import create_app
from app.repository.manifest import GRAPH_FILE
from app.settings import Settings
from tests.support.api_keys import digest_of
from tests.support.model_versions import add_version
from tests.support.problems import assert_problem
from tests.support.v1_requests import STROKE

MODEL = "/v2/repository/models/digits-mlp"


@pytest.fixture
def root(models: Path, tmp_path: Path) -> Path:
    shutil.copytree(models / "digits-mlp/1", tmp_path / "digits-mlp/1")
    return tmp_path


@pytest.fixture
def open_client(root: Path) -> Iterator[TestClient]:
    settings = Settings(
        models=root,
        device="cpu",
        version_policy="all",
        default_model="digits-mlp",
        admin_keys=(digest_of("admin"),),
        model_poll_seconds=0,
    )
    with TestClient(create_app(settings), raise_server_exceptions=False, headers={"X-API-Key": "admin"}) as client:
        yield client


def index(client: TestClient, body: Any = None) -> list[tuple[str, str, str]]:
    response = client.post("/v2/repository/index", json=body) if body else client.post("/v2/repository/index")
    assert response.status_code == 200
    return [(entry["name"], entry["version"], entry["state"]) for entry in response.json()]


def infer(client: TestClient) -> Any:
    return client.post(
        "/v2/models/digits-mlp/infer", content=STROKE.tobytes(), headers={"Inference-Header-Content-Length": "0"}
    )


def test_index_lists_served_versions_and_those_only_on_disk(open_client: TestClient, root: Path) -> None:
    add_version(root, 2)
    assert index(open_client) == [("digits-mlp", "1", "READY"), ("digits-mlp", "2", "UNAVAILABLE")]
    assert index(open_client, {"ready": True}) == [("digits-mlp", "1", "READY")]
    assert len(index(open_client, {"ready": False})) == 2


@pytest.mark.parametrize("body", [b"[]", b"{", b'{"ready": "yes"}', b"\xff"])
def test_index_refuses_a_bad_body(client: TestClient, body: bytes) -> None:
    assert_problem(client.post("/v2/repository/index", content=body), 400, "invalid-request")


def test_loading_and_unloading_are_disabled_by_default(client: TestClient) -> None:
    for verb in ("load", "unload"):
        problem = assert_problem(client.post(f"{MODEL}/{verb}"), 403, "forbidden")
        assert "admin_keys" in problem["error"]
    assert client.get("/v2/models/digits-mlp/ready").status_code == 200


def test_only_loading_and_unloading_need_an_administrators_key(open_client: TestClient) -> None:
    for key, status, kind in (("", 401, "unauthorized"), ("another", 401, "unauthorized")):
        response = open_client.post(f"{MODEL}/unload", headers={"X-API-Key": key})
        assert_problem(response, status, kind)
        assert response.headers["www-authenticate"].startswith("Bearer ")
    assert open_client.get("/v2/models/digits-mlp/ready", headers={"X-API-Key": ""}).status_code == 200


def test_version_added_on_disk_is_served_once_loaded(open_client: TestClient, root: Path) -> None:
    add_version(root, 2)
    assert open_client.get("/v2/models/digits-mlp/versions/2").status_code == 404
    assert open_client.post(f"{MODEL}/load", json={}).status_code == 200
    assert open_client.get("/v2/models/digits-mlp").json()["versions"] == ["1", "2"]
    assert b'"model_version":"2"' in infer(open_client).content


def test_unloaded_model_is_not_found_until_it_is_loaded(open_client: TestClient) -> None:
    assert open_client.post(f"{MODEL}/unload", json={"parameters": {"unload_dependents": False}}).status_code == 200
    assert_problem(infer(open_client), 404, "model-not-found")
    assert index(open_client) == [("digits-mlp", "1", "UNAVAILABLE")]
    assert_problem(open_client.post("/predict", content=b"x"), 404, "model-not-found")  # the default model
    for path in ("/health/ready", "/v2/health/ready", "/ping"):
        assert_problem(open_client.get(path), 503, "not-ready")
    assert open_client.get("/health/live").status_code == 200
    assert open_client.get("/health").json()["status"] == "not ready"
    assert_problem(open_client.post(f"{MODEL}/unload"), 404, "model-not-found")
    assert open_client.post(f"{MODEL}/load").status_code == 200
    assert open_client.get("/health/ready").status_code == 200
    assert infer(open_client).status_code == 200


def test_refused_version_is_named_without_its_path_and_the_old_one_is_still_served(
    open_client: TestClient, root: Path
) -> None:
    (add_version(root, 2) / GRAPH_FILE).write_bytes(b"damaged")
    problem = assert_problem(open_client.post(f"{MODEL}/load"), 400, "invalid-request")
    assert "digits-mlp/2" in problem["error"]
    assert "has 7 bytes" in problem["error"]
    assert str(root) not in problem["error"]
    assert infer(open_client).status_code == 200
    entries = open_client.post("/v2/repository/index").json()
    (entry,) = [entry for entry in entries if entry["version"] == "2"]
    assert "has 7 bytes" in entry["reason"]


def test_refused_version_is_loaded_once_repaired_and_the_others_are_loaded_at_once(
    open_client: TestClient, root: Path
) -> None:
    damaged = add_version(root, 2) / GRAPH_FILE
    intact = damaged.read_bytes()
    damaged.write_bytes(b"damaged")
    add_version(root, 3)
    assert open_client.post(f"{MODEL}/load").status_code == 400
    assert open_client.get("/v2/models/digits-mlp").json()["versions"] == ["1", "3"]
    damaged.write_bytes(intact)
    assert open_client.post(f"{MODEL}/load").status_code == 200
    assert open_client.get("/v2/models/digits-mlp").json()["versions"] == ["1", "2", "3"]


@pytest.mark.parametrize("name", ["letters", "..", "%2e%2e", "."])
def test_model_that_is_not_on_disk_cannot_be_loaded(open_client: TestClient, name: str) -> None:
    response = open_client.post(f"/v2/repository/models/{name}/load")
    assert response.status_code == 404


@pytest.mark.parametrize(
    "body",
    [b"[]", b"{", b'{"parameters": 1}', b'{"parameters": {"config": "{}"}}', b'{"parameters": {"file:1/m": "aGk="}}'],
)
def test_client_cannot_send_its_own_model(open_client: TestClient, body: bytes) -> None:
    assert_problem(open_client.post(f"{MODEL}/load", content=body), 400, "invalid-request")


# --- the audit log ---


@pytest.fixture
def audit_log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("audit") / "audit.log"


@pytest.fixture
def audited_client(root: Path, audit_log: Path) -> Iterator[TestClient]:
    settings = Settings(
        models=root,
        device="cpu",
        default_model="digits-mlp",
        api_keys=(digest_of("clerk"),),
        admin_keys=(digest_of("admin"),),
        model_poll_seconds=0,
        audit_log=audit_log,
    )
    with TestClient(create_app(settings), raise_server_exceptions=False, headers={"X-API-Key": "admin"}) as client:
        yield client


def audited_acts(audit_log: Path) -> list[tuple[str, str, str, str | None, str | None]]:
    records = [json.loads(line) for line in audit_log.read_bytes().splitlines()]
    return [
        (record["act"], record["subject"], record["outcome"], record.get("key"), record.get("request"))
        for record in records
        if record["cause"] == "request"
    ]


def test_who_asked_for_what_is_in_the_audit_log(audited_client: TestClient, audit_log: Path) -> None:
    def post(path: str, status: int, request_id: str, key: str = "admin") -> None:
        response = audited_client.post(path, headers={"X-API-Key": key, "X-Request-ID": request_id})
        assert response.status_code == status

    post(f"{MODEL}/unload", 200, "one")
    post(f"{MODEL}/load", 200, "two")
    post(f"{MODEL}/load", 403, "three", key="clerk")
    post(f"{MODEL}/load", 401, "four", key="nobody")
    post("/v2/repository/models/letters/load", 404, "five")
    admin, clerk = digest_of("admin")[:8], digest_of("clerk")[:8]
    assert audited_acts(audit_log) == [
        ("unload", "digits-mlp", "requested", admin, "one"),
        ("unload", "digits-mlp/1", "done", admin, "one"),
        ("unload", "digits-mlp", "done", admin, "one"),
        ("load", "digits-mlp", "requested", admin, "two"),
        ("load", "digits-mlp/1", "done", admin, "two"),
        ("load", "digits-mlp", "done", admin, "two"),
        ("load", "digits-mlp", "refused", clerk, "three"),
        ("load", "digits-mlp", "refused", None, "four"),
        ("load", "letters", "requested", admin, "five"),
        ("load", "letters", "failed", admin, "five"),
    ]
    verify_log(audit_log)


def test_a_refused_version_is_in_the_audit_log_with_its_reason(
    audited_client: TestClient, audit_log: Path, root: Path
) -> None:
    (add_version(root, 2) / GRAPH_FILE).write_bytes(b"no graph")
    assert_problem(audited_client.post(f"{MODEL}/load"), 400, "invalid-request")
    assert ("load", "digits-mlp/2", "refused") in [act[:3] for act in audited_acts(audit_log)]
    assert "its manifest describes" in audit_log.read_text()


def test_without_its_audit_log_the_service_predicts_and_administers_nothing(
    audited_client: TestClient, audit_log: Path
) -> None:
    audit_log.unlink()
    for verb in ("load", "unload"):
        response = audited_client.post(f"{MODEL}/{verb}")
        assert_problem(response, 503, "audit-unavailable")
        assert response.headers["retry-after"]
    assert infer(audited_client).status_code == 200
