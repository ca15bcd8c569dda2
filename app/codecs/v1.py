"""The JSON of V1 predict requests, read into images or picture files.

    {"instances": [instance, ...]}    the row format
    {"inputs": tensor}                the column format

An instance, and in the column format the whole, is a tensor of numbers or a picture file as {"b64": "..."}; either
may stand under the input's name: {"image": ...}.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import simdjson
from numpy.typing import NDArray

from app.arrays import Images
from app.codecs.bodies import decode_base64, too_many_pictures
from app.codecs.tensors import check_shape, nesting, numbers, parse, to_images
from app.errors import InvalidRequest
from app.inference.session import INPUT

SIGNATURE = "serving_default"
VALUES = 'a tensor of numbers or {"b64": "<picture file>"}'

Values = Images | list[bytes]  # images as they are, or picture files still to be prepared


def read(body: bytes, max_pictures: int) -> tuple[str, Values]:
    """What a request holds, and the key its answer goes under. Raises `InvalidRequest` or `TooManyPictures`."""
    if not body.strip():
        raise InvalidRequest("JSON Parse error: The document is empty")
    document = parse(body)
    if not isinstance(document, simdjson.Object):
        raise InvalidRequest("The request must be a JSON object with 'instances' or 'inputs'.")
    check_signature(document)
    in_rows, in_columns = "instances" in document, "inputs" in document
    if in_rows and in_columns:
        raise InvalidRequest(
            "Not formatted correctly expecting only one of 'inputs' or 'instances' keys to exist: send one of them."
        )
    if in_rows:
        return "predictions", read_rows(document["instances"], body, max_pictures)
    if in_columns:
        return "outputs", read_columns(document["inputs"], body, max_pictures)
    raise InvalidRequest("Missing 'inputs' or 'instances' key")


def check_signature(document: simdjson.Object) -> None:
    name = document.get("signature_name", SIGNATURE)
    if not isinstance(name, str):
        raise InvalidRequest("'signature_name' key must be a string value.")
    if name != SIGNATURE:
        raise InvalidRequest(f'Serving signature name: "{name[:80]}" not found in signature def')


def read_rows(instances: Any, body: bytes, max_pictures: int) -> Values:
    if not isinstance(instances, simdjson.Array):
        raise InvalidRequest("Expecting 'instances' to be an list/array")
    first = next(iter(instances), None)
    if first is None:
        raise InvalidRequest("No values in 'instances' array")
    if not isinstance(first, simdjson.Object):
        return tensor(instances, "instances", body)
    if INPUT not in first:
        return pictures(instances, max_pictures)
    named = (value_of(each, index) for index, each in enumerate(instances))
    if isinstance(first[INPUT], simdjson.Array):
        return to_images(stacked(named))
    return pictures(named, max_pictures)


def read_columns(inputs: Any, body: bytes, max_pictures: int) -> Values:
    key = "inputs"
    if isinstance(inputs, simdjson.Object) and INPUT in inputs:
        key, inputs = INPUT, value_of(inputs)
    if not isinstance(inputs, simdjson.Array):
        return pictures([inputs], max_pictures)
    if isinstance(next(iter(inputs), None), simdjson.Object):
        return pictures(inputs, max_pictures)
    return tensor(inputs, key, body)


def value_of(named: Any, index: int = 0) -> Any:
    """What stands under the input's name, and there is no other. Raises `InvalidRequest`."""
    if not isinstance(named, simdjson.Object) or list(named) != [INPUT]:
        raise InvalidRequest(f"Instance {index} must have the one key '{INPUT}', since that is the only input.")
    return named[INPUT]


def tensor(array: Any, key: str, body: bytes) -> Images:
    check_shape(nesting(array))  # before anything is done that takes time with millions of rows
    return to_images(numbers(array, key, body))


def stacked(tensors: Iterable[Any]) -> NDArray[Any]:
    """(...) each -> (n, ...). Raises `InvalidRequest`."""
    key = f'"{INPUT}":'.encode()
    rows = []
    for index, each in enumerate(tensors):
        if not isinstance(each, simdjson.Array):
            raise of_another_kind(index)
        check_shape((1, *nesting(each)))
        text: Any = each.mini  # bytes, though its stub says str
        rows.append(numbers(each, INPUT, key + text))
        if rows[index].shape != rows[0].shape:
            raise InvalidRequest(f"Instance {index} has another shape than those before it.")
    return np.stack(rows)


def pictures(values: Iterable[Any], max_pictures: int) -> list[bytes]:
    """Picture files from their {"b64": "..."}. Raises `InvalidRequest` or `TooManyPictures`."""
    files: list[bytes] = []
    for index, value in enumerate(values):
        if index == max_pictures:
            raise too_many_pictures(max_pictures)
        if not isinstance(value, simdjson.Object) or list(value) != ["b64"]:
            raise of_another_kind(index)
        files.append(decode_base64(value["b64"], index))
    return files


def of_another_kind(index: int) -> InvalidRequest:
    return InvalidRequest(f"Instance {index} is of another kind: send {VALUES}, the same for all.")
