"""Parameters in URLs and headers: of /predict, /read and /explain, and of numbers and binary tensors."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, TypeVar, get_args
from urllib.parse import parse_qs

from pydantic import ValidationError

from app.codecs.tensors import SCALE_RULE, Scale, parse_scale
from app.documents.page_numbers import PageNumbers, parse_page_numbers
from app.errors import InvalidRequest
from app.segmentation.constraints.constraints import MAX_DIGITS, Check, Constraints, message_of

T = TypeVar("T")
Parameters = Sequence[Mapping[str, Any]]  # as OpenAPI describes them

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
        "description": "A served version, by its number or one of its labels; the newest if absent.",
        "schema": {"anyOf": [{"type": "integer", "minimum": 1}, {"type": "string"}]},
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

SCALE = {
    "name": "scale",
    "in": "query",
    "description": f"What numbers are from 0 to: unit, 1, or byte, 255. {SCALE_RULE}",
    "schema": {"type": "string", "enum": ["unit", "byte"]},
}
JSON_LENGTH_PARAMETER = {
    "name": "Inference-Header-Content-Length",
    "in": "header",
    "description": "For a body with a binary tensor: the length of its JSON in bytes. 0: no JSON, only the tensor.",
    "schema": {"type": "integer"},
}
ON_ERROR = {
    "name": "on_error",
    "in": "query",
    "description": "What one bad picture of several does: fail refuses the request, each stands in its own place.",
    "schema": {"type": "string", "enum": ["fail", "each"], "default": "fail"},
}

MAX_ALTERNATIVES = 20
ALTERNATIVES = {
    "name": "alternatives",
    "in": "query",
    "description": "How many of a line's likeliest readings to list.",
    "schema": {"type": "integer", "minimum": 1, "maximum": MAX_ALTERNATIVES, "default": 1},
}
CONSTRAINT_SCHEMAS = Constraints.model_json_schema()["properties"]
CONSTRAINT_PARAMETERS = [
    {
        "name": name,
        "in": "query",
        "description": f"What every line must satisfy. {CONSTRAINT_SCHEMAS[name]['description']}{addition}",
        "schema": schema,
    }
    for name, addition, schema in (
        ("length", "", {"type": "integer", "minimum": 1, "maximum": MAX_DIGITS}),
        ("pattern", " A plus sign is written %2B.", {"type": "string"}),
        ("values", " Separated by commas; texts with a comma need a pattern.", {"type": "string"}),
        ("check", "", {"type": "string", "enum": list(get_args(Check))}),
    )
]
TEMPLATE = {
    "name": "template",
    "in": "query",
    "description": "A template that the operator keeps (DIGITS_TEMPLATES), by its name: its fields are read too.",
    "schema": {"type": "string"},
}
PAGES = {
    "name": "pages",
    "in": "query",
    "description": "Which pages of a PDF or TIFF document to read, such as 2-5, 1,4-6 or 2-; all if absent.",
    "schema": {"type": "string"},
}


def names_of(parameters: Parameters) -> tuple[str, ...]:
    return tuple(parameter["name"] for parameter in parameters)


BOOLEANS = {"true": True, "1": True, "yes": True, "on": True, "false": False, "0": False, "no": False, "off": False}
NO_CONSTRAINTS = Constraints()
COUNTS = {str(count): count for count in range(1, MAX_ALTERNATIVES + 1)}
DIGITS = {str(digit): digit for digit in range(10)}
ERROR_MODES = {"fail": False, "each": True}
MAX_CACHED_QUERY = 100  # bytes: a thousand of them are kept in memory


class QueryParameters(NamedTuple):
    model: str | None = None  # None: the default model
    version: str | None = None  # a number or a label; None: the newest
    return_image: bool = False
    digit: int | None = None  # to explain; None: the predicted one
    scale: Scale | None = None  # of numbers; None: see `SCALE_RULE`
    each: bool = False  # whether a bad picture leaves the others of its request alone
    alternatives: int = 1  # readings of a line to list
    constraints: Constraints = NO_CONSTRAINTS  # on each line
    template: str | None = None  # one that the operator keeps
    pages: PageNumbers | None = None  # of a document; None: all


def parse_query(query: bytes) -> QueryParameters:
    """Ignores parameters it does not know; one that is empty is absent. Raises `InvalidRequest`."""
    try:
        values = {name: found[-1] for name, found in parse_qs(query.decode()).items()}
    except ValueError as error:
        raise InvalidRequest("The query cannot be parsed: write it as name=value&name=value.") from error
    return QueryParameters(
        values.get("model"),
        values.get("version"),
        choice(values, "return_image", BOOLEANS, "true or false") or False,
        choice(values, "digit", DIGITS, "a whole number from 0 to 9"),
        parse_scale(values.get("scale")),
        choice(values, "on_error", ERROR_MODES, "fail or each") or False,
        choice(values, "alternatives", COUNTS, f"a whole number from 1 to {MAX_ALTERNATIVES}") or 1,
        parse_constraints(values),
        values.get("template"),
        parse_page_numbers(values["pages"]) if "pages" in values else None,
    )


def parse_constraints(values: Mapping[str, str]) -> Constraints:
    """Raises `InvalidRequest`, which names the parameter."""
    given: dict[str, object] = {name: values[name] for name in CONSTRAINT_SCHEMAS if name in values}
    if not given:
        return NO_CONSTRAINTS
    if "values" in given:
        given["values"] = values["values"].split(",")
    try:
        return Constraints.model_validate(given)
    except ValidationError as error:
        first = error.errors()[0]
        raise InvalidRequest(f"The parameter {first['loc'][0]!r}: {message_of(first)}.") from error


def choice(values: Mapping[str, str], name: str, choices: Mapping[str, T], described: str) -> T | None:
    """What a parameter stands for; None if it is absent. Raises `InvalidRequest`."""
    value = values.get(name)
    if value is None:
        return None
    if value.lower() not in choices:
        raise InvalidRequest(f"The parameter {name!r} must be {described}.")
    return choices[value.lower()]


parse_query_cached = functools.lru_cache(maxsize=1024)(parse_query)  # clients repeat their query in every request


def scale_of(query: bytes) -> Scale | None:
    """The parameter `scale` of protocols that have no other parameter in their queries. Raises `InvalidRequest`."""
    return parse_query(query).scale if query else None
