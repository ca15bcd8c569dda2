"""The OpenAPI document as generators of clients need it: what FastAPI writes, completed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from app.api.openapi_examples import add_examples
from app.errors import CONTENT_TYPE, JSON_ROUTES
from app.http.auth import OPEN_PATHS

Document = dict[str, Any]

PROBLEM = {"schema": {"$ref": "#/components/schemas/Problem"}}
UNKNOWN = "No key, or one that is not known, where the operator asks for keys"
TOO_LARGE = "The body is too large"
FAILED = "Something went wrong on our side"
LATE = "No answer within the time a request may wait"
FRAMEWORKS_OWN = ("HTTPValidationError", "ValidationError")
KEY_PLACES = {
    "bearer": {"type": "http", "scheme": "bearer"},
    "header": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
}


def complete(document: Document, *, keys: bool = False) -> Document:
    """In place. Schemas stand among the components, each problem is documented as it is sent, everything by example.

    `keys`: some routes ask for one, and /docs can send it. That one may be needed is told in any case, so that a client
    made for one deployment fits the others.
    """
    schemas = document["components"]["schemas"]
    for path, operation in operations(document):
        hoist(operation, schemas)
        for content in operation.get("requestBody", {}).get("content", {}).values():
            content["schema"] = named(content["schema"], schemas)
        responses = operation["responses"]
        if "HTTPValidationError" in str(responses.get("422")):  # FastAPI's, in whose place we answer 400
            responses["400"] = responses.pop("422") | {"content": {"application/json": PROBLEM}}
        add_problems(path, operation, responses)
        add_examples(operation)
        if not path.startswith(JSON_ROUTES):
            say_problems(responses)
        operation["responses"] = dict(sorted(responses.items()))
    for name in FRAMEWORKS_OWN:
        schemas.pop(name, None)
    if keys:
        document["components"]["securitySchemes"] = KEY_PLACES
        document["security"] = [{name: []} for name in KEY_PLACES]
    return document


def problem(description: str) -> Document:
    return {"description": description, "content": {"application/json": PROBLEM}}


def add_problems(path: str, operation: Document, responses: Document) -> None:
    """Those that no route makes itself: they come from what stands around it."""
    responses.setdefault("500", problem(FAILED))
    if path in OPEN_PATHS:
        operation["security"] = []
    else:
        responses.setdefault("401", problem(UNKNOWN))
    if "requestBody" in operation:
        responses.setdefault("413", problem(TOO_LARGE))
        if "503" in responses:
            responses.setdefault("504", problem(LATE))


def operations(document: Document) -> Iterator[tuple[str, Document]]:
    for path, methods in document["paths"].items():
        for operation in methods.values():
            yield path, operation


def hoist(node: Any, schemas: Document) -> None:
    """Pydantic's own schemas hold those they refer to under $defs, where no reference from the whole finds them."""
    if isinstance(node, list):
        for each in node:
            hoist(each, schemas)
    elif isinstance(node, dict):
        for name, schema in node.pop("$defs", {}).items():
            hoist(schema, schemas)
            schemas[name] = schema
        if str(node.get("$ref", "")).startswith("#/$defs/"):
            node["$ref"] = node["$ref"].replace("#/$defs/", "#/components/schemas/")
        for each in node.values():
            hoist(each, schemas)


def named(schema: Document, schemas: Document) -> Document:
    """A reference to it among the components, where generators find it once and call it by its title."""
    if "anyOf" in schema:
        return {"anyOf": [named(each, schemas) for each in schema["anyOf"]]}
    if "title" not in schema:
        return schema
    schemas[schema["title"]] = schema
    return {"$ref": f"#/components/schemas/{schema['title']}"}


def say_problems(responses: Document) -> None:
    """Under the type of RFC 9457."""
    for response in responses.values():
        content = response.get("content", {})
        if content.get("application/json") == PROBLEM:
            response["content"] = {CONTENT_TYPE: PROBLEM}
