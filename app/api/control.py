"""Which models there are, and loading and unloading them: the V2 protocol's repository extension.

Source: Triton's extension_model_repository.md.
"""

from __future__ import annotations

from typing import Any, Literal

import orjson
from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field

from app.api.state import state_of
from app.errors import InvalidRequest, ModelRefused, Problem

router = APIRouter(tags=["open inference protocol v2"])


class IndexEntry(BaseModel):
    """A version that is served or on disk."""

    name: str
    version: str
    state: Literal["READY", "UNAVAILABLE"]
    reason: str = Field(description="Why it is not served.")


class IndexRequest(BaseModel):
    ready: bool = Field(False, description="Only those that are served.")


class LoadRequest(BaseModel):
    parameters: dict[str, Any] | None = Field(None, description="Not used: what is loaded is what is on disk.")


PROBLEMS: dict[int | str, dict[str, Any]] = {
    400: {"model": Problem, "description": "The request cannot be understood, or a version on disk is refused"},
    401: {"model": Problem, "description": "No key, or one that is not known"},
    403: {"model": Problem, "description": "The operator has not opened this route, or not for this key"},
    404: {"model": Problem, "description": "No such model"},
}
OVERRIDES = ("config", "file:")  # parameters of Triton's with which a client would bring its own model


def body_of(model: type[BaseModel]) -> dict[str, Any]:
    return {"requestBody": {"content": {"application/json": {"schema": model.model_json_schema()}}}}


@router.post(
    "/v2/repository/index",
    operation_id="v2_repository_index",
    responses={400: PROBLEMS[400]},
    openapi_extra=body_of(IndexRequest),
)
async def index(request: Request) -> list[IndexEntry]:
    """Every version that is served or on disk."""
    only_ready = (await read_object(request)).get("ready", False)
    if not isinstance(only_ready, bool):
        raise InvalidRequest("'ready' must be true or false.")
    repository = state_of(request).repository
    return [
        IndexEntry(
            name=each.name,
            version=str(each.version),
            state="READY" if each.ready else "UNAVAILABLE",
            reason=each.reason,
        )
        for each in await repository.states()
        if each.ready or not only_ready
    ]


@router.post(
    "/v2/repository/models/{name}/load",
    operation_id="v2_load_model",
    response_class=Response,
    responses=PROBLEMS,
    openapi_extra=body_of(LoadRequest),
)
async def load(request: Request, name: str) -> Response:
    """Serves the versions of a model that are on disk now. One that is refused leaves those from before as they are."""
    check_open(request)
    parameters = (await read_object(request)).get("parameters") or {}
    if not isinstance(parameters, dict) or any(each.startswith(OVERRIDES) for each in parameters):
        raise InvalidRequest("A model is loaded as it is on disk: send no 'config' and no files as parameters.")
    repository = state_of(request).repository
    try:
        await repository.load(name)
    except ModelRefused as error:
        raise InvalidRequest(f"A part of {name!r} is refused, and what was served still is: {error}.") from error
    return Response()


@router.post(
    "/v2/repository/models/{name}/unload",
    operation_id="v2_unload_model",
    response_class=Response,
    responses=PROBLEMS,
    openapi_extra=body_of(LoadRequest),
)
async def unload(request: Request, name: str) -> Response:
    """Serves a model no longer, once everyone who waits for it is answered. The default model too."""
    check_open(request)
    await read_object(request)
    repository = state_of(request).repository
    await repository.unload(name)
    return Response()


def check_open(request: Request) -> None:
    state_of(request).authenticator.check_admin(dict(request.scope["headers"]))


async def read_object(request: Request) -> dict[str, Any]:
    """The JSON object of the body, empty if there is none. Raises `InvalidRequest`."""
    body = await request.body()
    try:
        document = orjson.loads(body) if body.strip() else {}
    except orjson.JSONDecodeError as error:
        raise InvalidRequest(f"The body is not valid JSON: {error}.") from error
    if not isinstance(document, dict):
        raise InvalidRequest("The body must be a JSON object, or empty.")
    return document
