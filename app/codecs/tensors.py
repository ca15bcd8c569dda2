"""Tensors of numbers become the images the model reads: taken as they are, with no cropping and no inversion."""

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

# Everything in JSON's numbers and between its tokens: without it an array of numbers is brackets and commas alone.
NUMBERS_AND_SPACE = b"0123456789.eE+- \t\r\n"


def to_images(numbers: NDArray[Any]) -> Images:
    """Integers or floats of a shape in `SHAPES` -> (n, 28, 28).

    They go from 0 (paper) to 255 (ink), or to 1.0 where no value is greater than that. Raises `InvalidRequest`.
    """
    check_shape(numbers.shape)
    low, high = 0 if numbers.dtype.kind == "u" else numbers.min(), numbers.max()
    if not (low >= 0 and high <= 255):  # so written that NaN is refused too
        raise InvalidRequest("The numbers must be from 0 (paper) to 255 or 1.0 (ink), and none of them NaN.")
    images = numbers.reshape(len(numbers), 28, 28)
    if high <= 1:
        return np.rint(images * np.float64(255)).astype(np.uint8)
    whole = images if images.dtype.kind in "ui" else np.rint(images)
    return whole.astype(np.uint8, copy=False)


def check_shape(shape: Sequence[int]) -> None:
    """Raises `InvalidRequest` unless it is one of `SHAPES` with at least one image."""
    if tuple(shape[1:]) not in IMAGE_SHAPES or shape[0] < 1:
        raise InvalidRequest(f"The shape {list(shape)[:8]} is not that of images: send {SHAPES}, n at least 1.")


def parse(body: bytes) -> Any:
    """JSON -> its document, whose arrays are `simdjson.Array` and whose objects are `simdjson.Object`.

    Raises `InvalidRequest`. Numbers beyond JSON's (NaN, Infinity) are refused, unlike in TensorFlow Serving.
    """
    try:
        return _parser.parse(body)
    except RuntimeError:  # what it gave last is still in use, by a request that is not through
        return parse_anew(body)
    except ValueError as error:
        raise not_json(error) from error


_parser = simdjson.Parser()  # used again and again: its buffers cost half as much as the parsing


def parse_anew(body: bytes) -> Any:
    try:
        return simdjson.Parser().parse(body)
    except (ValueError, RuntimeError) as error:
        raise not_json(error) from error


def not_json(error: Exception) -> InvalidRequest:
    return InvalidRequest(f"JSON Parse error: {str(error).split('  ')[0]}")


def numbers(array: Any, key: str, body: bytes) -> NDArray[Any]:
    """The numbers of `array`, which stands under `key` in the JSON text `body`, in the shape of its nesting.

    Raises `InvalidRequest` if it holds anything but numbers or if its rows differ in length.
    """
    shape = nesting(array)
    flat = flat_numbers(array)
    if flat.size == math.prod(shape) and is_written_as(shape, key, body):
        return flat.reshape(shape)
    try:  # written in some other way, or ragged: slower, and right about it
        return np.array(array.as_list(), flat.dtype)
    except ValueError as error:
        raise InvalidRequest("The array is ragged: all its rows must have the same length.") from error


def nesting(array: Any) -> tuple[int, ...]:
    """The shape, going by the first element of each level. Raises `InvalidRequest` where there is none."""
    shape = []
    while isinstance(array, simdjson.Array):
        shape.append(len(array))
        if not shape[-1] or len(shape) > 4:
            raise InvalidRequest(f"An array is empty or nested too deeply: send {SHAPES}, n at least 1.")
        array = array[0]
    return tuple(shape)


def flat_numbers(array: Any) -> NDArray[Any]:
    """All numbers in the array, at any depth, in order; whole numbers as uint64, others as float64."""
    try:
        try:
            return np.frombuffer(array.as_buffer(of_type="u"), np.uint64)
        except (TypeError, ValueError):
            return np.frombuffer(array.as_buffer(of_type="d"), np.float64)
    except (TypeError, ValueError) as error:
        raise InvalidRequest("The array holds something that is no number.") from error


def is_written_as(shape: tuple[int, ...], key: str, body: bytes) -> bool:
    """Whether an array of just this shape stands under `key`. False may also mean that it is written unusually."""
    if len(shape) > 1:
        return skeleton_of(key, shape) in skeleton(body)
    opening = body.find(b"[", body.find(f'"{key}"'.encode()))
    return body.find(b"[", opening + 1, body.find(b"]", opening)) < 0


def skeleton(text: bytes) -> bytes:
    """The text without numbers and white space."""
    return text.translate(None, NUMBERS_AND_SPACE)


def skeleton_of(key: str, shape: tuple[int, ...]) -> bytes:
    """What `skeleton` makes of an array of this shape under this key."""
    row = b""
    for size in reversed(shape):
        row = b"[" + b",".join([row] * size) + b"]"
    return skeleton(f'"{key}":'.encode()) + row
