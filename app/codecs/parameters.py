"""Parameters in URLs: the query of /predict, /read and /explain, and versions in paths."""

from __future__ import annotations

import functools
from typing import NamedTuple
from urllib.parse import parse_qs

from app.errors import InvalidRequest

MODEL_PARAMETERS = [
    {
        "name": "model",
        "in": "query",
        "description": "A model's name; the default model if absent.",
        "schema": {"type": "string"},
    },
    {
        "name": "version",
        "in": "query",
        "description": "A served version; the newest if absent.",
        "schema": {"type": "integer"},
    },
]
RETURN_IMAGE = {
    "name": "return_image",
    "in": "query",
    "description": "Whether to add the 28 x 28 image the model saw.",
    "schema": {"type": "boolean", "default": False},
}
DIGIT = {
    "name": "digit",
    "in": "query",
    "description": "The digit to explain; the predicted one if absent.",
    "schema": {"type": "integer", "minimum": 0, "maximum": 9},
}

BOOLEANS = {"true": True, "1": True, "yes": True, "on": True, "false": False, "0": False, "no": False, "off": False}
DIGITS = {str(digit): digit for digit in range(10)}
MAX_CACHED_QUERY = 100  # bytes: a thousand of them are kept in memory


class QueryParameters(NamedTuple):
    model: str | None = None  # None: the default model
    version: int | None = None  # None: the newest
    return_image: bool = False
    digit: int | None = None  # to explain; None: the predicted one


def parse_query(query: bytes) -> QueryParameters:
    """Ignores parameters it does not know. Raises `InvalidRequest`."""
    try:
        values = {name: found[-1] for name, found in parse_qs(query.decode(), keep_blank_values=True).items()}
    except ValueError as error:
        raise InvalidRequest("The query cannot be parsed: write it as name=value&name=value.") from error
    version = parse_version(values["version"]) if "version" in values else None
    if version is None and "version" in values:
        raise InvalidRequest("The parameter 'version' must be a whole number of at most 9 digits.")
    return_image = values.get("return_image", "false").lower()
    if return_image not in BOOLEANS:
        raise InvalidRequest("The parameter 'return_image' must be true or false.")
    if values.get("digit", "0") not in DIGITS:
        raise InvalidRequest("The parameter 'digit' must be a whole number from 0 to 9.")
    return QueryParameters(
        values.get("model"), version, BOOLEANS[return_image], DIGITS[values["digit"]] if "digit" in values else None
    )


parse_query_cached = functools.lru_cache(maxsize=1024)(parse_query)  # clients repeat their query in every request


def parse_version(text: str, max_digits: int = 9) -> int | None:
    """None if the text is not a whole number of at most `max_digits` digits."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= max_digits else None
