"""JSON from clients: what it holds is bounded before anything of it is materialised.

    body -> few tokens ------------------------------------------> simdjson's document -> Python objects, on access
         -> many -> long arrays of numbers cut out -> what is left -> the same
                                                   -> numbers, piece by piece -> NumPy

simdjson's document takes up to 12 bytes for each byte of text: 16 MiB of `[],[],...` become 170 MB. What may be long in
a request is text, in a few strings, or numbers in arrays; so a body that has much else is refused.
"""

from __future__ import annotations

import itertools
import math
import secrets
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import simdjson
from numpy.typing import NDArray

from app.errors import InvalidRequest
from app.formats.signatures import FILE_STARTS, identify
from app.http.large_bodies import PIECE, SMALL_BODY, count, pieces, translate
from app.json_encoding import utf8_json
from app.observability.request_context import check_deadline

MAX_TOKENS = 100_000  # commas, opening brackets and quotes, outside of long arrays of numbers
LONG_ARRAY = 256  # bytes of text from which on an array of numbers is cut out of a large body
MAX_DIMENSIONS = 4

# Every character of JSON's numbers and between its tokens: without them an array of numbers is brackets and commas.
NUMBERS_AND_SPACE = b"0123456789.eE+- \t\r\n"
NUMERIC = NUMBERS_AND_SPACE + b"[],"
NUMERIC_OR_BAR = bytes(byte if byte in NUMERIC else ord("|") for byte in range(256))
BEHIND_JSON = b"\0 \t\r\n"  # that means nothing: programs in C send the zero at the end of their strings too
JSON_STARTS = (b"{", b"[", b'"')
MALFORMED = "it is cut off, or a comma, colon, quote, brace or bracket is missing or superfluous"
REASONS = {
    "UNCLOSED_STRING": "a string has no closing quote",
    "UNESCAPED_CHARS": "a string has a line break or another control character that is not escaped",
    "STRING_ERROR": "a string has a backslash that escapes nothing",
    "NUMBER_ERROR": "a number is malformed or too large",
    "BIGINT_ERROR": "a whole number has more than 64 bits",
    "DEPTH_ERROR": "it is nested too deeply",
}
WITHOUT_BRACKETS = bytes.maketrans(b"[]", b"  ")
CUT_OUT = secrets.token_hex(16)  # marks the place of a long array: no client knows it


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


# --- the document -----------------------------------------------------------------------------------------------------


def parse_json(body: bytes) -> JsonBody:
    """Raises `InvalidRequest`. NaN and Infinity, which JSON does not have, are refused, unlike in TensorFlow Serving.

    Takes long for large bodies: see `off_the_loop`.
    """
    body = body.rstrip(BEHIND_JSON)
    if not body:
        raise InvalidRequest("JSON Parse error: The document is empty")
    if body.startswith(FILE_STARTS):
        raise InvalidRequest(
            "The body is a file, not JSON: send pictures as they are to /predict or /read, here in base64 inside JSON."
        )
    try:
        body = utf8_json(body)
    except ValueError as error:
        raise InvalidRequest(f"The JSON is {error}.") from error
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
    """With a parser of its own. Raises `InvalidRequest`, which begins as TensorFlow Serving's does."""
    try:
        return simdjson.Parser().parse(text)
    except (RuntimeError, ValueError) as error:
        raise InvalidRequest(f"JSON Parse error: {reason_of(error, text)}.") from error


def reason_of(error: Exception, text: bytes) -> str:
    """Why it is no JSON, in words; simdjson's begin with the name of a constant."""
    if isinstance(error, UnicodeDecodeError):
        return "it is not text in UTF-8"
    if not text.lstrip().startswith(JSON_STARTS):
        name, _ = identify(text) or ("something else", "")
        return f"the body is {name}, and must be JSON, which begins with {{ or ["
    name = str(error).partition(":")[0]
    return REASONS.get(name, "a word other than true, false and null" if name.endswith("_ATOM_ERROR") else MALFORMED)


def too_many_values() -> InvalidRequest:
    return InvalidRequest(f"The JSON has more than {MAX_TOKENS:,} values that are no numbers of an image: send fewer.")


def count_tokens(text: bytes) -> int:
    return sum(count(text, token) for token in (b",", b"[", b"{", b'"'))


# --- long arrays of numbers -------------------------------------------------------------------------------------------


