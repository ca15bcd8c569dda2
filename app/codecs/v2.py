"""Requests and answers of the Open Inference Protocol (V2): JSON, and the binary tensors that may follow it.

Sources: the protocol's inference_rest.md, and for what follows the JSON and for classes Triton's
extension_binary_data.md and extension_classification.md.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from typing import Any, NamedTuple, TypeVar

import numpy as np
import orjson
import simdjson
from numpy.typing import NDArray

from app.arrays import Probabilities
from app.codecs.bodies import decode_base64, too_many_pictures
from app.codecs.tensors import check_shape, numbers, parse
from app.errors import InvalidRequest
from app.http.endpoint import RawResponse
from app.inference.session import INPUT, OUTPUT

HEADER_LENGTH = b"inference-header-content-length"
OCTETS = b"application/octet-stream"
CLASSES = 10

BYTES = "BYTES"  # picture files
NUMBERS = {
    **{f"UINT{bits}": np.dtype(f"<u{bits // 8}") for bits in (8, 16, 32, 64)},
    **{f"INT{bits}": np.dtype(f"<i{bits // 8}") for bits in (8, 16, 32, 64)},
    **{f"FP{bits}": np.dtype(f"<f{bits // 8}") for bits in (16, 32, 64)},
}


class Output(NamedTuple):
    """How the probabilities are wanted."""

    binary: bool = False
    classes: int = 0  # only the best so many, each as "probability:index:label"; 0: all, as numbers


class Inference(NamedTuple):
    """What a request asks."""

    id: str | None
    tensor: NDArray[Any] | list[bytes]  # numbers, or picture files
    output: Output


# --- the request -----------------------------------------------------------------------------------------------------


def read(body: bytes, header_length: bytes | None, max_pictures: int) -> Inference:
    """The request of a body whose first `header_length` bytes are JSON, all of it if None.

    Numbers in binary are not copied. Raises `InvalidRequest` or `TooManyPictures`.
    """
    if header_length is None:
        return read_document(body, memoryview(b""), max_pictures)
    length = int(header_length) if header_length.isdigit() and len(header_length) < 12 else -1
    if not 0 <= length <= len(body):
        raise InvalidRequest(
            f"Inference-Header-Content-Length must be the length of the JSON, at most that of the body ({len(body)})."
        )
    if length == 0:
        return Inference(None, raw_images(body), Output(binary=True))
    return read_document(body[:length], memoryview(body)[length:], max_pictures)


def raw_images(body: bytes) -> NDArray[np.uint8]:
    if not body or len(body) % 784:
        raise InvalidRequest(f"A raw tensor is 784 bytes for each image, 0 (paper) to 255 (ink); not {len(body)}.")
    return np.frombuffer(body, np.uint8).reshape(-1, 784)


class Described(NamedTuple):
    """What the JSON of a request says."""

    id: str | None
    shape: tuple[int, ...]
    datatype: str
    data: Any  # a `simdjson.Array`; None if the tensor follows the JSON
    output: Output


def read_document(text: bytes, blob: memoryview, max_pictures: int) -> Inference:
    repeated = blob and len(text) <= 1024
    described = describe_again(text, len(blob)) if repeated else describe(text, len(blob))
    return Inference(described.id, read_tensor(described, text, blob, max_pictures), described.output)


def describe(text: bytes, blob_size: int) -> Described:
    document = parse(text)
    if not isinstance(document, simdjson.Object):
        raise InvalidRequest('The request must be a JSON object: {"inputs": [...]}.')
    given = only(document, "inputs", INPUT)
    if given is None:
        raise InvalidRequest(f"The request has no inputs: send one, named {INPUT!r}.")
    datatype = member(given, "datatype", str)
    if datatype not in NUMBERS and datatype != BYTES:
        raise InvalidRequest(f"The datatype must be one of {', '.join(NUMBERS)}, or BYTES for picture files.")
    return Described(
        member(document, "id", str), read_shape(given), datatype, find_data(given, blob_size), read_output(document)
    )


# Clients that send binary tensors send the same JSON before each, and reading it takes longer than the tensor.
describe_again = functools.lru_cache(maxsize=256)(describe)


T = TypeVar("T")
KINDS: dict[type, str] = {
    str: "a string",
    int: "a whole number",
    bool: "true or false",
    simdjson.Object: "an object",
    simdjson.Array: "an array",
}


def member(of: Any, key: str, kind: type[T]) -> T | None:
    """What an object has under the key, None if nothing. Raises `InvalidRequest` if it is of another kind."""
    value = of.get(key)
    if value is None or type(value) is kind:
        return value
    raise InvalidRequest(f"{key!r} must be {KINDS[kind]}.")


def only(document: Any, key: str, name: str) -> Any | None:
    """The one tensor listed under `inputs` or `outputs`, None if none is. Raises `InvalidRequest`."""
    listed = member(document, key, simdjson.Array)
    if not listed:
        return None
    if len(listed) > 1:
        raise InvalidRequest(f"The model has one of the {key}, {name!r}: {len(listed)} are listed.")
    tensor: Any = listed[0]
    if not isinstance(tensor, simdjson.Object) or member(tensor, "name", str) != name:
        raise InvalidRequest(f"What is listed under {key!r} must be an object whose 'name' is {name!r}.")
    return tensor


def find_data(given: Any, blob_size: int) -> Any:
    """An input's elements in JSON, None if they are the bytes that follow it."""
    parameters = member(given, "parameters", simdjson.Object)
    size = member(parameters, "binary_data_size", int) if parameters else None
    if size is None and blob_size:
        raise InvalidRequest(f"{blob_size} bytes follow the JSON, but its input has no 'binary_data_size'.")
    if size is not None and size != blob_size:
        raise InvalidRequest(
            f"'binary_data_size' is {size}, but {blob_size} bytes follow the JSON. Where it ends the header "
            "Inference-Header-Content-Length must say."
        )
    data = member(given, "data", simdjson.Array)
    if (data is None) == (size is None):
        raise InvalidRequest("The input must have either 'data' or 'binary_data_size' among its parameters.")
    return data


