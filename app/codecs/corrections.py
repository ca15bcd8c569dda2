"""Corrections in bytes: a form or JSON with a picture, the right digits, and what had been read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any, NamedTuple

import simdjson
from pydantic import Field, ValidationError, field_validator

from app.codecs.bodies import Limits, files_of_form, files_of_json, is_json, single
from app.codecs.form import media_type, parse_multipart
from app.codecs.json_body import parse_json
from app.corrections.cut import Region
from app.corrections.record import Correction, refuse_bool
from app.errors import InvalidRequest
from app.segmentation.constraints.constraints import message_of

WAY = "send a form (curl -F picture=@digit.png -F digits=7), or JSON with image and digits"


MAX_COORDINATE = 2**31


class PlacedCorrection(Correction):
    """A correction of a picture, or of a region of it."""

    region: Region | None = Field(
        None,
        description="The part of the picture that was misread: left, top, width and height in pixels, as the boxes of "
        "/read; the whole picture if absent.",
    )

    @field_validator("region", mode="before")
    @classmethod
    def _split(cls, value: Any) -> Any:
        values = value.split(",") if isinstance(value, str) else value
        if isinstance(values, list) and len(values) != len(Region._fields):
            raise ValueError("give four whole numbers")
        return [refuse_bool(value) for value in values] if isinstance(values, list) else values

    @field_validator("region")
    @classmethod
    def _check_size(cls, region: Region | None) -> Region | None:
        if region and max(map(abs, region)) > MAX_COORDINATE:
            raise ValueError("no picture is so large")
        if region and min(region.width, region.height) < 1:
            raise ValueError("the width and the height must be at least 1")
        return region


class CorrectionJson(PlacedCorrection):
    """The JSON form of a correction."""

    image: str = Field(description="The picture file, in base64 or as a data URL.")


class ReceivedCorrection(NamedTuple):
    picture: bytes
    correction: PlacedCorrection


FORM = {
    "type": "object",
    "title": "CorrectionForm",
    "required": ["picture", "digits"],
    "properties": {"picture": {"type": "string", "format": "binary"}}
    | {
        # An empty field is absent. Without a default /docs would send a made-up text.
        name: {"type": "string", "description": field.description, "default": ""}
        for name, field in PlacedCorrection.model_fields.items()
    },
}
CORRECTION_BODY = {
    "required": True,
    "description": "A picture with its right digits; in a form, region is left,top,width,height.",
    "content": {
        "multipart/form-data": {"schema": FORM},
        "application/json": {"schema": CorrectionJson.model_json_schema()},
    },
}


def parse_correction(content_type: bytes, body: bytes, limits: Limits) -> ReceivedCorrection:
    """Raises `InvalidRequest` or `TooManyPictures`."""
    if media_type(content_type).startswith(b"multipart/"):
        return of_form(content_type, body, limits)
    if is_json(content_type, body):
        return of_json(body, limits)
    raise InvalidRequest(f"The body is no correction: {WAY}.")


def of_form(content_type: bytes, body: bytes, limits: Limits) -> ReceivedCorrection:
    fields, pictures = {}, []
    for part in parse_multipart(content_type, body):
        name = part.name.decode(errors="replace")
        if name in fields:
            raise InvalidRequest(f"The field {name!r} is given twice: {WAY}.")
        if name in PlacedCorrection.model_fields:
            fields[name] = part.content.decode(errors="replace").strip()
        else:
            pictures.append(part)
    return ReceivedCorrection(single(files_of_form(pictures, limits)), validate(fields))


def of_json(body: bytes, limits: Limits) -> ReceivedCorrection:
    picture = single(files_of_json(body, limits))
    document = parse_json(body).root
    if not isinstance(document, simdjson.Object):
        raise InvalidRequest(f"The JSON is no correction: {WAY}.")
    for name, count in Counter(document.keys()).items():
        if count > 1:
            raise InvalidRequest(f"The field {name!r} is given twice: {WAY}.")
    values = {name: document.get(name) for name in PlacedCorrection.model_fields}
    return ReceivedCorrection(picture, validate({name: plain(value) for name, value in values.items()}))


def plain(value: Any) -> Any:
    return value.as_list() if isinstance(value, simdjson.Array) else value


def validate(values: Mapping[str, Any]) -> PlacedCorrection:
    """Fields that nobody filled in are absent. Raises `InvalidRequest`, which names the field."""
    given = {name: value for name, value in values.items() if value is not None and value != ""}
    try:
        return PlacedCorrection.model_validate(given)
    except ValidationError as error:
        first = error.errors()[0]
        name = str(first["loc"][0])
        description = PlacedCorrection.model_fields[name].description
        raise InvalidRequest(f"The field {name!r}: {message_of(first)}. {description}") from error
