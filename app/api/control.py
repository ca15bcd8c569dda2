"""Listing, loading and unloading models: the V2 protocol's repository extension.

Source: Triton's extension_model_repository.md.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Literal

import simdjson
from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field

from app.api.openapi import problems
from app.api.state import state_of
from app.audit.author import acting
from app.audit.log import AuditLog
from app.audit.record import Act, ActKind
from app.codecs.json_body import parse_json
from app.errors import (
    AuditUnavailable,
    Forbidden,
    InvalidRequest,
    ModelNotFound,
    ModelRefused,
    ServiceError,
    Unauthorized,
)
from app.http.auth import combine
from app.http.large_bodies import off_the_loop

router = APIRouter(tags=["open inference protocol v2"])


class IndexEntry(BaseModel):
    """A version that is served or on disk."""

    name: str
    version: str
    state: Literal["READY", "UNAVAILABLE"]
    reason: str = Field(description="Why it is not served.")


class IndexRequest(BaseModel):
    ready: bool = Field(False, description="Whether to list only served versions.")


class LoadRequest(BaseModel):
    parameters: dict[str, Any] | None = Field(None, description="Not used: models are loaded as they are on disk.")


CONTROL_PROBLEMS = problems(InvalidRequest, Unauthorized, Forbidden, ModelNotFound, AuditUnavailable)
OVERRIDES = ("config", "file:")  # Triton's parameters with which a client sends its own model


def request_body(model: type[BaseModel]) -> dict[str, Any]:
    return {"requestBody": {"content": {"application/json": {"schema": model.model_json_schema()}}}}


@router.post(
    "/v2/repository/index",
    operation_id="v2_repository_index",
    responses=problems(InvalidRequest),
    openapi_extra=request_body(IndexRequest),
)
async def index(request: Request) -> list[IndexEntry]:
    """Every version that is served or on disk."""
    only_ready = (await parse_object(request)).get("ready", False)
    if not isinstance(only_ready, bool):
        raise InvalidRequest("'ready' must be true or false.")
    return [
        IndexEntry(
            name=version.name,
            version=str(version.version),
            state="READY" if version.ready else "UNAVAILABLE",
            reason=version.reason,
        )
        for version in await state_of(request).repository.states()
        if version.ready or not only_ready
    ]


@router.post(
    "/v2/repository/models/{name}/load",
    operation_id="v2_load_model",
    response_class=Response,
    responses=CONTROL_PROBLEMS,
    openapi_extra=request_body(LoadRequest),
)
async def load(request: Request, name: str) -> Response:
    """Serves the versions of a model that are on disk now. A refused version replaces none that is served."""
    key = check_admin(request)
    parameters = (await parse_object(request)).get("parameters") or {}
    if not isinstance(parameters, dict) or any(parameter.startswith(OVERRIDES) for parameter in parameters):
        raise InvalidRequest("Models are loaded as they are on disk: send no parameters 'config' or 'file:...'.")
    state = state_of(request)
    try:
        await audited(state.audit, "load", name, key, state.repository.load)
    except ModelRefused as error:
        raise InvalidRequest(f"A part of {name!r} was refused, and the rest is served: {error}.") from error
    return Response()


@router.post(
    "/v2/repository/models/{name}/unload",
    operation_id="v2_unload_model",
    response_class=Response,
    responses=CONTROL_PROBLEMS,
    openapi_extra=request_body(LoadRequest),
)
async def unload(request: Request, name: str) -> Response:
    """Stops serving a model, even the default one, after answering its queued requests."""
    key = check_admin(request)
    await parse_object(request)
    state = state_of(request)
    await audited(state.audit, "unload", name, key, state.repository.unload)
    return Response()


def check_admin(request: Request) -> str | None:
    """The id of the administrator's key. Raises `Unauthorized` or `Forbidden`."""
    headers, authenticator = combine(request.scope["headers"]), state_of(request).authenticator
    authenticator.check_admin(headers)
    return authenticator.key_id(headers)


async def audited(
    audit: AuditLog | None, kind: ActKind, model: str, key: str | None, act: Callable[[str], Awaitable[None]]
) -> None:
    """Records who asked for the act, does it, and records how it ended.

    Raises what it raises, and `AuditUnavailable`: before the act, which is then not done; or after it, which then has a
    record only of who asked for it. A client that leaves does not stop it.
    """
    if audit is None:
        await act(model)
        return
    with acting("request", key):
        await asyncio.shield(record_and_act(audit, kind, model, act))


async def record_and_act(audit: AuditLog, kind: ActKind, model: str, act: Callable[[str], Awaitable[None]]) -> None:
    await audit.record(Act(kind, model, "requested"))
    try:
        await act(model)
    except (ServiceError, ModelRefused) as error:
        await audit.record(Act(kind, model, "failed", str(error)))
        raise
    await audit.record(Act(kind, model, "done"))


async def parse_object(request: Request) -> dict[str, Any]:
    """The JSON object in the body, empty if the body is. Raises `InvalidRequest`."""
    body = await request.body()
    return await off_the_loop(len(body), to_dict, body) if body.strip() else {}


def to_dict(body: bytes) -> dict[str, Any]:
    document = parse_json(body).root
    if not isinstance(document, simdjson.Object):
        raise InvalidRequest("The body must be a JSON object, or empty.")
    return document.as_dict()
