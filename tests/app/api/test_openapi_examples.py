"""Every example request of the OpenAPI document can be sent, and every example response may be received."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from starlette.testclient import TestClient

from app.api.openapi_examples import success
from app.main import create_app
from app.settings import Settings
from tests.conftest import PREVIOUS
from tests.support.served_client import ServedClient

Document = dict[str, Any]
Operation = tuple[str, str, Document]  # method, path, operation object

JSON = "application/json"
ADMIN_KEY = "an administrator's"
LAST = "v2_unload_model"  # after it the model cannot answer


@pytest.fixture(scope="module")
def service(models: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """A client of a service as the examples presume it: a labelled version, an administrator's key, corrections."""
    digest = hashlib.sha256(ADMIN_KEY.encode()).hexdigest()
    settings = Settings(
        models=models,
        device="cpu",
        version_policy="all",
        version_labels=f"digits/stable={PREVIOUS}",
        admin_keys=digest,
        corrections=tmp_path_factory.mktemp("corrections"),
        corrections_open=True,
    )
    with ServedClient(create_app(settings)) as client:
        yield client


@pytest.fixture(scope="module")
def document(service: TestClient) -> Document:
    found: Document = service.get("/openapi.json").json()
    return found


@pytest.fixture(scope="module")
def operations(document: Document) -> list[Operation]:
    found = [
        (method, path, operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]
    return sorted(found, key=lambda operation: operation[2]["operationId"] == LAST)


GRAPH = "/models/{name}/{version}/model.onnx"


def contents(operation: Document) -> Iterator[Document]:
    """The content of the request and of the response of success, by media type."""
    for part in (operation.get("requestBody", {}), success(operation)):
        if "content" in part:
            yield part["content"]


def test_every_request_and_response_has_an_example(operations: list[Operation]) -> None:
    missing = [
        (method, path, list(content))
        for method, path, operation in operations
        for content in contents(operation)
        if not any("example" in media for media in content.values())
    ]
    assert missing == [("get", GRAPH, ["application/octet-stream"])]  # binary


def test_every_example_fits_its_schema(document: Document, operations: list[Operation]) -> None:
    for _, path, operation in operations:
        for content in contents(operation):
            for media in content.values():
                if "example" in media:
                    check(media["example"], media["schema"], document, path)


def test_every_documented_problem_has_examples_of_its_status_alone(
    document: Document, operations: list[Operation]
) -> None:
    examples = document["components"]["examples"]
    for _, path, operation in operations:
        for status, response in operation["responses"].items():
            if int(status) < 400:
                continue
            (media,) = response["content"].values()
            shown = [examples[name]["value"] for name in media["examples"]]
            assert shown, (path, status)
            assert {problem["status"] for problem in shown} == {int(status)}, path
            for problem in shown:
                check(problem, media["schema"], document, path)


def test_every_kind_of_problem_has_an_example_that_is_referred_to_by_its_name(document: Document) -> None:
    for name, example in document["components"]["examples"].items():
        assert example["value"]["type"] == f"urn:digits:problem:{name}"


def test_every_example_request_is_answered_like_its_example_response(
    service: TestClient, document: Document, operations: list[Operation]
) -> None:
    for method, path, operation in operations:
        response = send(service, method, path, operation)
        assert str(response.status_code) == min(operation["responses"]), (method, path, response.text)
        content = success(operation).get("content", {}).get(JSON)
        if content:
            check(response.json(), content["schema"], document, path)
            assert shape(content["example"]) <= shape(response.json()), path


def send(service: TestClient, method: str, path: str, operation: Document) -> Any:
    names = {
        parameter["name"]: parameter["example"]
        for parameter in operation.get("parameters", [])
        if parameter["in"] == "path"
    }
    body = operation.get("requestBody", {}).get("content", {}).get(JSON, {}).get("example")
    return service.request(method, path.format(**names), json=body, headers={"X-API-Key": ADMIN_KEY})


def check(value: Any, schema: Document, document: Document, path: str) -> None:
    try:
        jsonschema.validate(value, schema | {"components": document["components"]})
    except jsonschema.ValidationError as error:
        pytest.fail(f"{path}: {error.message}")


def shape(value: Any, at: str = "") -> set[str]:
    """The paths of all members; an array's elements share theirs."""
    if isinstance(value, dict):
        return {at}.union(*(shape(member, f"{at}.{name}") for name, member in value.items()))
    return set[str]().union(*(shape(item, at + "[]") for item in value)) if isinstance(value, list) else {at}