def find_long_arrays(body: bytes) -> Iterator[slice]:
    """The text of each long array that holds nothing but numbers and such arrays, from the outermost bracket on.

    Raises `InvalidRequest` where there is so much else that the search would take long.
    """
    if count(body, b'"') > MAX_TOKENS:
        raise too_many_values()
    for index, run in enumerate(find_numeric_text(body)):
        if index == MAX_TOKENS:
            raise too_many_values()
        array = slice(body.find(b"[", run.start, run.stop), body.rfind(b"]", run.start, run.stop) + 1)
        is_long = array.start >= 0 and array.stop - array.start >= LONG_ARRAY
        if is_long and count(body, b"[", array) == count(body, b"]", array):
            yield array


def find_numeric_text(body: bytes) -> Iterator[slice]:
    """All text outside of strings, split at every character that an array of numbers does not have."""
    # RFC 8259, section 7: backslashes stand in strings alone. Without escaped quotes, quotes are the ends of strings.
    masked = body.replace(b"\\\\", b"__").replace(b'\\"', b"__") if b"\\" in body else body
    start = 0
    while start < len(body):
        quote = masked.find(b'"', start)
        end = quote if quote >= 0 else len(body)
        for other in itertools.chain(find_not_numeric(body, slice(start, end)), (end,)):
            yield slice(start, other)
            start = other + 1
        closing = masked.find(b'"', start)
        start = closing + 1 if closing >= 0 else len(body)


def find_not_numeric(body: bytes, place: slice) -> Iterator[int]:
    """The positions of these characters."""
    for start, stop in pieces(body, place):
        marked = body[start:stop].translate(NUMERIC_OR_BAR)
        position = marked.find(b"|")
        while position >= 0:
            yield start + position
            position = marked.find(b"|", position + 1)


def cut_out(body: bytes, arrays: Sequence[slice]) -> bytes:
    """The body with a mark in the place of each array."""
    pieces: list[bytes | memoryview] = []
    view, position = memoryview(body), 0
    for index, array in enumerate(arrays):
        pieces += (view[position : array.start], f'[{index},"{CUT_OUT}"]'.encode())
        position = array.stop
    return b"".join((*pieces, view[position:]))


class LongArray:
    """An array of numbers, at any depth of nesting, that was cut out of a large body.

    `shape` is known before any number is parsed.
    """

    def __init__(self, text: bytes, place: slice) -> None:
        """Raises `InvalidRequest` if it is empty, ragged or nested too deeply."""
        self.text = text
        self.place = place
        skeleton = translate(text, None, NUMBERS_AND_SPACE, place)
        self.shape = shape_of(skeleton)
        if math.prod(self.shape) != count(skeleton, b",") + 1 or skeleton != skeleton_of(self.shape):
            raise ragged()

    def to_array(self) -> NDArray[Any]:
        """In its shape: unsigned integers if all numbers are written as whole ones, else float64.

        Raises `InvalidRequest` if it contains anything but numbers.
        """
        return np.concatenate([parse_numbers(piece) for piece in self.cut_at_commas()]).reshape(self.shape)

    def cut_at_commas(self) -> Iterator[bytes]:
        start, stop = self.place.start, self.place.stop
        while start < stop:
            check_deadline()
            comma = self.text.find(b",", start + PIECE, stop)
            end = comma if comma >= 0 else stop
            yield self.text[start:end]
            start = end + 1


def parse_numbers(text: bytes) -> NDArray[Any]:
    """The numbers between commas and brackets, in order, in a small type. Brackets become spaces, so that none join."""
    document = parse_document(b"[%b]" % text.translate(WITHOUT_BRACKETS))
    numbers = flat_numbers(document)
    if not numbers.size:
        raise ragged()
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


class ShortArray:
    """An array of numbers in a small body. `shape` is by the first element of each level."""

    def __init__(self, array: Any, key: str, text: bytes) -> None:
        """Raises `InvalidRequest` if a level is empty or there are too many."""
        self.array = array
        self.key = key
        self.text = text
        self.shape = nested_shape(array)

    def to_array(self) -> NDArray[Any]:
        """As `LongArray.to_array`. Raises `InvalidRequest` for rows of different lengths too."""
        flat = flat_numbers(self.array)
        if flat.size == math.prod(self.shape) and has_shape(self.shape, self.key, self.text):
            return flat.reshape(self.shape)
        try:  # written unusually, or ragged: slower, and always right
            return np.array(self.array.as_list(), flat.dtype)
        except ValueError as error:
            raise ragged() from error


NumberArray = LongArray | ShortArray


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
