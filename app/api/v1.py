"""The V1 protocol of TensorFlow Serving and of KServe, which share their addresses.

    {"instances": [instance, ...]}  ->  {"predictions": [[10 numbers], ...]}
    {"inputs": tensor}              ->  {"outputs": [[10 numbers], ...]}

The Content-Type does not matter.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import orjson
from fastapi import APIRouter, Request

from app.api.openapi import PICTURE_ERRORS, problems
from app.api.state import ApiRequest, AppState, state_of
from app.arrays import Images
from app.codecs.parameters import SCALE, scale_of
from app.codecs.v1 import (
    REQUEST_BODY,
    SIGNATURE_NAME,
    Explanations,
    ModelNames,
    ModelStatus,
    Outputs,
    RowPredictions,
    VersionStatus,
    describe_metadata,
    parse_request,
)
from app.errors import InvalidRequest, MethodNotAllowed, ModelNotFound, ServiceError, Unavailable
from app.http.endpoint import HotRoute, RawResponse, fastapi_endpoint
from app.http.large_bodies import off_the_loop
from app.inference.explanation import explain
from app.preprocessing.pool import preprocess_files
from app.repository.repository import ModelRepository
from app.repository.servable import Servable
from app.setting_values import parse_version

router = APIRouter(tags=["V1: TensorFlow Serving, KServe"])

MODEL = "/v1/models/{name}"
ADDRESSES = {"": MODEL, "_of_version": MODEL + "/versions/{version}", "_of_label": MODEL + "/labels/{label}"}

PROBLEMS = problems(InvalidRequest, ModelNotFound, Unavailable)
PICTURE_PROBLEMS = PROBLEMS | problems(*PICTURE_ERRORS)


# --- predict and explain ----------------------------------------------------------------------------------------------


async def predict(request: ApiRequest) -> RawResponse:
    """Reads images or picture files, in the row or the column format."""
    servable, key, images = await decode(request, ":predict")
    probabilities = await servable.predict(images)
    return RawResponse(orjson.dumps({key: probabilities}, option=orjson.OPT_SERIALIZE_NUMPY))


async def explain_instances(request: ApiRequest) -> RawResponse:
    """Takes what `:predict` takes, and says how much each pixel of an image speaks for its predicted digit."""
    servable, _, images = await decode(request, ":explain")
    probabilities, explanations = await explain(servable.run, images)
    document = {"predictions": probabilities, "explanations": explanations}
    return RawResponse(orjson.dumps(document, option=orjson.OPT_SERIALIZE_NUMPY))


async def decode(request: ApiRequest, verb: str) -> tuple[Servable, str, Images]:
    """The servable of the address, the key of the response, and the images."""
    if not is_address(request.path_params):
        raise malformed("POST", address_of(request.path_params) + verb)
    servable = find_servable(request.state.repository, request.path_params)
    servable.check_capacity()
    limits = request.state.limits
    body, scale = request.body, scale_of(request.query)
    key, values = await off_the_loop(len(body), parse_request, body, limits.max_pictures, scale)
    if isinstance(values, list):
        values = await preprocess_files(values, limits.max_pixels)
    return servable, key, values


HOT_ROUTES: list[HotRoute[AppState]] = [HotRoute(address + ":predict", predict) for address in ADDRESSES.values()]


# --- addresses --------------------------------------------------------------------------------------------------------


def is_address(path: Mapping[str, str]) -> bool:
    """FastAPI's patterns match more than TensorFlow Serving's: there names have no colon, and versions are numbers."""
    names = path.get("name", "") + path.get("label", "")
    return ":" not in names and parse_version(path.get("version", "1")) is not None


def address_of(path: Mapping[str, str]) -> str:
    kind = "_of_version" if "version" in path else "_of_label" if "label" in path else ""
    return ADDRESSES[kind].format_map(path)


def find_servable(repository: ModelRepository, path: Mapping[str, str]) -> Servable:
    """The servable at an address; the default one if it names no model. Raises `ModelNotFound`."""
    name, version, label = path.get("name"), path.get("version"), path.get("label")
    try:
        if name is not None and label is not None:
            return repository.get(name, repository.version_of_label(name, label))
        return repository.get(name, None if version is None else int(version))
    except ModelNotFound as error:
        asked = f"Latest({name})" if version is None else f"Specific({name}, {int(version)})"
        raise ModelNotFound(f"Servable not found for request: {asked}. {error.detail}") from error


def servable_of(request: Request) -> Servable:
    if not is_address(request.path_params):
        raise refusal(request.method, request.scope["path"])
    return find_servable(state_of(request).repository, request.path_params)


async def refuse(request: Request) -> None:
    """Every other request under /v1/models."""
    raise refusal(request.method, request.scope["path"])


def refusal(method: str, path: str) -> ServiceError:
    if path.endswith((":predict", ":explain")) and method == "GET":
        return MethodNotAllowed(f"{path} does not support GET: use POST.", allow="POST")
    if path.endswith((":classify", ":regress")):
        return InvalidRequest(f"The signature {SIGNATURE_NAME} is for tensorflow/serving/predict: use :predict.")
    return malformed(method, path)


def malformed(method: str, path: str) -> InvalidRequest:
    """In TensorFlow Serving's words."""
    return InvalidRequest(f"Malformed request: {method} {path}")