def read_shape(given: Any) -> tuple[int, ...]:
    listed = member(given, "shape", simdjson.Array)
    shape: Any = tuple(listed) if listed is not None and len(listed) <= 4 else (None,)
    if not all(type(size) is int for size in shape):
        raise InvalidRequest("The input must have a 'shape' of at most four whole numbers.")
    return shape  # type: ignore[no-any-return]  # checked in the line above


def read_tensor(described: Described, text: bytes, blob: memoryview, max_pictures: int) -> NDArray[Any] | list[bytes]:
    _, shape, datatype, data, _ = described
    if datatype == BYTES:
        count = count_pictures(shape, max_pictures)
        return read_elements(blob, count) if data is None else read_strings(data, count)
    check_shape(shape)
    return read_binary(blob, shape, datatype) if data is None else read_numbers(data, shape, datatype, text)


def read_binary(blob: memoryview, shape: tuple[int, ...], datatype: str) -> NDArray[Any]:
    dtype = NUMBERS[datatype]
    if len(blob) != math.prod(shape) * dtype.itemsize:
        raise InvalidRequest(f"{len(blob)} bytes are not a tensor of {datatype} and the shape {list(shape)}.")
    return np.frombuffer(blob, dtype).reshape(shape)


def read_numbers(data: Any, shape: tuple[int, ...], datatype: str, text: bytes) -> NDArray[Any]:
    """`data` is flat or nested as the shape says."""
    if datatype == "FP16":
        raise InvalidRequest("FP16 has no form in JSON: send the tensor in binary, or as FP32.")
    array = numbers(data, "data", text)
    if array.shape not in ((math.prod(shape),), shape):
        raise InvalidRequest(f"'data' has the shape {list(array.shape)}, which does not fit 'shape', {list(shape)}.")
    if datatype[:2] != "FP" and array.dtype != np.uint64:
        raise InvalidRequest(f"A tensor of {datatype} must hold whole numbers, here from 0 to 255.")
    if datatype == "INT8" and array.max() > 127:
        raise InvalidRequest("A tensor of INT8 holds numbers up to 127: send UINT8.")
    return array.reshape(shape)


