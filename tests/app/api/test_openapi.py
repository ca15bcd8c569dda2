"""The OpenAPI document is complete, and client generators can read it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import urljoin

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
    """All objects of the document."""
    if isinstance(node, dict):
        yield node
    for child in node.values() if isinstance(node, dict) else node if isinstance(node, list) else []:
        yield from nodes(child)


def operations(document: Document) -> list[tuple[str, Document]]:
    return [(path, operation) for path, methods in document["paths"].items() for operation in methods.values()]


def test_every_reference_resolves(document: Document) -> None:
    references = {node["$ref"] for node in nodes(document) if isinstance(node.get("$ref"), str)}
    components = {f"#/components/{kind}/{name}" for kind, named in document["components"].items() for name in named}
    assert references <= components
    assert not any("$defs" in node for node in nodes(document))


def test_every_schema_has_a_name_of_its_own(document: Document) -> None:
    """FastAPI prefixes the module to a name that two classes have, and generators ignore that."""
    assert not [name for name in document["components"]["schemas"] if "__" in name]


def test_problems_are_documented_with_the_media_type_they_are_sent_with(document: Document) -> None:
    for path, operation in operations(document):
        assert "500" in operation["responses"]
        for status, response in operation["responses"].items():
            problems = [kind for kind, media in response.get("content", {}).items() if "Problem" in str(media)]
            if problems and status >= "400":
                wanted = "application/json" if path.startswith(("/v1/", "/v2")) else "application/problem+json"
                assert problems == [wanted], (path, status)


def test_operations_that_run_a_model_document_the_deadline(document: Document) -> None:
    late = {path for path, operation in operations(document) if "504" in operation["responses"]}
    assert {"/predict", "/read", "/explain", "/invocations", "/v2/models/{name}/infer"} <= late
    assert "/health" not in late


def test_operations_that_are_not_public_document_a_missing_key(document: Document) -> None:
    for path, operation in operations(document):
        public = path in PUBLIC_PATHS
        assert ("401" in operation["responses"]) is not public, path
        assert (operation.get("security") == []) is public, path


def test_operations_with_a_body_document_its_limit(document: Document) -> None:
    for path, operation in operations(document):
        assert "requestBody" not in operation or "413" in operation["responses"], path


def test_operations_with_pictures_document_bad_and_blank_ones_in_every_protocol(document: Document) -> None:
    of_pictures = {path for path, operation in operations(document) if {"415", "422"} <= operation["responses"].keys()}
    taking_pictures = {"/predict", "/read", "/explain", "/invocations"}
    taking_pictures |= {path for path, _ in operations(document) if path.endswith((":predict", ":explain", "/infer"))}
    assert of_pictures == taking_pictures


def test_schemas_of_request_bodies_are_components(document: Document) -> None:
    """Otherwise a generator makes a class of each schema for every route."""
    for path, operation in operations(document):
        for content in operation.get("requestBody", {}).get("content", {}).values():
            assert "properties" not in content["schema"], path
    assert {"Pictures", "Instances", "Inputs", "InferRequest"} <= document["components"]["schemas"].keys()


def test_forms_have_a_field_for_files(document: Document) -> None:
    """Without it neither /docs nor a generated client offers to choose a file."""
    schemas = document["components"]["schemas"]
    file = {"type": "string", "format": "binary"}
    fields = {}
    for path, operation in operations(document):
        form = operation.get("requestBody", {}).get("content", {}).get("multipart/form-data")
        if form:
            fields[path] = schemas[form["schema"]["$ref"].rpartition("/")[2]]["properties"]
    assert fields["/predict"] == {"images": {"type": "array", "items": file}}
    assert {path for path, properties in fields.items() if properties.get("picture") == file} == {
        "/read",
        "/explain",
        "/corrections",
    }


def test_wrong_parameter_is_documented_as_400(document: Document, client: TestClient) -> None:
    assert "HTTPValidationError" not in str(document)
    for path, operation in operations(document):
        assert "422" not in operation["responses"] or "requestBody" in operation, path


def test_server_is_named_relative_to_the_document(document: Document) -> None:
    """As a client resolves it: the URL of the server against that of the document, then the path behind it."""
    (server,) = document["servers"]
    for folder in ("https://host/", "https://host/ml/digits/"):
        assert urljoin(folder + "openapi.json", server["url"] + "/predict") == folder + "predict"
        assert urljoin(folder + "openapi.json", server["url"]) == folder


def test_nested_definitions_become_components() -> None:
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
