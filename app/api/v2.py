"""The Open Inference Protocol (V2) of KServe, Triton and MLServer.

Where the specification and the servers differ (`/v2` or `/v2/`, the response of a health route) both are supported.
Extensions, as Triton documents them: binary_tensor_data, classification, statistics; model_repository is in `control`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import numpy as np
from fastapi import APIRouter, Request
from pydantic import BaseModel

from app.api.openapi import PICTURE_ERRORS, problems
from app.api.state import ApiRequest, AppState, state_of
from app.codecs.parameters import JSON_LENGTH_PARAMETER, SCALE, scale_of
from app.codecs.tensors import images_of
from app.codecs.v1 import ModelNames
from app.codecs.v2_request import JSON_LENGTH_HEADER, REQUEST_BODY, json_size, parse_request
from app.codecs.v2_response import (
    EXTENSIONS,
    INPUTS,
    OUTPUTS,
    InferResponse,
    Live,
    ModelMetadata,
    ModelReady,
    ServerMetadata,
    ServerReady,
    encode_response,
)
from app.errors import InvalidRequest, ModelNotFound, Unavailable
from app.http.endpoint import HotRoute, RawResponse, fastapi_endpoint
from app.http.large_bodies import off_the_loop
from app.observability.statistics import ModelStatistics, statistics_of
from app.preprocessing.pool import preprocess_files
from app.repository.repository import ModelRepository
from app.repository.servable import Servable

router = APIRouter(tags=["open inference protocol v2"])

BYTES_OF_A_CLASS = 64  # as which one class of a response counts, where it is decided what is done in a thread


# --- health and metadata ---------------------------------------------------------------------------------------------


async def live(request: ApiRequest) -> RawResponse:
    """The process answers."""
    return RawResponse(b'{"live":true}')


async def ready(request: ApiRequest) -> RawResponse:
    """The service takes requests, and the default model can run."""
    request.state.check_ready()
    return RawResponse(b'{"ready":true}')


router.get("/v2/health/live", operation_id="v2_live", response_model=Live)(fastapi_endpoint(live))
router.get("/v2/health/ready", operation_id="v2_ready", response_model=ServerReady, responses=problems(Unavailable))(
    fastapi_endpoint(ready)
)


@router.get("/v2", operation_id="v2_server")
@router.get("/v2/", include_in_schema=False)
async def server(request: Request) -> ServerMetadata:
    """The server's name and version, and the extensions of the protocol it supports."""
    return ServerMetadata(name="digits", version=request.app.version, extensions=EXTENSIONS)


@router.get("/v2/models", operation_id="v2_list_models")
async def list_models(request: Request) -> ModelNames:
    """The names of all models, as KServe lists them."""
    return ModelNames(models=sorted({servable.manifest.name for servable in state_of(request).repository}))


async def model_ready(request: Request) -> ModelReady:
    """The model takes requests."""
    servable = servable_of(request)
    state_of(request).check_ready(servable)
    return ModelReady(name=servable.manifest.name)


async def model_metadata(request: Request) -> ModelMetadata:
    """The versions of a model, its input and its output."""
    name = servable_of(request).manifest.name
    versions = [str(version) for version in sorted(state_of(request).repository.versions(name))]
    return ModelMetadata(name=name, versions=versions, platform="onnx_onnxv1", inputs=INPUTS, outputs=OUTPUTS)


def servable_of(request: Request) -> Servable:
    return find_servable(state_of(request).repository, request.path_params)


def find_servable(repository: ModelRepository, path: Mapping[str, str]) -> Servable:
    """The servable that a path names, its version by number or label. Raises `ModelNotFound`."""
    return repository.resolve(path["name"], path.get("version"))


# --- infer -----------------------------------------------------------------------------------------------------------


async def infer(request: ApiRequest) -> RawResponse:
    """Reads images sent as a tensor, or picture files sent as a BYTES tensor; in JSON or in binary.

    The model gets images as they are. Picture files are preprocessed as on `/predict`: any size, polarity and position.
    """
    servable = find_servable(request.state.repository, request.path_params)
    servable.check_capacity()
    limits = request.state.limits
    size = json_size(request.body, request.headers.get(JSON_LENGTH_HEADER))
    parsed = await off_the_loop(size, parse_request, request.body, size, limits.max_pictures)
    if isinstance(parsed.tensor, np.ndarray):
        images = await images_of(parsed.tensor, parsed.scale or scale_of(request.query))
    else:
        images = await preprocess_files(parsed.tensor, limits.max_pixels)
    probabilities = await servable.predict(images)
    classes = parsed.output.classes * len(images)
    return await off_the_loop(classes * BYTES_OF_A_CLASS, encode_response, servable.manifest, parsed, probabilities)


HOT_ROUTES: list[HotRoute[AppState]] = [
    HotRoute("/v2/health/live", live, "GET"),
    HotRoute("/v2/health/ready", ready, "GET"),
    HotRoute("/v2/models/{name}/infer", infer),
    HotRoute("/v2/models/{name}/versions/{version}/infer", infer),
]


# --- statistics ------------------------------------------------------------------------------------------------------


class Statistics(BaseModel):
    model_stats: list[ModelStatistics]


@router.get("/v2/models/stats", operation_id="v2_statistics")
async def statistics(request: Request) -> Statistics:
    """Of every served version of every model."""
    return await statistics_of_all(list(state_of(request).repository))


async def model_statistics(request: Request) -> Statistics:
    """Of every served version of a model, or of one version."""
    servable = servable_of(request)
    if "version" in request.path_params:
        return await statistics_of_all([servable])
    versions = state_of(request).repository.versions(servable.manifest.name)
    return await statistics_of_all([versions[version] for version in sorted(versions)])


async def statistics_of_all(servables: list[Servable]) -> Statistics:
    names = [(servable.manifest.name, servable.manifest.version) for servable in servables]
    # In a thread: with several workers the figures are read from files.
    return Statistics(model_stats=await asyncio.to_thread(lambda: [statistics_of(*name) for name in names]))


# --- the routes of a model: after /v2/models/stats, which is not a model's -------------------------------------------


def add_route(
    method: str, path: str, endpoint: Callable[..., Awaitable[Any]], operation_id: str, **options: Any
) -> None:
    """Adds a route of a model and the same route of one of its versions. The endpoint parses the path itself."""
    extra = options.pop("openapi_extra", {})
    for names in (["name"], ["name", "version"]):
        named = [{"name": name, "in": "path", "required": True, "schema": {"type": "string"}} for name in names]
        router.add_api_route(
            "/v2/models/{name}" + ("/versions/{version}" if "version" in names else "") + path,
            endpoint,
            methods=[method],
            operation_id=operation_id + ("_of_version" if "version" in names else ""),
            openapi_extra={**extra, "parameters": [*named, *extra.get("parameters", [])]},
            **options,
        )


add_route(
    "GET",
    "",
    model_metadata,
    "v2_model",
    responses=problems(ModelNotFound),
    response_model_exclude_none=True,
)
add_route("GET", "/ready", model_ready, "v2_model_ready", responses=problems(ModelNotFound, Unavailable))
add_route("GET", "/stats", model_statistics, "v2_model_statistics", responses=problems(ModelNotFound))
add_route(
    "POST",
    "/infer",
    fastapi_endpoint(infer),
    "v2_infer",
    openapi_extra={"parameters": [JSON_LENGTH_PARAMETER, SCALE], "requestBody": REQUEST_BODY},
    response_model=InferResponse,
    responses=problems(InvalidRequest, ModelNotFound, *PICTURE_ERRORS, Unavailable),
)
