"""Tensors of numbers become the model's images, without cropping or inversion; and arrays of numbers in JSON."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import simdjson
from numpy.typing import NDArray

from app.arrays import Images
from app.errors import InvalidRequest

SHAPES = "[n, 28, 28], [n, 28, 28, 1], [n, 1, 28, 28] or [n, 784]"
IMAGE_SHAPES = {(28, 28), (28, 28, 1), (1, 28, 28), (784,)}

# Every character of JSON's numbers and between its tokens: without them an array of numbers is brackets and commas.
NUMBERS_AND_SPACE = b"0123456789.eE+- \t\r\n"


def to_images(tensor: NDArray[Any]) -> Images:
    """Integers or floats of a shape in `SHAPES` -> (n, 28, 28).

    From 0 (background) to 255 (ink), or to 1.0 if no value is greater than that. Raises `InvalidRequest`.
    """
    check_shape(tensor.shape)
    low, high = 0 if tensor.dtype.kind == "u" else tensor.min(), tensor.max()
    if not (low >= 0 and high <= 255):  # written so that NaN is refused too
        raise InvalidRequest("The numbers must be from 0 (background) to 255 (ink), or from 0 to 1.0, and not NaN.")
    images = tensor.reshape(len(tensor), 28, 28)
    if high <= 1:
        return np.rint(images * np.float64(255)).astype(np.uint8)
    whole = images if images.dtype.kind in "ui" else np.rint(images)
    return whole.astype(np.uint8, copy=False)


def check_shape(shape: Sequence[int]) -> None:
    """Raises `InvalidRequest` unless it is one of `SHAPES` with at least one image."""
    if tuple(shape[1:]) not in IMAGE_SHAPES or shape[0] < 1:
        raise InvalidRequest(f"The shape {list(shape)[:8]} does not fit images: send {SHAPES}, with n at least 1.")


def parse_json(body: bytes) -> Any:
    """The document, with `simdjson.Array` for arrays and `simdjson.Object` for objects.

    Raises `InvalidRequest`. NaN and Infinity, which JSON does not have, are refused, unlike in TensorFlow Serving.
    """
    try:
        return _parser.parse(body)
    except RuntimeError:  # a request in progress still holds the last document
        return parse_with_new_parser(body)
    except ValueError as error:
        raise json_error(error) from error


_parser = simdjson.Parser()  # reused: its buffers cost half as much as the parsing


def parse_with_new_parser(body: bytes) -> Any:
    try:
        return simdjson.Parser().parse(body)
    except (ValueError, RuntimeError) as error:
        raise json_error(error) from error


def json_error(error: Exception) -> InvalidRequest:
    """In TensorFlow Serving's words."""
    return InvalidRequest(f"JSON Parse error: {str(error).split('  ')[0]}")


def to_array(array: Any, key: str, body: bytes) -> NDArray[Any]:
    """The numbers of `array`, the value of `key` in the JSON text `body`, in the shape of its nesting.

    Raises `InvalidRequest` if it contains anything but numbers or if its rows differ in length.
    """
    shape = nested_shape(array)
    flat = flat_numbers(array)
    if flat.size == math.prod(shape) and has_shape(shape, key, body):
        return flat.reshape(shape)
    try:  # written unusually, or ragged: slower, and always right
        return np.array(array.as_list(), flat.dtype)
    except ValueError as error:
        raise InvalidRequest("The array is ragged: all its rows must have the same length.") from error


def nested_shape(array: Any) -> tuple[int, ...]:
    """The shape, by the first element of each level. Raises `InvalidRequest` if a level has none."""
    shape = []
    while isinstance(array, simdjson.Array):
        shape.append(len(array))
        if not shape[-1] or len(shape) > 4:
            raise InvalidRequest(f"An array is empty or nested too deeply: send {SHAPES}, with n at least 1.")
        array = array[0]
    return tuple(shape)


def flat_numbers(array: Any) -> NDArray[Any]:
    """All numbers in the array, at any depth, in order: uint64 if all are whole, else float64."""
    try:
        try:
            return np.frombuffer(array.as_buffer(of_type="u"), np.uint64)
        except (TypeError, ValueError):
            return np.frombuffer(array.as_buffer(of_type="d"), np.float64)
    except (TypeError, ValueError) as error:
        raise InvalidRequest("The array contains a value that is not a number.") from error


def has_shape(shape: tuple[int, ...], key: str, body: bytes) -> bool:
    """Whether exactly this shape is the value of `key`. False may also mean that it is written unusually."""
    if len(shape) > 1:
        return skeleton_of(key, shape) in skeleton(body)
    opening = body.find(b"[", body.find(f'"{key}"'.encode()))
    return body.find(b"[", opening + 1, body.find(b"]", opening)) < 0


def skeleton(text: bytes) -> bytes:
    """The text without numbers and white space."""
    return text.translate(None, NUMBERS_AND_SPACE)


def skeleton_of(key: str, shape: tuple[int, ...]) -> bytes:
    """The skeleton of an array of this shape as the value of this key."""
    row = b""
    for size in reversed(shape):
        row = b"[" + b",".join([row] * size) + b"]"
    return skeleton(f'"{key}":'.encode()) + row
