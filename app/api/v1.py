"""TensorFlow Serving's REST protocol and KServe's V1, which share their addresses.

    {"instances": [instance, ...]}  ->  {"predictions": [[10 numbers], ...]}
    {"inputs": tensor}              ->  {"outputs": [[10 numbers], ...]}

The Content-Type does not matter.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Literal

import orjson
from fastapi import APIRouter, Request
from pydantic import BaseModel, Field

from app.api.state import ApiRequest, AppState, state_of
from app.arrays import Images
from app.codecs.v1 import SIGNATURE, VALUES, read
from app.errors import InvalidRequest, MethodNotAllowed, ModelNotFound, Problem, ServiceError
from app.http.endpoint import HotRoute, RawResponse, fastapi_endpoint
from app.inference.explanation import Explained, explain
from app.inference.session import INPUT, OUTPUT
from app.preprocessing.pool import prepare
from app.repository.servable import Servable

router = APIRouter(tags=["V1: TensorFlow Serving, KServe"])

MODEL = "/v1/models/{name}"
ADDRESSES = {"": MODEL, "_of_version": MODEL + "/versions/{version}", "_of_label": MODEL + "/labels/{label}"}


class Instances(BaseModel):
    """The row format of a request."""

    instances: list[Any] = Field(min_length=1, description=f'Each {VALUES}, or that under "{INPUT}"; all of one kind.')
    signature_name: Literal["serving_default"] = "serving_default"


class Inputs(BaseModel):
    """The column format of a request."""

    inputs: Any = Field(description=f'{VALUES}, or that under "{INPUT}". The first dimension is the images.')
    signature_name: Literal["serving_default"] = "serving_default"


class RowPredictions(BaseModel):
    """The answer to the row format."""

    predictions: list[list[float]] = Field(description="Of each instance the probabilities of the digits 0 to 9.")


class Outputs(BaseModel):
    """The answer to the column format."""

    outputs: list[list[float]] = Field(description="Of each image the probabilities of the digits 0 to 9.")


class Explanations(BaseModel):
    """The answer of `:explain`."""

    predictions: list[list[float]] = Field(description="Of each instance the probabilities of the digits 0 to 9.")
    explanations: list[Explained] = Field(description="Of each instance: which pixels decided.")


class StatusCode(BaseModel):
    error_code: str = "OK"
    error_message: str = ""


class VersionStatus(BaseModel):
    version: str
    state: Literal["AVAILABLE"] = "AVAILABLE"
    status: StatusCode = StatusCode()


class ModelStatus(BaseModel):
    """What TensorFlow Serving and KServe each answer, in one."""

    name: str
    ready: bool
    model_version_status: list[VersionStatus]


class ModelNames(BaseModel):
    models: list[str]


# --- predict ----------------------------------------------------------------------------------------------------------


async def predict(call: ApiRequest) -> RawResponse:
    """Reads images or picture files, in the row or the column format. Without a name it asks the default model."""
    servable, key, images = await read_call(call, ":predict")
    probabilities = await servable.predict(images)
    return RawResponse(orjson.dumps({key: probabilities}, option=orjson.OPT_SERIALIZE_NUMPY))


async def explain_instances(call: ApiRequest) -> RawResponse:
    """Takes what `:predict` does, and tells how much each pixel of an image speaks for the digit it is read as."""
    servable, _, images = await read_call(call, ":explain")
    probabilities, explanations = await explain(servable.ask, images)
    answer = {"predictions": probabilities, "explanations": explanations}
    return RawResponse(orjson.dumps(answer, option=orjson.OPT_SERIALIZE_NUMPY))


async def read_call(call: ApiRequest, verb: str) -> tuple[Servable, str, Images]:
    """Who is asked, the key its answer goes under, and about which images."""
    if not is_address(call.path_params):
        raise malformed("POST", address_of(call.path_params) + verb)
    servable = find(call.state, call.path_params)
    servable.check_capacity()
    limits = call.state.limits
    key, values = read(call.body, limits.max_pictures)
    if isinstance(values, list):
        values = await prepare(values, limits.max_pixels)
    return servable, key, values


HOT_ROUTES = [HotRoute(address + ":predict", predict) for address in ADDRESSES.values()]


# --- which model ------------------------------------------------------------------------------------------------------


def is_address(path: Mapping[str, str]) -> bool:
    """FastAPI's patterns are wider than TensorFlow Serving's, in which no name has a colon in it."""
    names = path.get("name", "") + path.get("label", "")
    return ":" not in names and re.fullmatch(r"[0-9]{1,18}", path.get("version", "1")) is not None


def address_of(path: Mapping[str, str]) -> str:
    kind = "_of_version" if "version" in path else "_of_label" if "label" in path else ""
    return ADDRESSES[kind].format_map(path)


def find(state: AppState, path: Mapping[str, str]) -> Servable:
    """The servable at an address, or the default one. Raises `ModelNotFound`."""
    name, version, label = path.get("name"), path.get("version"), path.get("label")
    repository = state.repository
    try:
        if name is not None and label is not None:
            return repository.get(name, repository.labelled(name, label))
        return repository.get(name, None if version is None else int(version))
    except ModelNotFound as error:
        asked = f"Latest({name})" if version is None else f"Specific({name}, {int(version)})"
        raise ModelNotFound(f"Servable not found for request: {asked}. {error.detail}") from error


def find_for(request: Request) -> Servable:
    if not is_address(request.path_params):
        raise refusal(request.method, request.scope["path"])
    return find(state_of(request), request.path_params)


# --- what there is ----------------------------------------------------------------------------------------------------


async def list_models(request: Request) -> ModelNames:
    """The names of all models, as KServe lists them."""
    return ModelNames(models=sorted({each.manifest.name for each in state_of(request).repository}))


async def get_status(request: Request) -> ModelStatus:
    """Whether a model is ready, and in which versions; or whether one version is."""
    found = find_for(request)
    state_of(request).check_ready()
    name = found.manifest.name
    one_version = len(request.path_params) > 1
    versions = [found.manifest.version] if one_version else sorted(state_of(request).repository.versions(name))[::-1]
    return ModelStatus(
        name=name, ready=True, model_version_status=[VersionStatus(version=str(each)) for each in versions]
    )


async def get_metadata(request: Request) -> dict[str, Any]:
    """The model's signature, as TensorFlow Serving writes it."""
    manifest = find_for(request).manifest
    signature = {
        "inputs": {INPUT: tensor_info(INPUT, "DT_UINT8", -1, 28, 28)},
        "outputs": {OUTPUT: tensor_info(OUTPUT, "DT_FLOAT", -1, 10)},
        "method_name": "tensorflow/serving/predict",
    }
    return {
        "model_spec": {"name": manifest.name, "signature_name": "", "version": str(manifest.version)},
        "metadata": {"signature_def": {"signature_def": {SIGNATURE: signature}}},  # nested twice there too
    }