def count_pictures(shape: tuple[int, ...], max_pictures: int) -> int:
    if not shape or shape[1:] not in ((), (1,)) or shape[0] < 1:
        raise InvalidRequest(f"The shape {list(shape)} is not that of picture files: send [n] or [n, 1], n at least 1.")
    if shape[0] > max_pictures:
        raise too_many_pictures(max_pictures)
    return shape[0]


def read_elements(blob: memoryview, count: int) -> list[bytes]:
    """Each is its length, four bytes with the least significant first, and then itself."""
    elements: list[bytes] = []
    start = 0
    while len(elements) < count and start + 4 <= len(blob):
        end = start + 4 + int.from_bytes(blob[start : start + 4], "little")
        elements.append(bytes(blob[start + 4 : end]))
        start = end
    if len(elements) != count or start != len(blob):
        raise InvalidRequest("The lengths within the BYTES tensor do not add up to its shape and 'binary_data_size'.")
    return elements


def read_strings(data: Any, count: int) -> list[bytes]:
    """JSON holds no bytes, so each is a string in base64 or a data URL."""
    strings = [each[0] if isinstance(each, simdjson.Array) and len(each) == 1 else each for each in data]
    if len(strings) != count:
        raise InvalidRequest(f"'data' holds {len(strings)} pictures, but 'shape' says {count}.")
    return [decode_base64(each, index) for index, each in enumerate(strings)]


def read_output(document: Any) -> Output:
    parameters = member(document, "parameters", simdjson.Object)
    binary = bool(parameters and member(parameters, "binary_data_output", bool))
    given = only(document, "outputs", OUTPUT)
    parameters = member(given, "parameters", simdjson.Object) if given else None
    if not parameters:
        return Output(binary)
    own = member(parameters, "binary_data", bool)
    classes = member(parameters, "classification", int) or 0
    if classes < 0:
        raise InvalidRequest("'classification' must be a number of classes.")
    return Output(binary if own is None else own, min(classes, CLASSES))


# --- the answer ------------------------------------------------------------------------------------------------------


def encode(
    name: str, version: int, labels: Sequence[str], inference: Inference, probabilities: Probabilities
) -> RawResponse:
    tensor: dict[str, Any] = {"name": OUTPUT, "datatype": "FP32", "shape": probabilities.shape}
    document: dict[str, Any] = {"model_name": name, "model_version": str(version), "outputs": [tensor]}
    if inference.id is not None:
        document["id"] = inference.id
    best: list[str] = []
    if inference.output.classes:
        best = classes(probabilities, inference.output.classes, labels)
        tensor |= {"datatype": BYTES, "shape": (len(probabilities), inference.output.classes)}
    if not inference.output.binary:
        tensor["data"] = best or probabilities.ravel()
        return RawResponse(orjson.dumps(document, option=orjson.OPT_SERIALIZE_NUMPY))
    blob = write_elements(best) if best else probabilities.tobytes()
    tensor["parameters"] = {"binary_data_size": len(blob)}
    header = orjson.dumps(document)
    return RawResponse(header + blob, OCTETS, [(HEADER_LENGTH, b"%d" % len(header))])


def classes(probabilities: Probabilities, count: int, labels: Sequence[str]) -> list[str]:
    """Of each row the `count` greatest, the greatest first."""
    order = np.argsort(-probabilities, axis=1, kind="stable")[:, :count]
    return [
        f"{row[index]:f}:{index}:{labels[index]}"
        for row, indices in zip(probabilities.tolist(), order.tolist(), strict=True)
        for index in indices
    ]


def write_elements(strings: Sequence[str]) -> bytes:
    return b"".join(len(each.encode()).to_bytes(4, "little") + each.encode() for each in strings)
