"""The bodies of our own API: picture files as raw bytes, in a form, or in JSON."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import dataclass

import orjson
from pydantic import BaseModel, Field
from starlette.datastructures import Headers, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser

from app.errors import InvalidRequest, TooManyPictures
from app.http.endpoint import RawRequest
from app.preprocessing.pool import from_base64, too_many


@dataclass(frozen=True)
class Limits:
    max_pictures: int
    max_pixels: int


class Pictures(BaseModel):
    """The JSON form of a request."""

    images: list[str] = Field(description="Each a picture file as base64, or as a data URL.", min_length=1)


PICTURE_TYPES = ("image/png", "image/jpeg", "image/webp", "image/bmp", "image/gif", "image/tiff")
BINARY = {"schema": {"type": "string", "format": "binary"}}
FILES = {"schema": {"type": "object", "additionalProperties": {"type": "string", "format": "binary"}}}
REQUEST_BODY = {
    "required": True,
    "description": "The bytes of one picture; or files as multipart/form-data; or base64 in JSON.",
    "content": {
        **dict.fromkeys(PICTURE_TYPES, BINARY),
        "application/octet-stream": BINARY,  # as generated clients send bytes
        "multipart/form-data": FILES,
        "application/json": {"schema": Pictures.model_json_schema()},
    },
}


def is_picture(call: RawRequest[object]) -> bool:
    """Whether the body is one picture file. No such begins with a brace, so curl's `-d '{...}'` needs no type."""
    content_type = call.headers.get(b"content-type", b"")
    return not content_type.startswith((b"multipart/form-data", b"application/json")) and (
        call.body[:64].lstrip()[:1] != b"{"
    )


async def read_pictures(call: RawRequest[object], limits: Limits) -> list[bytes]:
    """The picture files of a request, whatever form they were sent in."""
    if is_picture(call):
        return [call.body]
    if call.headers.get(b"content-type", b"").startswith(b"multipart/form-data"):
        return await read_form(call, limits)
    return read_json(call.body, limits)


async def read_picture(call: RawRequest[object], limits: Limits) -> bytes:
    """The one picture file of a request."""
    pictures = await read_pictures(call, limits)
    if len(pictures) > 1:
        raise TooManyPictures("This address takes one picture at a time: send the others in requests of their own.")
    return pictures[0]


class InMemoryParser(MultiPartParser):
    """Never spools to disk: pictures are not stored, and the body's own limit bounds the memory."""

    spool_max_size = 2**31


async def read_form(call: RawRequest[object], limits: Limits) -> list[bytes]:
    async def body() -> AsyncGenerator[bytes]:
        yield call.body

    try:
        form = await InMemoryParser(
            Headers(raw=list(call.headers.items())), body(), max_files=limits.max_pictures
        ).parse()
    except MultiPartException as error:
        if error.message.startswith("Too many files"):
            raise too_many(limits.max_pictures) from error
        raise InvalidRequest(f"The form cannot be read: {error.message}") from error
    except (LookupError, ValueError) as error:  # what its parser raises on headers that make no sense
        raise InvalidRequest("The form cannot be read: its parts are malformed.") from error
    try:
        pictures = [await value.read() for _, value in form.multi_items() if isinstance(value, UploadFile)]
    finally:
        await form.close()
    if not pictures:
        raise InvalidRequest("The form holds no file: send each picture as a file (curl -F file=@digit.png).")
    return pictures


def read_json(body: bytes, limits: Limits) -> list[bytes]:
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise InvalidRequest(f"The body is not valid JSON: {error}.") from error
    texts = document.get("images") if isinstance(document, dict) else None
    if not isinstance(texts, list) or not texts:
        raise InvalidRequest('The JSON must be {"images": ["<base64 or data URL>", ...]} with at least one image.')
    if len(texts) > limits.max_pictures:
        raise too_many(limits.max_pictures)
    return [from_base64(text, index) for index, text in enumerate(texts)]
