"""JSON from clients: what it holds is bounded before anything of it is materialised.

    body -> few tokens ------------------------------------------> simdjson's document -> Python objects, on access
         -> many -> long arrays of numbers cut out -> what is left -> the same
                                                   -> numbers, piece by piece -> NumPy

simdjson's document takes up to 12 bytes for each byte of text: 16 MiB of `[],[],...` become 170 MB. What may be long in
a request is text, in a few strings, or numbers in arrays; so a body that has much else is refused.
"""

from __future__ import annotations

import math
import secrets
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple, ParamSpec, TypeVar

import numpy as np
import simdjson
from numpy.typing import NDArray

from app.errors import InvalidRequest
from app.preprocessing.pool import thread_pool

# Up to this size a body is parsed in the event loop: 64 images in 1 ms at most. A thread takes 0.1 ms more.
SMALL_BODY = 2**18  # bytes
MAX_TOKENS = 100_000  # commas, opening brackets and quotes, outside of long arrays of numbers
LONG_ARRAY = 256  # bytes of text from which on an array of numbers is cut out of a large body
PIECE = 2**18  # bytes of an array's text that are parsed at once
MAX_DIMENSIONS = 4

# Every character of JSON's numbers and between its tokens: without them an array of numbers is brackets and commas.
NUMBERS_AND_SPACE = b"0123456789.eE+- \t\r\n"
NUMERIC = NUMBERS_AND_SPACE + b"[],"
NUMERIC_OR_BAR = bytes(byte if byte in NUMERIC else ord("|") for byte in range(256))
WITHOUT_BRACKETS = bytes.maketrans(b"[]", b"  ")
CUT_OUT = secrets.token_hex(16)  # marks the place of a long array: no client knows it

P = ParamSpec("P")
T = TypeVar("T")


class JsonBody(NamedTuple):
    """A parsed body. In `root`, a long array of numbers is [its index in `long_arrays`, CUT_OUT]."""

    root: Any  # `simdjson.Object` or `simdjson.Array`, or a Python value
    text: bytes
    long_arrays: Sequence[slice] = ()  # of `text`

    def numbers(self, array: Any, key: str = "") -> NumberArray:
        """A `simdjson.Array` of numbers. `key`: the only one of this name, whose value it is, makes it faster."""
        if self.long_arrays and len(array) == 2 and array[1] == CUT_OUT:
            return LongArray(self.text, self.long_arrays[array[0]])
        return ShortArray(array, key, self.text if key else array.mini)