def tensor_info(name: str, dtype: str, *shape: int) -> dict[str, Any]:
    dimensions = [{"size": str(size), "name": ""} for size in shape]
    return {"dtype": dtype, "tensor_shape": {"dim": dimensions, "unknown_rank": False}, "name": name}


async def refuse(request: Request) -> None:
    """Whatever else is asked for under /v1/models."""
    raise refusal(request.method, request.scope["path"])


def refusal(method: str, path: str) -> ServiceError:
    if path.endswith((":predict", ":explain")) and method == "GET":
        return MethodNotAllowed(f"{path} does not take GET: use POST.", allow="POST")
    if path.endswith((":classify", ":regress")):
        return InvalidRequest(f"The signature {SIGNATURE} is for tensorflow/serving/predict: use :predict.")
    return malformed(method, path)


def malformed(method: str, path: str) -> InvalidRequest:
    return InvalidRequest(f"Malformed request: {method} {path}")


# --- the routes -------------------------------------------------------------------------------------------------------

PROBLEMS: dict[int | str, dict[str, Any]] = {
    400: {"model": Problem, "description": "The request cannot be understood"},
    404: {"model": Problem, "description": "No such model, version or label"},
    503: {"model": Problem, "description": "Overloaded or shutting down; see Retry-After"},
}
OF_PICTURES: dict[int | str, dict[str, Any]] = PROBLEMS | {
    413: {"model": Problem, "description": "The body, a picture or the number of pictures is too large"},
    415: {"model": Problem, "description": "An instance is not a picture we can read"},
    422: {"model": Problem, "description": "A picture is blank"},
}
REQUEST_BODY = {
    "required": True,
    "content": {"application/json": {"schema": {"anyOf": [Instances.model_json_schema(), Inputs.model_json_schema()]}}},
}


def add_routes(suffix: str, address: str) -> None:
    kinds = {"name": "string", "version": "integer", "label": "string"}
    described: dict[str, Any] = {
        "parameters": [
            {"name": each, "in": "path", "required": True, "schema": {"type": kinds[each]}}
            for each in re.findall(r"{(\w+)}", address)
        ]
    }
    router.add_api_route(
        address + ":predict",
        fastapi_endpoint(predict),
        methods=["POST"],
        operation_id=f"v1_predict{suffix}",
        response_model=RowPredictions | Outputs,
        responses=OF_PICTURES,
        openapi_extra=described | {"requestBody": REQUEST_BODY},
    )
    router.add_api_route(
        address + ":explain",
        fastapi_endpoint(explain_instances),
        methods=["POST"],
        operation_id=f"v1_explain{suffix}",
        response_model=Explanations,
        responses=OF_PICTURES,
        openapi_extra=described | {"requestBody": REQUEST_BODY},
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
