"""Our own API: what models there are, and their graphs for a browser to run."""

from __future__ import annotations

import asyncio
import hashlib
from typing import Any

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field

from app.api.state import state_of
from app.codecs.bodies import BINARY
from app.errors import ModelNotFound, Problem
from app.inference.session import Device
from app.repository.manifest import GRAPH, Manifest
from app.repository.servable import Servable

router = APIRouter(tags=["digits"])

NOT_FOUND: dict[int | str, dict[str, Any]] = {404: {"model": Problem, "description": "No such model or version"}}


class Model(BaseModel):
    """A version being served."""

    device: Device = Field(description="The device it really runs on.")
    manifest: Manifest


class ModelList(BaseModel):
    default: str
    models: list[Model]


@router.get("/models", operation_id="list_models")
async def list_models(request: Request) -> ModelList:
    """Every version being served, with its manifest."""
    repository = state_of(request).repository
    return ModelList(default=repository.default_model, models=[describe(each) for each in repository])


@router.get("/models/{name}", operation_id="get_model", responses=NOT_FOUND)
async def get_model(request: Request, name: str) -> list[Model]:
    """The versions of one model, oldest first."""
    repository = state_of(request).repository
    return [describe(each) for _, each in sorted(repository.versions(name).items())]


@router.get(
    "/models/{name}/{version}/model.onnx",
    operation_id="get_graph",
    response_class=Response,
    responses={200: {"content": {"application/octet-stream": BINARY}}, **NOT_FOUND},
)
async def get_graph(request: Request, name: str, version: int) -> Response:
    """The graph of a version, an ONNX file, for a browser to run."""
    repository = state_of(request).repository
    manifest = repository.get(name, version).manifest
    try:
        content = await asyncio.to_thread((repository.root / name / str(version) / GRAPH).read_bytes)
    except OSError:
        content = b""  # it is served on from memory
    if hashlib.sha256(content).hexdigest() != manifest.sha256:
        raise ModelNotFound(f"The graph of {name}/{version} is on disk no more: ask for another version, or try later.")
    return Response(content, media_type="application/octet-stream")


def describe(servable: Servable) -> Model:
    return Model(device=servable.model.device, manifest=servable.manifest)
