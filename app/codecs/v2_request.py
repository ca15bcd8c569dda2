"""Requests of the Open Inference Protocol (V2): JSON, and the binary tensors that may follow it.

Sources: the protocol's inference_rest.md; for what follows the JSON, Triton's extension_binary_data.md.
"""

from __future__ import annotations

import functools
import math
from typing import Any, Literal, NamedTuple, TypeVar

import numpy as np
import simdjson
from numpy.typing import NDArray
from pydantic import BaseModel, Field

from app.arrays import CLASSES
from app.codecs.bodies import decode_base64, is_text, too_many_pictures
from app.codecs.json_body import JsonBody, NumberArray, parse_json
from app.codecs.tensors import SCALE_RULE, SHAPES, Scale, check_shape, parse_scale
from app.errors import InvalidRequest
from app.formats.signatures import FILE_STARTS
from app.inference.session import INPUT, OUTPUT

JSON_LENGTH_HEADER = b"inference-header-content-length"
MAX_CACHED_JSON = 1024  # bytes

BYTES = "BYTES"  # picture files
DTYPES = {
    **{f"UINT{bits}": np.dtype(f"<u{bits // 8}") for bits in (8, 16, 32, 64)},
    **{f"INT{bits}": np.dtype(f"<i{bits // 8}") for bits in (8, 16, 32, 64)},
    **{f"FP{bits}": np.dtype(f"<f{bits // 8}") for bits in (16, 32, 64)},
}


class InputTensor(BaseModel):
    name: Literal["image"]
    shape: list[int] = Field(description=f"{SHAPES}; of BYTES [n] or [n, 1].")
    datatype: str = Field(
        description=f"{', '.join(DTYPES)} (FP16 only in binary), or BYTES: picture files, in JSON as base64 or data "
        f"URLs. {SCALE_RULE}"
    )
    parameters: dict[str, Any] | None = Field(
        None, description="binary_data_size: the tensor follows the JSON; scale, unit or byte: see datatype."
    )
    data: list[Any] | None = Field(None, description="The elements, flat or nested like the shape.")


class WantedTensor(BaseModel):
    name: Literal["probabilities"]
    parameters: dict[str, Any] | None = Field(
        None,
        description="binary_data: the tensor follows the JSON; classification: only that many of the best classes.",
    )


class InferRequest(BaseModel):
    id: str | None = Field(None, description="Repeated in the response.")
    parameters: dict[str, Any] | None = Field(None, description="binary_data_output: the outputs follow the JSON.")
    inputs: list[InputTensor] = Field(min_length=1, max_length=1)
    outputs: list[WantedTensor] | None = Field(None, max_length=1)


REQUEST_BODY = {
    "required": True,
    "content": {
        "application/json": {"schema": InferRequest.model_json_schema()},
        "application/octet-stream": {"schema": {"type": "string", "format": "binary"}},
    },
}


class RequestedOutput(NamedTuple):
    """How the client wants the probabilities."""

    binary: bool = False
    classes: int = 0  # only the best so many, each as "probability:index:label"; 0: all, as numbers


class ParsedRequest(NamedTuple):
    id: str | None
    tensor: NDArray[Any] | list[bytes]  # numbers, or picture files
    output: RequestedOutput
    scale: Scale | None = None  # of numbers


class Header(NamedTuple):
    """The JSON of a request, which Triton calls its inference header."""

    id: str | None
    shape: tuple[int, ...]
    datatype: str
    data: Any  # a `simdjson.Array`; None if the tensor follows the JSON
    output: RequestedOutput
    scale: Scale | None


def json_size(body: bytes, json_length: bytes | None) -> int:
    """How many bytes of the body are JSON: all, unless the header says a length. Raises `InvalidRequest`."""
    if json_length is None:
        if not body:
            raise InvalidRequest("JSON Parse error: The document is empty")
        return len(body)
    length = int(json_length) if json_length.isdigit() and len(json_length) < 12 else -1
    if not 0 <= length <= len(body):
        raise InvalidRequest(
            f"Inference-Header-Content-Length must be the length of the JSON in bytes, at most the body's, {len(body)}."
        )
    return length


def parse_request(body: bytes, size: int, max_pictures: int) -> ParsedRequest:
    """`size`: how many bytes of the body are JSON, and before a tensor; without any, the tensor is of bytes.

    Numbers in binary are not copied. Raises `InvalidRequest` or `TooManyPictures`.
    """
    text, blob = body[:size], memoryview(body)[size:]
    if not text:
        return ParsedRequest(None, decode_raw(blob), RequestedOutput(binary=True))
    if blob and size <= MAX_CACHED_JSON:
        json, header = None, parse_header_cached(text, len(blob))
    else:
        json = parse_json(text) if blob else parse_json_alone(text)
        header = parse_header(json, len(blob))
    return ParsedRequest(header.id, decode_tensor(header, json, blob, max_pictures), header.output, header.scale)


