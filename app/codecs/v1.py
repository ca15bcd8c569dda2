"""The V1 protocol of TensorFlow Serving and KServe: requests parsed into images or picture files, and the responses.

    {"instances": [instance, ...]}    the row format
    {"inputs": tensor}                the column format

An instance, or in the column format the whole, is a tensor of numbers or a picture file as {"b64": "..."}; either may
be the value of the input's name: {"image": ...}. Messages that clients know are TensorFlow Serving's.

Sources: TensorFlow Serving's api_rest.md and json_tensor.cc; KServe's v1_endpoints.py.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal

import numpy as np
import simdjson
from numpy.typing import NDArray
from pydantic import BaseModel, Field

from app.arrays import Images
from app.codecs.bodies import decode_base64, too_many_pictures
from app.codecs.json_body import JsonBody, parse_json
from app.codecs.tensors import SCALE_RULE, Scale, check_shape, parse_scale, to_images
from app.errors import InvalidRequest
from app.inference.explanation import Explained
from app.inference.session import INPUT, OUTPUT

SIGNATURE_NAME = "serving_default"
PARAMETERS = Field(None, description="scale, unit or byte: what the numbers of a tensor are from 0 to.")
VALUES = 'a tensor of numbers or {"b64": "<picture file in base64>"}'

Tensor = NDArray[Any]  # of numbers
Values = Images | list[bytes]  # images for the model as they are, or picture files to be preprocessed


class Instances(BaseModel):
    """The row format of a request."""

    instances: list[Any] = Field(
        min_length=1, description=f'Each {VALUES}, or such a value under "{INPUT}"; all of the same kind.'
    )
    parameters: dict[str, Any] | None = PARAMETERS
    signature_name: Literal["serving_default"] = "serving_default"


class Inputs(BaseModel):
    """The column format of a request."""

    inputs: Any = Field(description=f'{VALUES}, or such a value under "{INPUT}". The first dimension is the images.')
    parameters: dict[str, Any] | None = PARAMETERS
    signature_name: Literal["serving_default"] = "serving_default"


class RowPredictions(BaseModel):
    """The response to the row format."""

    predictions: list[list[float]] = Field(description="For each instance the probabilities of the digits 0 to 9.")


class Outputs(BaseModel):
    """The response to the column format."""

    outputs: list[list[float]] = Field(description="For each image the probabilities of the digits 0 to 9.")


class Explanations(BaseModel):
    """The response of `:explain`."""

    predictions: list[list[float]] = Field(description="For each instance the probabilities of the digits 0 to 9.")
    explanations: list[Explained] = Field(description="For each instance, which pixels decided.")


class StatusCode(BaseModel):
    error_code: str = "OK"
    error_message: str = ""


class VersionStatus(BaseModel):
    version: str
    state: Literal["AVAILABLE"] = "AVAILABLE"
    status: StatusCode = StatusCode()


class ModelStatus(BaseModel):
    """TensorFlow Serving's response and KServe's in one."""

    name: str
    ready: bool
    model_version_status: list[VersionStatus]


class ModelNames(BaseModel):
    models: list[str]


REQUEST_BODY = {
    "required": True,
    "content": {"application/json": {"schema": {"anyOf": [Instances.model_json_schema(), Inputs.model_json_schema()]}}},
}


def parse_request(body: bytes, max_pictures: int, scale: Scale | None = None) -> tuple[str, Values]:
    """The key of the response, and the request's values. `scale`: of numbers, unless the body has one.

    Raises `InvalidRequest`, `TooManyPictures` or `BlankPicture`.
    """
    json = parse_json(body)
    document = json.root
    if not isinstance(document, simdjson.Object):
        raise InvalidRequest("The request must be a JSON object with 'instances' or 'inputs'.")
    check_signature_name(document)
    scale = scale_of(document) or scale
    in_rows, in_columns = "instances" in document, "inputs" in document
    if in_rows and in_columns:
        raise InvalidRequest(
            "Not formatted correctly expecting only one of 'inputs' or 'instances' keys to exist: send one of them."
        )
    if not in_rows and not in_columns:
        raise InvalidRequest("Missing 'inputs' or 'instances' key")
    parse, key = (parse_rows, "predictions") if in_rows else (parse_columns, "outputs")
    values = parse(json, max_pictures)
    return key, values if isinstance(values, list) else to_images(values, scale)


def scale_of(document: simdjson.Object) -> Scale | None:
    """In the member `parameters`, which is Vertex AI's. Raises `InvalidRequest`."""
    parameters = document.get("parameters")
    if parameters is None:
        return None
    if not isinstance(parameters, simdjson.Object):
        raise InvalidRequest("'parameters' must be an object.")
    return parse_scale(parameters.get("scale"))


