"""The OpenAPI document is one that generators of clients can read."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from starlette.testclient import TestClient

from app.api.openapi import complete
from app.http.auth import PUBLIC_PATHS

Document = dict[str, Any]


@pytest.fixture(scope="module")
def document(client: TestClient) -> Document:
    found: Document = client.get("/openapi.json").json()
    return found


def nodes(node: Any) -> Iterator[Document]:
    if isinstance(node, dict):
        yield node
    for each in node.values() if isinstance(node, dict) else node if isinstance(node, list) else []:
        yield from nodes(each)


def operations(document: Document) -> list[tuple[str, Document]]:
    return [(path, each) for path, methods in document["paths"].items() for each in methods.values()]


def test_every_reference_leads_somewhere(document: Document) -> None:
    references = {each["$ref"] for each in nodes(document) if isinstance(each.get("$ref"), str)}
    schemas = {f"#/components/schemas/{name}" for name in document["components"]["schemas"]}
    assert references <= schemas
    assert not any("$defs" in each for each in nodes(document))


def test_every_schema_has_a_name_of_its_own(document: Document) -> None:
    """Where two classes have one name, FastAPI puts their modules before it, and generators take no notice."""
    assert not [name for name in document["components"]["schemas"] if "__" in name]


def test_every_operation_tells_of_problems_as_they_are_sent(document: Document) -> None:
    for path, operation in operations(document):
        assert "500" in operation["responses"]
        for status, response in operation["responses"].items():
            problems = [kind for kind, each in response.get("content", {}).items() if "Problem" in str(each)]
            if problems and status >= "400":
                wanted = "application/json" if path.startswith(("/v1/", "/v2")) else "application/problem+json"
                assert problems == [wanted], (path, status)


def test_what_waits_for_a_model_may_come_too_late(document: Document) -> None:
    late = {path for path, operation in operations(document) if "504" in operation["responses"]}
    assert {"/predict", "/read", "/explain", "/invocations", "/v2/models/{name}/infer"} <= late
    assert "/health" not in late


def test_whatever_is_not_open_to_all_may_ask_for_a_key(document: Document) -> None:
    for path, operation in operations(document):
        is_open = path in PUBLIC_PATHS
        assert ("401" in operation["responses"]) is not is_open, path
        assert (operation.get("security") == []) is is_open, path


def test_every_body_may_be_too_large(document: Document) -> None:
    for path, operation in operations(document):
        assert "requestBody" not in operation or "413" in operation["responses"], path


def test_pictures_may_be_unreadable_or_blank_in_every_protocol(document: Document) -> None:
    of_pictures = {path for path, each in operations(document) if {"415", "422"} <= each["responses"].keys()}
    taking_pictures = {"/predict", "/read", "/explain", "/invocations"}
    taking_pictures |= {path for path, _ in operations(document) if path.endswith((":predict", ":explain", "/infer"))}
    assert of_pictures == taking_pictures


def test_bodies_of_requests_are_named_once(document: Document) -> None:
    """Else a generator makes a class of each for every address, and a name from both."""
    for path, operation in operations(document):
        for content in operation.get("requestBody", {}).get("content", {}).values():
            assert "properties" not in content["schema"], path
    assert {"Pictures", "Instances", "Inputs", "InferRequest"} <= document["components"]["schemas"].keys()


def test_wrong_parameter_is_documented_as_it_is_answered(document: Document, client: TestClient) -> None:
    assert "HTTPValidationError" not in str(document)
    for path, operation in operations(document):
        assert "422" not in operation["responses"] or "requestBody" in operation, path


def test_definitions_within_definitions_are_found() -> None:
    inner = {"$defs": {"C": {"type": "string"}}, "type": "array", "items": {"$ref": "#/$defs/C"}}
    schema = {"$defs": {"B": inner}, "properties": {"b": {"$ref": "#/$defs/B"}}}
    body = {"content": {"application/json": {"schema": schema}}}
    operation = {"operationId": "x", "requestBody": body, "responses": {}}
    document = complete({"components": {"schemas": {}}, "paths": {"/x": {"post": operation}}})
    assert schema == {"properties": {"b": {"$ref": "#/components/schemas/B"}}}
    assert document["components"]["schemas"] == {
        "B": {"type": "array", "items": {"$ref": "#/components/schemas/C"}},
        "C": {"type": "string"},
    }