async def off_the_loop(size: int, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """What `work` returns: called here if it is about few bytes, else in a thread, beside the event loop.

    Raises `Overloaded`, and what `work` raises.
    """
    if size <= SMALL_BODY:
        return work(*args, **kwargs)
    return await thread_pool.run(work, *args, **kwargs)


# --- the document -----------------------------------------------------------------------------------------------------


def parse_json(body: bytes) -> JsonBody:
    """Raises `InvalidRequest`. NaN and Infinity, which JSON does not have, are refused, unlike in TensorFlow Serving.

    Takes long for large bodies: see `off_the_loop`.
    """
    if not body or body.isspace():
        raise InvalidRequest("JSON Parse error: The document is empty")
    if b"\0" in body[:4] or body.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise InvalidRequest("The JSON is in UTF-16 or UTF-32, as PowerShell's > writes it: send it in UTF-8.")
    if len(body) <= SMALL_BODY:
        return JsonBody(parse_small(body), body)
    if count_tokens(body) <= MAX_TOKENS:
        return JsonBody(parse_document(body), body)
    arrays = list(find_long_arrays(body))
    rest = cut_out(body, arrays)
    if count_tokens(rest) > MAX_TOKENS:
        raise too_many_values()
    return JsonBody(parse_document(rest), body, arrays)


def parse_small(body: bytes) -> Any:
    try:
        return _parser.parse(body)
    except (RuntimeError, ValueError):  # it is malformed, or a request in progress still holds the last document
        return parse_document(body)


_parser = simdjson.Parser()  # reused, for small bodies alone: it keeps its buffers, which cost half of the parsing


def parse_document(text: bytes) -> Any:
    """With a parser of its own. Raises `InvalidRequest` in TensorFlow Serving's words."""
    try:
        return simdjson.Parser().parse(text)
    except (RuntimeError, ValueError) as error:
        raise InvalidRequest(f"JSON Parse error: {str(error).split('  ')[0]}") from error


def too_many_values() -> InvalidRequest:
    return InvalidRequest(f"The JSON has more than {MAX_TOKENS:,} values that are no numbers of an image: send fewer.")


def count_tokens(text: bytes) -> int:
    return sum(map(text.count, (b",", b"[", b"{", b'"')))


# --- long arrays of numbers -------------------------------------------------------------------------------------------


def find_long_arrays(body: bytes) -> Iterator[slice]:
    """The text of each long array that holds nothing but numbers and such arrays, from the outermost bracket on.

    Raises `InvalidRequest` where there is so much else that the search would take long.
    """
    if body.count(b'"') > MAX_TOKENS:
        raise too_many_values()
    # RFC 8259, section 7: backslashes stand in strings alone. Without escaped quotes every other piece is a string.
    masked = body.replace(b"\\\\", b"__").replace(b'\\"', b"__") if b"\\" in body else body
    start = 0
    for index, piece in enumerate(masked.split(b'"')):
        if index % 2 == 0 and len(piece) >= LONG_ARRAY:
            yield from arrays_between_strings(piece, start)
        start += len(piece) + 1


def arrays_between_strings(text: bytes, start: int) -> Iterator[slice]:
    """`start` is the position of `text` in the body."""
    if len(text.translate(None, NUMERIC)) > MAX_TOKENS:
        raise too_many_values()
    for run in text.translate(NUMERIC_OR_BAR).split(b"|"):
        opening, end = run.find(b"["), run.rfind(b"]") + 1
        balanced = 0 <= opening < end and run.count(b"[", opening, end) == run.count(b"]", opening, end)
        if balanced and end - opening >= LONG_ARRAY:
            yield slice(start + opening, start + end)
        start += len(run) + 1


def cut_out(body: bytes, arrays: Sequence[slice]) -> bytes:
    """The body with a mark in the place of each array."""
    pieces: list[bytes | memoryview] = []
    view, position = memoryview(body), 0
    for index, array in enumerate(arrays):
        pieces += (view[position : array.start], f'[{index},"{CUT_OUT}"]'.encode())
        position = array.stop
    return b"".join((*pieces, view[position:]))


class NumberArray:
    """An array of numbers in JSON, at any depth of nesting."""

    shape: tuple[int, ...]  # by the first element of each level, before any number is parsed

    def to_array(self) -> NDArray[Any]:
        """In the shape of its nesting: unsigned integers if all numbers are written as whole ones, else float64.

        Raises `InvalidRequest` if it contains anything but numbers, or if its rows differ in length.
        """
        raise NotImplementedError


class LongArray(NumberArray):
    """Cut out of a large body."""

    def __init__(self, text: bytes, place: slice) -> None:
        """Raises `InvalidRequest` if it is empty, ragged or nested too deeply."""
        self.text = text
        self.place = place
        skeleton = text[place].translate(None, NUMBERS_AND_SPACE)
        self.shape = shape_of(skeleton)
        if math.prod(self.shape) != skeleton.count(b",") + 1 or skeleton != skeleton_of(self.shape):
            raise ragged()

    def to_array(self) -> NDArray[Any]:
        numbers = np.concatenate([parse_numbers(piece) for piece in self.pieces()])
        return numbers.reshape(self.shape)

    def pieces(self) -> Iterator[bytes]:
        """The text in pieces, cut at commas."""
        start, stop = self.place.start, self.place.stop
        while start < stop:
            comma = self.text.find(b",", start + PIECE, stop)
            end = comma if comma >= 0 else stop
            yield self.text[start:end]
            start = end + 1


def parse_numbers(text: bytes) -> NDArray[Any]:
    """The numbers between commas and brackets, in order, in a small type. Brackets become spaces, so that none join."""
    document = parse_document(b"[%b]" % text.translate(WITHOUT_BRACKETS))
    numbers = flat_numbers(document)
    return numbers.astype(np.min_scalar_type(numbers.max())) if numbers.dtype == np.uint64 else numbers


def shape_of(skeleton: bytes) -> tuple[int, ...]:
    """By the first element of each level: how many arrays end before two, three, ... end at once."""
    depth = len(skeleton) - len(skeleton.lstrip(b"["))
    if depth > MAX_DIMENSIONS:
        raise empty_or_deep()
    shape = [skeleton.count(b",", 0, skeleton.index(b"]")) + 1]
    for closing in range(1, depth):
        end = skeleton.find(b"]" * (closing + 1))
        shape.insert(0, skeleton.count(b"]" * closing, 0, end + closing))
    return tuple(shape)


def skeleton_of(shape: Sequence[int]) -> bytes:
    """An array of this shape without its numbers: brackets and commas."""
    row = b""
    for size in reversed(shape):
        row = b"[" + (row + b",") * (size - 1) + row + b"]"
    return row


def empty_or_deep() -> InvalidRequest:
    return InvalidRequest("An array is empty or nested too deeply: send numbers in one to four dimensions.")


def ragged() -> InvalidRequest:
    return InvalidRequest("The array is ragged or has empty rows: all its rows must have the same length.")


# --- arrays in simdjson's document ------------------------------------------------------------------------------------


class ShortArray(NumberArray):
    """Of a small body."""

    def __init__(self, array: Any, key: str, text: bytes) -> None:
        """Raises `InvalidRequest` if a level is empty or there are too many."""
        self.array = array
        self.key = key
        self.text = text
        self.shape = nested_shape(array)

    def to_array(self) -> NDArray[Any]:
        flat = flat_numbers(self.array)
        if flat.size == math.prod(self.shape) and has_shape(self.shape, self.key, self.text):
            return flat.reshape(self.shape)
        try:  # written unusually, or ragged: slower, and always right
            return np.array(self.array.as_list(), flat.dtype)
        except ValueError as error:
            raise ragged() from error


def nested_shape(array: Any) -> tuple[int, ...]:
    shape = []
    while isinstance(array, simdjson.Array):
        shape.append(len(array))
        if not shape[-1] or len(shape) > MAX_DIMENSIONS:
            raise empty_or_deep()
        array = array[0]
    return tuple(shape)


def flat_numbers(array: Any) -> NDArray[Any]:
    """All numbers in the array, at any depth, in order: uint64 if all are written as whole, else float64."""
    try:
        try:
            return np.frombuffer(array.as_buffer(of_type="u"), np.uint64)
        except (TypeError, ValueError):
            return np.frombuffer(array.as_buffer(of_type="d"), np.float64)
    except (TypeError, ValueError) as error:
        raise InvalidRequest("The array contains a value that is not a number.") from error


def has_shape(shape: tuple[int, ...], key: str, text: bytes) -> bool:
    """Whether exactly this shape is the value of `key`, or without a key the whole text.

    False may also mean that it is written unusually.
    """
    name = f'"{key}"'.encode() if key else b""
    if len(shape) > 1:
        value = (name + b":" if key else b"").translate(None, NUMBERS_AND_SPACE)
        return value + skeleton_of(shape) in text.translate(None, NUMBERS_AND_SPACE)
    opening = text.find(b"[", text.find(name))
    return text.find(b"[", opening + 1, text.find(b"]", opening)) < 0