def parse_json_alone(body: bytes) -> JsonBody:
    """Where no tensor follows. Raises `InvalidRequest`; for a body with a tensor it says how to send that."""
    try:
        return parse_json(body)
    except InvalidRequest as error:
        if is_text(body) or body.startswith(FILE_STARTS):
            raise
        raise InvalidRequest(
            f"{error.detail.rstrip('.')}. For a tensor in binary send the header Inference-Header-Content-Length: the "
            "length of the JSON before it in bytes, 0 without JSON."
        ) from error


# --- the JSON --------------------------------------------------------------------------------------------------------


def parse_header(json: JsonBody, blob_size: int) -> Header:
    document = json.root
    if not isinstance(document, simdjson.Object):
        raise InvalidRequest('The request must be a JSON object: {"inputs": [...]}.')
    tensor = single_tensor(document, "inputs", INPUT)
    if tensor is None:
        raise InvalidRequest(f"The request has no inputs: send one, named {INPUT!r}.")
    datatype = member(tensor, "datatype", str)
    if datatype not in DTYPES and datatype != BYTES:
        raise InvalidRequest(f"The datatype must be one of {', '.join(DTYPES)}, or BYTES for picture files.")
    return Header(
        member(document, "id", str),
        parse_shape(tensor),
        datatype,
        find_data(tensor, blob_size),
        parse_output(document),
        parameter_scale(tensor) or parameter_scale(document),
    )


@functools.lru_cache(maxsize=256)
def parse_header_cached(text: bytes, blob_size: int) -> Header:
    """Clients send the same JSON before each binary tensor, and parsing it takes longer than decoding the tensor."""
    return parse_header(parse_json(text), blob_size)


def parameter_scale(parent: Any) -> Scale | None:
    """Of the tensor, or of all tensors. Raises `InvalidRequest`."""
    parameters = member(parent, "parameters", simdjson.Object)
    return parse_scale(parameters.get("scale")) if parameters else None


T = TypeVar("T")
TYPE_NAMES: dict[type, str] = {
    str: "a string",
    int: "a whole number",
    bool: "true or false",
    simdjson.Object: "an object",
    simdjson.Array: "an array",
}


def member(parent: Any, key: str, kind: type[T]) -> T | None:
    """The value of a key, None if the object does not have it. Raises `InvalidRequest` if it has another type."""
    value = parent.get(key)
    if value is None or type(value) is kind:
        return value
    raise InvalidRequest(f"{key!r} must be {TYPE_NAMES[kind]}.")


def single_tensor(document: Any, key: str, name: str) -> Any | None:
    """The one tensor listed under `inputs` or `outputs`, None if none is. Raises `InvalidRequest`."""
    tensors = member(document, key, simdjson.Array)
    if not tensors:
        return None
    if len(tensors) > 1:
        raise InvalidRequest(f"{key!r} lists {len(tensors)} tensors, but the model has only {name!r}.")
    tensor: Any = tensors[0]
    if not isinstance(tensor, simdjson.Object) or member(tensor, "name", str) != name:
        raise InvalidRequest(f"The tensor listed under {key!r} must be an object whose 'name' is {name!r}.")
    return tensor


def find_data(tensor: Any, blob_size: int) -> Any:
    """The input's elements in JSON, None if they are the bytes that follow it."""
    parameters = member(tensor, "parameters", simdjson.Object)
    size = member(parameters, "binary_data_size", int) if parameters else None
    if size is None and blob_size:
        raise InvalidRequest(f"{blob_size} bytes follow the JSON, but the input has no 'binary_data_size'.")
    if size is not None and size != blob_size:
        raise InvalidRequest(
            f"'binary_data_size' is {size}, but {blob_size} bytes follow the JSON: send the JSON's length as "
            "Inference-Header-Content-Length."
        )
    data = member(tensor, "data", simdjson.Array)
    if (data is None) == (size is None):
        raise InvalidRequest("The input must have either 'data' or the parameter 'binary_data_size'.")
    return data


def parse_shape(tensor: Any) -> tuple[int, ...]:
    sizes = member(tensor, "shape", simdjson.Array)
    shape: Any = tuple(sizes) if sizes is not None and len(sizes) <= 4 else (None,)
    if not all(type(size) is int for size in shape):
        raise InvalidRequest("The input must have a 'shape' of at most four whole numbers.")
    return shape  # type: ignore[no-any-return]  # checked in the line above


