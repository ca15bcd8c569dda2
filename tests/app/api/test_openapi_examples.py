"""Every example of the OpenAPI document is one that can be sent, and an answer that may come."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from starlette.testclient import TestClient

from app.main import create_app
from app.settings import Settings
from tests.conftest import PREVIOUS
from tests.support.served_client import ServedClient

Document = dict[str, Any]
Operation = tuple[str, str, Document]  # method, path, what is said of it

JSON = "application/json"
KEY = "an administrator's"
LAST = "v2_unload_model"  # after it there is nothing to ask


@pytest.fixture(scope="module")
def service(models: Path) -> Iterator[TestClient]:
    """A client of a service that has what the examples speak of: a labelled version, an open repository."""
    digest = hashlib.sha256(KEY.encode()).hexdigest()
    settings = Settings(models=models, device="cpu", version_labels=f"digits/stable={PREVIOUS}", admin_keys=digest)
    with ServedClient(create_app(settings)) as client:
        yield client


@pytest.fixture(scope="module")
def document(service: TestClient) -> Document:
    found: Document = service.get("/openapi.json").json()
    return found


@pytest.fixture(scope="module")
def operations(document: Document) -> list[Operation]:
    found = [(method, path, each) for path, of in document["paths"].items() for method, each in of.items()]
    return sorted(found, key=lambda operation: operation[2]["operationId"] == LAST)


GRAPH = "/models/{name}/{version}/model.onnx"


def contents(operation: Document) -> Iterator[Document]:
    """What a request may be and what is answered with 200, each by its media type."""
    for part in (operation.get("requestBody", {}), operation["responses"]["200"]):
        if "content" in part:
            yield part["content"]


def test_every_request_and_every_answer_has_an_example(operations: list[Operation]) -> None:
    lacking = [
        (method, path, list(content))
        for method, path, operation in operations
        for content in contents(operation)
        if not any("example" in each for each in content.values())
    ]
    assert lacking == [("get", GRAPH, ["application/octet-stream"])]  # nothing that can be read


def test_every_example_fits_its_schema(document: Document, operations: list[Operation]) -> None:
    for _, path, operation in operations:
        for content in contents(operation):
            for each in content.values():
                if "example" in each:
                    check(each["example"], each["schema"], document, path)


def test_every_example_is_answered_as_its_example_says(
    service: TestClient, document: Document, operations: list[Operation]
) -> None:
    for method, path, operation in operations:
        response = send(service, method, path, operation)
        assert response.status_code == 200, (method, path, response.text)
        content = operation["responses"]["200"].get("content", {}).get(JSON)
        if content:
            check(response.json(), content["schema"], document, path)
            assert shape(content["example"]) <= shape(response.json()), path


def send(service: TestClient, method: str, path: str, operation: Document) -> Any:
    names = {each["name"]: each["example"] for each in operation.get("parameters", []) if each["in"] == "path"}
    body = operation.get("requestBody", {}).get("content", {}).get(JSON, {}).get("example")
    return service.request(method, path.format(**names), json=body, headers={"X-API-Key": KEY})


def check(value: Any, schema: Document, document: Document, path: str) -> None:
    try:
        jsonschema.validate(value, schema | {"components": document["components"]})
    except jsonschema.ValidationError as error:
        pytest.fail(f"{path}: {error.message}")


def shape(value: Any, at: str = "") -> set[str]:
    """The paths of all members, those of an array's elements together."""
    if isinstance(value, dict):
        return {at}.union(*(shape(each, f"{at}.{name}") for name, each in value.items()))
    return set[str]().union(*(shape(each, at + "[]") for each in value)) if isinstance(value, list) else {at}