# --- status and metadata ----------------------------------------------------------------------------------------------


async def list_models(request: Request) -> ModelNames:
    """The names of all models, as KServe lists them."""
    return ModelNames(models=sorted({servable.manifest.name for servable in state_of(request).repository}))


async def get_status(request: Request) -> ModelStatus:
    """Whether a model, or one version of it, is ready, and which versions are served."""
    state, servable = state_of(request), servable_of(request)
    state.check_ready(servable)
    name = servable.manifest.name
    one_version = len(request.path_params) > 1
    versions = [servable.manifest.version] if one_version else sorted(state.repository.versions(name), reverse=True)
    statuses = [VersionStatus(version=str(version)) for version in versions]
    return ModelStatus(name=name, ready=True, model_version_status=statuses)


async def get_metadata(request: Request) -> dict[str, Any]:
    """The model's signature, as TensorFlow Serving describes it."""
    manifest = servable_of(request).manifest
    return describe_metadata(manifest.name, manifest.version)


# --- the routes -------------------------------------------------------------------------------------------------------


def add_routes(suffix: str, address: str) -> None:
    kinds = {"name": "string", "version": "integer", "label": "string"}
    described: dict[str, Any] = {
        "parameters": [
            {"name": name, "in": "path", "required": True, "schema": {"type": kinds[name]}}
            for name in re.findall(r"{(\w+)}", address)
        ]
    }
    described_with_scale = {"parameters": [*described["parameters"], SCALE]}
    router.add_api_route(
        address + ":predict",
        fastapi_endpoint(predict),
        methods=["POST"],
        operation_id=f"v1_predict{suffix}",
        response_model=RowPredictions | Outputs,
        responses=PICTURE_PROBLEMS,
        openapi_extra=described_with_scale | {"requestBody": REQUEST_BODY},
    )
    router.add_api_route(
        address + ":explain",
        fastapi_endpoint(explain_instances),
        methods=["POST"],
        operation_id=f"v1_explain{suffix}",
        response_model=Explanations,
        responses=PICTURE_PROBLEMS,
        openapi_extra=described_with_scale | {"requestBody": REQUEST_BODY},
    )
    for path, endpoint, operation in (("/metadata", get_metadata, "metadata"), ("", get_status, "status")):
        router.add_api_route(
            address + path,
            endpoint,
            operation_id=f"v1_{operation}{suffix}",
            responses=PROBLEMS,
            openapi_extra=described,
        )


router.add_api_route("/v1/models", list_models, operation_id="v1_list_models")
for suffix, address in ADDRESSES.items():
    add_routes(suffix, address)
router.add_api_route("/v1/models/{rest:path}", refuse, methods=["GET", "POST"], include_in_schema=False)