def check_signature_name(document: simdjson.Object) -> None:
    name = document.get("signature_name", SIGNATURE_NAME)
    if not isinstance(name, str):
        raise InvalidRequest("'signature_name' key must be a string value.")
    if name not in ("", SIGNATURE_NAME):  # an empty name is the default, as in TensorFlow Serving
        raise InvalidRequest(f'Serving signature name: "{name[:80]}" not found in signature def')


def parse_rows(json: JsonBody, max_pictures: int) -> Tensor | list[bytes]:
    instances = json.root["instances"]
    if not isinstance(instances, simdjson.Array):
        raise InvalidRequest("Expecting 'instances' to be an list/array")
    first = next(iter(instances), None)
    if first is None:
        raise InvalidRequest("No values in 'instances' array")
    if not isinstance(first, simdjson.Object):
        return parse_tensor(json, instances, "instances")
    if INPUT not in first:
        return decode_pictures(instances, max_pictures)
    values = (input_value(instance, index) for index, instance in enumerate(instances))
    if isinstance(first[INPUT], simdjson.Array):
        return stack_tensors(json, values)
    return decode_pictures(values, max_pictures)


def parse_columns(json: JsonBody, max_pictures: int) -> Tensor | list[bytes]:
    key, inputs = "inputs", json.root["inputs"]
    if isinstance(inputs, simdjson.Object) and INPUT in inputs:
        key, inputs = INPUT, input_value(inputs)
    if not isinstance(inputs, simdjson.Array):
        return decode_pictures([inputs], max_pictures)
    if isinstance(next(iter(inputs), None), simdjson.Object):
        return decode_pictures(inputs, max_pictures)
    return parse_tensor(json, inputs, key)


def input_value(instance: Any, index: int = 0) -> Any:
    """The value of the input's name, the only key. Raises `InvalidRequest`."""
    if not isinstance(instance, simdjson.Object) or list(instance) != [INPUT]:
        raise InvalidRequest(f"Instance {index} must have exactly one key, '{INPUT}', the model's only input.")
    return instance[INPUT]


def parse_tensor(json: JsonBody, array: Any, key: str) -> Tensor:
    if isinstance(next(iter(array), None), str):
        raise wrong_type(0)
    numbers = json.numbers(array, key)
    check_shape(numbers.shape)  # before anything that takes time with millions of rows
    return numbers.to_array()


def stack_tensors(json: JsonBody, tensors: Iterable[Any]) -> Tensor:
    """n tensors of one shape (...) -> (n, ...). Raises `InvalidRequest`."""
    rows = []
    for index, tensor in enumerate(tensors):
        if not isinstance(tensor, simdjson.Array):
            raise wrong_type(index)
        numbers = json.numbers(tensor)
        check_shape((1, *numbers.shape))
        rows.append(numbers.to_array())
        if rows[index].shape != rows[0].shape:
            raise InvalidRequest(f"Instance {index} has a different shape from the instances before it.")
    return np.stack(rows)


def decode_pictures(values: Iterable[Any], max_pictures: int) -> list[bytes]:
    """The picture files of values {"b64": "..."}. Raises `InvalidRequest` or `TooManyPictures`."""
    files: list[bytes] = []
    for index, value in enumerate(values):
        if index == max_pictures:
            raise too_many_pictures(max_pictures)
        if not isinstance(value, simdjson.Object) or list(value) != ["b64"]:
            raise wrong_type(index)
        files.append(decode_base64(value["b64"], index))
    return files


def wrong_type(index: int) -> InvalidRequest:
    return InvalidRequest(f"Instance {index} has the wrong type: send {VALUES}, the same for all instances.")


def describe_metadata(name: str, version: int) -> dict[str, Any]:
    """The model's signature, as TensorFlow Serving describes it."""
    signature_def = {
        "inputs": {INPUT: tensor_info(INPUT, "DT_UINT8", -1, 28, 28)},
        "outputs": {OUTPUT: tensor_info(OUTPUT, "DT_FLOAT", -1, 10)},
        "method_name": "tensorflow/serving/predict",
    }
    return {
        "model_spec": {"name": name, "signature_name": "", "version": str(version)},
        "metadata": {
            "signature_def": {"signature_def": {SIGNATURE_NAME: signature_def}},  # nested twice there too
            "scale": SCALE_RULE,  # this one is ours
        },
    }


def tensor_info(name: str, dtype: str, *shape: int) -> dict[str, Any]:
    dimensions = [{"size": str(size), "name": ""} for size in shape]
    return {"dtype": dtype, "tensor_shape": {"dim": dimensions, "unknown_rank": False}, "name": name}
