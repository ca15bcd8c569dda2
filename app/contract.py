"""The OpenAPI document as generators of clients need it: what FastAPI writes, completed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from app.errors import CONTENT_TYPE, JSON_ROUTES

Document = dict[str, Any]

PROBLEM = {"schema": {"$ref": "#/components/schemas/Problem"}}
FAILED = {"description": "Something went wrong on our side", "content": {"application/json": PROBLEM}}
LATE = {"description": "No answer within the time a request may wait", "content": {"application/json": PROBLEM}}
FRAMEWORKS_OWN = ("HTTPValidationError", "ValidationError")
KEY_PLACES = {
    "bearer": {"type": "http", "scheme": "bearer"},
    "header": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
}


def complete(document: Document, *, keys: bool = False) -> Document:
    """In place. Schemas stand among the components, and each problem is documented as it is sent.

    `keys`: some routes ask for one, and /docs can send it.
    """
    schemas = document["components"]["schemas"]
    for path, operation in operations(document):
        hoist(operation, schemas)
        responses = operation["responses"]
        if "HTTPValidationError" in str(responses.get("422")):  # FastAPI's, in whose place we answer 400
            responses["400"] = responses.pop("422") | {"content": {"application/json": PROBLEM}}
        responses.setdefault("500", dict(FAILED))
        if "503" in responses and "requestBody" in operation:
            responses.setdefault("504", dict(LATE))
        if not path.startswith(JSON_ROUTES):
            say_problems(responses)
        operation["responses"] = dict(sorted(responses.items()))
    for name in FRAMEWORKS_OWN:
        schemas.pop(name, None)
    if keys:
        document["components"]["securitySchemes"] = KEY_PLACES
        document["security"] = [{name: []} for name in KEY_PLACES]
    return document


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


def say_problems(responses: Document) -> None:
    """Under the type of RFC 9457."""
    for response in responses.values():
        content = response.get("content", {})
        if content.get("application/json") == PROBLEM:
            response["content"] = {CONTENT_TYPE: PROBLEM}