def parse_output(document: Any) -> RequestedOutput:
    parameters = member(document, "parameters", simdjson.Object)
    binary = bool(parameters and member(parameters, "binary_data_output", bool))
    tensor = single_tensor(document, "outputs", OUTPUT)
    parameters = member(tensor, "parameters", simdjson.Object) if tensor else None
    if not parameters:
        return RequestedOutput(binary)
    own_binary = member(parameters, "binary_data", bool)
    classes = member(parameters, "classification", int) or 0
    if classes < 0:
        raise InvalidRequest("'classification' must be a number of classes, and not negative.")
    return RequestedOutput(binary if own_binary is None else own_binary, min(classes, CLASSES))


# --- the tensor ------------------------------------------------------------------------------------------------------


def decode_tensor(
    header: Header, json: JsonBody | None, blob: memoryview, max_pictures: int
) -> NDArray[Any] | list[bytes]:
    shape, datatype, data = header.shape, header.datatype, header.data
    if datatype == BYTES:
        count = count_pictures(shape, max_pictures)
        return split_elements(blob, count) if data is None else decode_strings(data, count)
    if json is None or data is None:
        return decode_binary(blob, shape, datatype)
    check_shape(shape)
    return decode_numbers(json.numbers(data, "data"), shape, datatype)


def decode_raw(blob: memoryview) -> NDArray[Any]:
    """Without JSON: images of bytes, (n, 784)."""
    if len(blob) % 784 and bytes(blob[:8]).startswith(FILE_STARTS):
        raise InvalidRequest(
            "The body is a file, and with Inference-Header-Content-Length: 0 it must be a tensor, of 784 bytes for "
            "each image: send pictures as they are to /predict or /read, here in a tensor of BYTES behind JSON."
        )
    return decode_binary(blob, (len(blob) // 784, 784), "UINT8")


def decode_binary(blob: memoryview, shape: tuple[int, ...], datatype: str) -> NDArray[Any]:
    check_shape(shape)
    dtype = DTYPES[datatype]
    if len(blob) != math.prod(shape) * dtype.itemsize:
        raise InvalidRequest(f"{len(blob)} bytes do not fit a tensor of {datatype} with the shape {list(shape)}.")
    return np.frombuffer(blob, dtype).reshape(shape)


def decode_numbers(data: NumberArray, shape: tuple[int, ...], datatype: str) -> NDArray[Any]:
    """`data` is flat, or nested like the shape."""
    if datatype == "FP16":
        raise InvalidRequest("FP16 has no form in JSON: send the tensor in binary, or as FP32.")
    if data.shape not in ((math.prod(shape),), shape):
        raise InvalidRequest(f"'data' has the shape {list(data.shape)}, which does not fit 'shape', {list(shape)}.")
    array = data.to_array().reshape(shape)
    if datatype.startswith("FP"):
        return array.astype(np.float64)  # a whole number is written without a fraction by some clients
    if array.dtype.kind != "u":
        raise InvalidRequest(f"A tensor of {datatype} must contain whole numbers, here from 0 to 255.")
    if datatype == "INT8" and array.max() > 127:
        raise InvalidRequest("A tensor of INT8 contains numbers up to 127: send it as UINT8.")
    return array


def count_pictures(shape: tuple[int, ...], max_pictures: int) -> int:
    if not shape or shape[1:] not in ((), (1,)) or shape[0] < 1:
        raise InvalidRequest(
            f"The shape {list(shape)} does not fit picture files: send [n] or [n, 1], with n at least 1."
        )
    if shape[0] > max_pictures:
        raise too_many_pictures(max_pictures)
    return shape[0]


def split_elements(blob: memoryview, count: int) -> list[bytes]:
    """BYTES in binary: before each element its length, four bytes in little-endian order."""
    elements: list[bytes] = []
    start = 0
    while len(elements) < count and start + 4 <= len(blob):
        end = start + 4 + int.from_bytes(blob[start : start + 4], "little")
        elements.append(bytes(blob[start + 4 : end]))
        start = end
    if len(elements) != count or start != len(blob):
        raise InvalidRequest("The lengths in the BYTES tensor do not add up to its 'shape' and 'binary_data_size'.")
    return elements


def decode_strings(data: Any, count: int) -> list[bytes]:
    """BYTES in JSON: strings in base64, or data URLs."""
    strings = [item[0] if isinstance(item, simdjson.Array) and len(item) == 1 else item for item in data]
    if len(strings) != count:
        raise InvalidRequest(f"'data' contains {len(strings)} pictures, but 'shape' says {count}.")
    return [decode_base64(string, index) for index, string in enumerate(strings)]
