"""The Open Inference Protocol, V2: what KServe, Triton and MLServer speak, and their clients.

Where the specification and the servers differ (`/v2` or `/v2/`, what a health route answers) both are served.
Extensions, as Triton documents them: binary_tensor_data, classification, statistics; and in `control` model_repository.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Literal

import numpy as np
from fastapi import APIRouter, Request
from pydantic import BaseModel, Field

from app.api.state import ApiRequest, state_of
from app.codecs.tensors import SHAPES, to_images
from app.codecs.v2 import CLASSES, HEADER_LENGTH, NUMBERS, encode, read
from app.errors import ModelNotFound, Problem
from app.http.endpoint import HotRoute, RawResponse, fastapi_endpoint
from app.inference.session import INPUT, OUTPUT
from app.observability.statistics import ModelStatistics, statistics_of
from app.preprocessing.pool import prepare
from app.repository.repository import ModelRepository
from app.repository.servable import Servable

router = APIRouter(tags=["open inference protocol v2"])


class Live(BaseModel):
    live: Literal[True] = True


class ServerReady(BaseModel):
    ready: Literal[True] = True


class ModelReady(BaseModel):
    name: str
    ready: Literal[True] = True


class ServerMetadata(BaseModel):
    name: str
    version: str
    extensions: list[str]


class TensorMetadata(BaseModel):
    name: str
    datatype: str
    shape: list[int] = Field(description="-1 stands for a size that varies.")


class ModelMetadata(BaseModel):
    name: str
    versions: list[str]
    platform: str
    inputs: list[TensorMetadata]
    outputs: list[TensorMetadata]


class InputTensor(BaseModel):
    name: Literal["image"]
    shape: list[int] = Field(description=f"{SHAPES}; of BYTES [n] or [n, 1].")
    datatype: str = Field(
        description=f"{', '.join(NUMBERS)} (FP16 in binary alone): 0 (paper) to 255 (ink), or to 1.0 where none is "
        "greater. BYTES: picture files, in JSON as base64 or data URLs."
    )
    parameters: dict[str, Any] | None = Field(None, description="binary_data_size: the tensor follows the JSON.")
    data: list[Any] | None = Field(None, description="The elements, flat or nested as the shape says.")


class WantedTensor(BaseModel):
    name: Literal["probabilities"]
    parameters: dict[str, Any] | None = Field(
        None, description="binary_data: after the JSON; classification: the best so many classes."
    )


class InferRequest(BaseModel):
    id: str | None = Field(None, description="Comes back in the answer.")
    parameters: dict[str, Any] | None = Field(None, description="binary_data_output: outputs after the JSON.")
    inputs: list[InputTensor] = Field(min_length=1, max_length=1)
    outputs: list[WantedTensor] | None = Field(None, max_length=1)


class OutputTensor(BaseModel):
    name: str
    datatype: str = Field(description="FP32; of classes BYTES.")
    shape: list[int]
    parameters: dict[str, Any] | None = Field(None, description="binary_data_size: the tensor follows the JSON.")
    data: list[Any] | None = Field(None, description='Probabilities, or "probability:index:label" for each class.')


class InferResponse(BaseModel):
    model_name: str
    model_version: str
    id: str | None = None
    outputs: list[OutputTensor]


EXTENSIONS = ["binary_tensor_data", "classification", "model_repository", "statistics"]
INPUTS = [TensorMetadata(name=INPUT, datatype="UINT8", shape=[-1, 28, 28])]
OUTPUTS = [TensorMetadata(name=OUTPUT, datatype="FP32", shape=[-1, CLASSES])]
REQUEST_BODY = {
    "required": True,
    "content": {
        "application/json": {"schema": InferRequest.model_json_schema()},
        "application/octet-stream": {"schema": {"type": "string", "format": "binary"}},
    },
}
PROBLEMS: dict[int | str, dict[str, Any]] = {
    400: {"model": Problem, "description": "The request cannot be understood"},
    404: {"model": Problem, "description": "No such model or version"},
    413: {"model": Problem, "description": "The body, a picture or the number of pictures is too large"},
    415: {"model": Problem, "description": "An element of BYTES is not a picture we can read"},
    422: {"model": Problem, "description": "A picture is blank"},
    503: {"model": Problem, "description": "Overloaded, shutting down or not ready; see Retry-After"},
}


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    return {status: PROBLEMS[status] for status in statuses}


LENGTH_HEADER = {
    "name": "Inference-Header-Content-Length",
    "in": "header",
    "description": "Of a body with binary tensors: the length of its JSON. 0: there is none, the body is one tensor.",
    "schema": {"type": "integer"},
}


def add_route(
    method: str, path: str, endpoint: Callable[..., Awaitable[Any]], operation_id: str, **options: Any
) -> None:
    """The route of a model, and the same of one of its versions. Both take them from the path themselves."""
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


# --- health and metadata ---------------------------------------------------------------------------------------------


@router.get("/v2/health/live", operation_id="v2_live")
async def live() -> Live:
    """The process answers."""
    return Live()


@router.get("/v2/health/ready", operation_id="v2_ready", responses=problems(503))
async def ready(request: Request) -> ServerReady:
    """It takes requests. A model that was unloaded on purpose does not change that."""
    check_ready(request)
    return ServerReady()


def check_ready(request: Request) -> None:
    state_of(request).check_ready()


@router.get("/v2", operation_id="v2_server")
@router.get("/v2/", include_in_schema=False)
async def server(request: Request) -> ServerMetadata:
    """What this server is and which extensions of the protocol it has."""
    return ServerMetadata(name="digits", version=request.app.version, extensions=EXTENSIONS)


def find(repository: ModelRepository, path: Mapping[str, str]) -> Servable:
    """The servable that a path names. Raises `ModelNotFound`."""
    version = path.get("version")
    if version is None:
        return repository.get(path["name"])
    if not (version.isascii() and version.isdigit() and len(version) < 10):
        raise ModelNotFound(f"There is no version {version!r} of {path['name']!r}: versions are whole numbers.")
    return repository.get(path["name"], int(version))


async def model_ready(request: Request) -> ModelReady:
    """The model takes requests."""
    servable = find(state_of(request).repository, request.path_params)
    check_ready(request)
    return ModelReady(name=servable.manifest.name)


async def model_metadata(request: Request) -> ModelMetadata:
    """The versions of a model, its input and its output."""
    repository = state_of(request).repository
    name = find(repository, request.path_params).manifest.name
    versions = [str(version) for version in sorted(repository.versions(name))]
    return ModelMetadata(name=name, versions=versions, platform="onnx_onnxv1", inputs=INPUTS, outputs=OUTPUTS)


# --- infer -----------------------------------------------------------------------------------------------------------


async def infer(call: ApiRequest) -> RawResponse:
    """Reads images sent as a tensor, or picture files sent as a BYTES tensor; as JSON or in binary.

    Images are taken as they are. Picture files are prepared as on `/predict`: any size, polarity and place.
    """
    servable = find(call.state.repository, call.path_params)
    servable.check_capacity()
    limits = call.state.limits
    inference = read(call.body, call.headers.get(HEADER_LENGTH), limits.max_pictures)
    if isinstance(inference.tensor, np.ndarray):
        images = to_images(inference.tensor)
    else:
        images = await prepare(inference.tensor, limits.max_pixels)
    manifest = servable.manifest
    return encode(manifest.name, manifest.version, manifest.labels, inference, await servable.predict(images))


HOT_ROUTES = [
    HotRoute("/v2/models/{name}/infer", infer),
    HotRoute("/v2/models/{name}/versions/{version}/infer", infer),
]


# --- statistics ------------------------------------------------------------------------------------------------------


class Statistics(BaseModel):
    model_stats: list[ModelStatistics]


@router.get("/v2/models/stats", operation_id="v2_statistics")
async def statistics(request: Request) -> Statistics:
    """Of every version that is served."""
    return await measured(list(state_of(request).repository))


async def model_statistics(request: Request) -> Statistics:
    """Of every version of a model, or of one of them."""
    repository = state_of(request).repository
    servable = find(repository, request.path_params)
    if "version" in request.path_params:
        return await measured([servable])
    return await measured([each for _, each in sorted(repository.versions(servable.manifest.name).items())])


async def measured(servables: list[Servable]) -> Statistics:
    names = [(each.manifest.name, each.manifest.version) for each in servables]
    # In a thread, since with several workers their figures are read from files.
    return Statistics(model_stats=await asyncio.to_thread(lambda: [statistics_of(*each) for each in names]))


# --- the routes of a model: after /v2/models/stats, which is not a model's -------------------------------------------

add_route("GET", "", model_metadata, "v2_model", responses=problems(404))
add_route("GET", "/ready", model_ready, "v2_model_ready", responses=problems(404, 503))
add_route("GET", "/stats", model_statistics, "v2_model_statistics", responses=problems(404))
add_route(
    "POST",
    "/infer",
    fastapi_endpoint(infer),
    "v2_infer",
    openapi_extra={"parameters": [LENGTH_HEADER], "requestBody": REQUEST_BODY},
    response_model=InferResponse,
    responses=problems(400, 404, 413, 415, 422, 503),
)
