"""Request bodies with pictures: one raw file, files in a form, or base64 in JSON."""

from __future__ import annotations

import base64
import binascii
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Any

import orjson
from pydantic import BaseModel, Field
from starlette.datastructures import Headers, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser

from app.errors import InvalidRequest, TooManyPictures
from app.http.endpoint import RawRequest


@dataclass(frozen=True)
class Limits:
    max_pictures: int  # in one request
    max_pixels: int  # of one picture


class Pictures(BaseModel):
    """The JSON form of a request."""

    images: list[str] = Field(description="Picture files, each in base64 or as a data URL.", min_length=1)


PICTURE_TYPES = ("image/png", "image/jpeg", "image/webp", "image/bmp", "image/gif", "image/tiff")
BINARY = {"schema": {"type": "string", "format": "binary"}}
FILES = {"schema": {"type": "object", "additionalProperties": {"type": "string", "format": "binary"}}}
REQUEST_BODY = {
    "required": True,
    "description": "The bytes of one picture file; or files as multipart/form-data; or base64 in JSON.",
    "content": {
        **dict.fromkeys(PICTURE_TYPES, BINARY),
        "application/octet-stream": BINARY,  # as generated clients send bytes
        "multipart/form-data": FILES,
        "application/json": {"schema": Pictures.model_json_schema()},
    },
}


def is_picture(request: RawRequest[object]) -> bool:
    """Whether the body is one picture file, whatever its Content-Type says of other kinds of files."""
    content_type = request.headers.get(b"content-type", b"")
    return not content_type.startswith((b"multipart/form-data", b"application/json")) and (
        request.body[:64].lstrip()[:1] != b"{"  # JSON, which `curl -d` sends with a form's type
    )


async def parse_pictures(request: RawRequest[object], limits: Limits) -> list[bytes]:
    """The picture files of a request, in each of the three forms. Raises `InvalidRequest` or `TooManyPictures`."""
    if is_picture(request):
        return [request.body]
    if request.headers.get(b"content-type", b"").startswith(b"multipart/form-data"):
        return await parse_form(request, limits)
    return parse_images(request.body, limits)


async def parse_single_picture(request: RawRequest[object], limits: Limits) -> bytes:
    """As `parse_pictures`, for routes that take one picture."""
    pictures = await parse_pictures(request, limits)
    if len(pictures) > 1:
        raise TooManyPictures("This route takes one picture per request: send the others in requests of their own.")
    return pictures[0]


class InMemoryParser(MultiPartParser):
    """Never spools to disk: pictures are not stored, and the limit of the body bounds the memory."""

    spool_max_size = 2**31  # bytes


async def parse_form(request: RawRequest[object], limits: Limits) -> list[bytes]:
    async def body() -> AsyncGenerator[bytes]:
        yield request.body

    headers = Headers(raw=list(request.headers.items()))
    try:
        form = await InMemoryParser(headers, body(), max_files=limits.max_pictures).parse()
    except MultiPartException as error:
        if error.message.startswith("Too many files"):
            raise too_many_pictures(limits.max_pictures) from error
        raise InvalidRequest(f"The form cannot be parsed: {error.message}") from error
    except (LookupError, ValueError) as error:  # the parser raises them for headers of parts that make no sense
        raise InvalidRequest("The form cannot be parsed: its parts are malformed.") from error
    try:
        pictures = [await value.read() for _, value in form.multi_items() if isinstance(value, UploadFile)]
    finally:
        await form.close()
    if not pictures:
        raise InvalidRequest("The form contains no file: send each picture as a file (curl -F file=@digit.png).")
    return pictures


def parse_images(body: bytes, limits: Limits) -> list[bytes]:
    """The picture files of `{"images": [...]}`."""
    document = parse_json(body)
    texts = document.get("images") if isinstance(document, dict) else None
    if not isinstance(texts, list) or not texts:
        raise InvalidRequest('The JSON must be {"images": ["<base64 or data URL>", ...]} with at least one image.')
    if len(texts) > limits.max_pictures:
        raise too_many_pictures(limits.max_pictures)
    return [decode_base64(text, index) for index, text in enumerate(texts)]


def parse_json(body: bytes) -> Any:
    """Raises `InvalidRequest`."""
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise InvalidRequest(f"The body is not valid JSON: {error}.") from error


def decode_base64(text: object, index: int) -> bytes:
    """Plain base64, or a data URL. `index`: of the picture in its request. Raises `InvalidRequest`."""
    if not isinstance(text, str):
        raise InvalidRequest("Each picture must be a string: a picture file in base64, or a data URL.", picture=index)
    encoded = text.partition(",")[2] if text.startswith("data:") else text
    try:
        return base64.b64decode("".join(encoded.split()), validate=True)  # the command base64 breaks its lines
    except (binascii.Error, ValueError) as error:
        raise InvalidRequest("The picture is not valid base64.", picture=index) from error


def too_many_pictures(max_pictures: int) -> TooManyPictures:
    return TooManyPictures(f"One request may contain at most {max_pictures} pictures: send the rest in another.")
