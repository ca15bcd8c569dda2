"""The OpenAPI document: FastAPI's, completed as client generators need it, and the problems of every route."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from app.api.openapi_examples import PROBLEM_EXAMPLES, add_examples, problem_examples
from app.errors import (
    PLAIN_JSON_PREFIXES,
    PROBLEM_CONTENT_TYPE,
    BlankPicture,
    BodyTooLarge,
    DeadlineExceeded,
    InternalError,
    InvalidRequest,
    Problem,
    ServiceError,
    SeveralDigits,
    TooManyPictures,
    TooManyPixels,
    Unauthorized,
    UnsupportedCoding,
    UnsupportedPicture,
)
from app.http.auth import PUBLIC_PATHS

Document = dict[str, Any]
Responses = dict[int | str, dict[str, Any]]  # as FastAPI takes them, by status

PICTURE_ERRORS = (BodyTooLarge, TooManyPixels, TooManyPictures, UnsupportedPicture, BlankPicture, SeveralDigits)
PROBLEM = {"schema": {"$ref": "#/components/schemas/Problem"}}
FASTAPI_SCHEMAS = ("HTTPValidationError", "ValidationError")
SECURITY_SCHEMES = {
    "bearer": {"type": "http", "scheme": "bearer"},
    "header": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
}


def problems(*errors: type[ServiceError]) -> Responses:
    """The responses of a route that may raise these errors, one for each status, described by the errors' titles."""
    by_status: dict[int, list[type[ServiceError]]] = {}
    for error in errors:
        by_status.setdefault(int(error.status), []).append(error)
    return {
        status: {
            "model": Problem,
            "description": " / ".join(error.title for error in raised),
            "content": {"application/json": {"examples": problem_examples(*raised)}},
        }
        for status, raised in by_status.items()
    }


def complete(document: Document, *, keys: bool = False, root_path: str = "") -> Document:
    """Completes it in place: schemas become components, problems get their media type, everything gets an example.

    `keys`: the service needs API keys, and /docs can send one. The response 401 is documented in any case, so that a
    client generated from one deployment fits the others. Without `root_path` the server's URL is relative to the
    document's (OpenAPI 3.1, 4.8.5), so that requests go through the same proxies as the document came.
    """
    document["servers"] = [{"url": root_path or "."}]
    schemas = document["components"]["schemas"]
    document["components"]["examples"] = PROBLEM_EXAMPLES
    for path, operation in operations(document):
        hoist_definitions(operation, schemas)
        for content in operation.get("requestBody", {}).get("content", {}).values():
            content["schema"] = reference(content["schema"], schemas)
        complete_responses(path, operation)
        add_examples(operation)
    for name in FASTAPI_SCHEMAS:
        schemas.pop(name, None)
    if keys:
        document["components"]["securitySchemes"] = SECURITY_SCHEMES
        document["security"] = [{name: []} for name in SECURITY_SCHEMES]
    return document


def operations(document: Document) -> Iterator[tuple[str, Document]]:
    for path, methods in document["paths"].items():
        for operation in methods.values():
            yield path, operation


def hoist_definitions(node: Any, schemas: Document) -> None:
    """Moves Pydantic's $defs, which no reference from the whole document reaches, to the components."""
    if isinstance(node, list):
        for item in node:
            hoist_definitions(item, schemas)
    elif isinstance(node, dict):
        for name, schema in node.pop("$defs", {}).items():
            hoist_definitions(schema, schemas)
            schemas[name] = schema
        if str(node.get("$ref", "")).startswith("#/$defs/"):
            node["$ref"] = node["$ref"].replace("#/$defs/", "#/components/schemas/")
        for value in node.values():
            hoist_definitions(value, schemas)


def reference(schema: Document, schemas: Document) -> Document:
    """Moves a schema that has a title to the components: a generator then makes one class of it, of that name."""
    if "anyOf" in schema:
        return {"anyOf": [reference(alternative, schemas) for alternative in schema["anyOf"]]}
    if "title" not in schema:
        return schema
    schemas[schema["title"]] = schema
    return {"$ref": f"#/components/schemas/{schema['title']}"}


def complete_responses(path: str, operation: Document) -> None:
    responses = operation["responses"]
    if "HTTPValidationError" in str(responses.get("422")):  # FastAPI documents it as 422; the service answers 400
        del responses["422"]
        add_problem(responses, InvalidRequest)
    add_middleware_problems(path, operation, responses)
    if not path.startswith(PLAIN_JSON_PREFIXES):
        set_problem_media_type(responses)
    operation["responses"] = dict(sorted(responses.items()))


def add_middleware_problems(path: str, operation: Document, responses: Document) -> None:
    """The problems that no route raises itself."""
    add_problem(responses, InternalError)
    if path in PUBLIC_PATHS:
        operation["security"] = []
    else:
        add_problem(responses, Unauthorized)
    if "requestBody" in operation:
        add_problem(responses, BodyTooLarge)
        add_problem(responses, UnsupportedCoding)
        if "503" in responses:
            add_problem(responses, DeadlineExceeded)


def add_problem(responses: Document, error: type[ServiceError]) -> None:
    content = {"application/json": PROBLEM | {"examples": problem_examples(error)}}
    responses.setdefault(str(int(error.status)), {"description": error.title, "content": content})


def set_problem_media_type(responses: Document) -> None:
    """That of RFC 9457, in place of the only one that FastAPI documents."""
    for response in responses.values():
        described = response.get("content", {}).get("application/json", {})
        if described.get("schema") == PROBLEM["schema"]:
            response["content"] = {PROBLEM_CONTENT_TYPE: described}
