"""Request bodies with pictures: a file, its base64 or data URL, a form of any of them, or JSON.

body -+- multipart form, urlencoded form -> the parts that are pictures
      +- JSON                            -> "images", "image", or one string
      +- anything else                   -> one picture
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, NamedTuple

import simdjson
from pydantic import BaseModel, Field

from app.codecs.form import FormPart, media_type, parse_multipart, parse_urlencoded, percent_decode
from app.codecs.json_body import parse_json
from app.errors import InvalidRequest, TooManyPictures
from app.formats.heif import is_heif
from app.formats.signatures import FILE_STARTS
from app.http.endpoint import RawRequest
from app.http.large_bodies import off_the_loop, pieces, translate
from app.json_encoding import BYTE_ORDER_MARK
from app.segmentation.fields.template import Template


@dataclass(frozen=True)
class Limits:
    max_pictures: int  # in one request
    max_pixels: int  # of one picture
    max_pages: int  # of one document


Names = Collection[str]  # of parameters in the query
File = bytes | InvalidRequest  # a picture file, or why its text cannot be decoded


class Pictures(BaseModel):
    """The JSON form of a request."""

    images: list[str] = Field(description="Picture files, each in base64 or as a data URL.", min_length=1)


class PagePicture(Pictures):
    """The JSON form of a request to read a page."""

    images: list[str] = Field(description="The picture or document, in base64 or as a data URL.", max_length=1)
    template: Template | None = Field(None, description="The fields of a form.")


PICTURE_TYPES = ("image/png", "image/jpeg", "image/webp", "image/bmp", "image/gif", "image/tiff", "image/heic")
BINARY = {"schema": {"type": "string", "format": "binary"}}
TEMPLATE_NAME = "template"  # of a part of a form, or of a member in JSON


def form_of(title: str, properties: dict[str, Any]) -> dict[str, Any]:
    """The schema of a form. Its files may have any names; with these, /docs and client generators offer them."""
    return {"schema": {"type": "object", "title": title, "properties": properties}}


def picture_body(form: dict[str, Any], json: type[BaseModel] = Pictures) -> dict[str, Any]:
    return {
        "required": True,
        "description": "The bytes of one picture file; or files as multipart/form-data; or base64 in JSON.",
        "content": {
            **dict.fromkeys((*PICTURE_TYPES, "application/octet-stream"), BINARY),  # the last from generated clients
            "multipart/form-data": form,
            "application/json": {"schema": json.model_json_schema()},
        },
    }


PICTURES_BODY = picture_body(form_of("PicturesForm", {"images": {"type": "array", "items": BINARY["schema"]}}))
PICTURE_BODY = picture_body(form_of("PictureForm", {"picture": BINARY["schema"]}))
TEMPLATE = {
    "type": "string",
    "description": "The fields of a form, in JSON: its text, or a file.",
    "contentMediaType": "application/json",
    "contentSchema": Template.model_json_schema(),
}
PAGE_FORM = form_of("PageForm", {"picture": BINARY["schema"], "template": TEMPLATE})
PAGE_BODY = picture_body(PAGE_FORM, PagePicture) | {
    "description": "The bytes of a picture or document; base64 in JSON, or multipart/form-data, maybe with a template.",
}
PAGE_BODY["content"]["application/pdf"] = BINARY

JSON_STARTS = (b"{", b'"', b"\xff\xfe{", b"\xfe\xff\0{")  # the last two in UTF-16, which is refused
JSON_TYPES = (b"application/json", b"text/json")
WAY_IN_JSON = 'send {"images": ["<picture file in base64, or a data URL>", ...]}, with at least one image'
A_STRING = "Each picture must be a string: a picture file in base64, or a data URL"
WAY_IN_FORM = "send each picture as a file (curl -F file=@digit.png), or as the base64 of one"

URLENCODED = re.compile(rb"[\w.%+*\[\]-]+=")  # the name of a first field
DATA_URL = re.compile(rb"(?i)data:([^,]{0,200}),")  # RFC 2397
URL_ALPHABET = bytes.maketrans(b"-_", b"+/")  # RFC 4648, section 5
LINE_WIDTHS = (64, 76)  # of base64 in PEM and in MIME


def is_picture(request: RawRequest[object]) -> bool:
    """Whether the body is one picture file, whatever its Content-Type says."""
    return request.body.startswith(FILE_STARTS)


class PageBody(NamedTuple):
    """The body of a request to read a page."""

    picture: bytes
    template: bytes | None  # the part `template` of a multipart form, or that member of the JSON


async def parse_pictures(request: RawRequest[object], limits: Limits, parameters: Names = ()) -> list[bytes]:
    """The picture files of a request, whatever holds them.

    `parameters`: what the route takes in its query alone. Raises `InvalidRequest` or `TooManyPictures`.
    """
    return pictures_of(await parse_files(request, limits, parameters))


async def parse_single_picture(request: RawRequest[object], limits: Limits, parameters: Names = ()) -> bytes:
    """As `parse_pictures`, for routes that take one picture."""
    return single(await parse_files(request, limits, parameters))


async def parse_page(request: RawRequest[object], limits: Limits, parameters: Names = ()) -> PageBody:
    """As `parse_single_picture`, and the template of a form's fields, if there is one."""
    return await off_the_loop(len(request.body), find_page, request, limits, parameters)


def find_page(request: RawRequest[object], limits: Limits, parameters: Names) -> PageBody:
    content_type = request.headers.get(b"content-type", b"")
    others = [name for name in parameters if name != TEMPLATE_NAME]
    if is_picture(request):
        return PageBody(request.body, None)
    if media_type(content_type).startswith(b"multipart/"):
        return page_of_form(parse_multipart(content_type, request.body), limits, others)
    if is_json(content_type, request.body):
        return page_of_json(request.body, limits, others)
    return PageBody(single(find_files(request, limits, parameters)), None)


def page_of_form(parts: list[FormPart], limits: Limits, parameters: Names) -> PageBody:
    name = TEMPLATE_NAME.encode()
    templates = [part.content for part in parts if part.name == name and part.content]  # empty: not filled in
    if len(templates) > 1:
        raise InvalidRequest("The form has several parts named template: send one.")
    files = files_of_form([part for part in parts if part.name != name], limits, parameters)
    return PageBody(single(files), templates[0] if templates else None)


def page_of_json(body: bytes, limits: Limits, parameters: Names) -> PageBody:
    """The template may be an object, or its text as in a form."""
    document = parse_json(body).root
    picture = single(files_of_document(document, limits, parameters))
    template = document.get(TEMPLATE_NAME) if isinstance(document, simdjson.Object) else None
    if template is None or template == "":
        return PageBody(picture, None)
    if isinstance(template, simdjson.Object):
        return PageBody(picture, template.mini)  # type: ignore[arg-type]  # its stub says str
    if not isinstance(template, str):
        raise InvalidRequest("The member 'template' must be an object, or its text; a kept one stands in the query.")
    return PageBody(picture, template.encode())


def pictures_of(files: list[File]) -> list[bytes]:
    """Raises the error of the first file that has one."""
    for file in files:
        if isinstance(file, InvalidRequest):
            raise file
    return [file for file in files if isinstance(file, bytes)]


def single(files: list[File]) -> bytes:
    pictures = pictures_of(files)
    if len(pictures) > 1:
        raise TooManyPictures("This route takes one picture per request: send the others in requests of their own.")
    return pictures[0]


async def parse_files(request: RawRequest[object], limits: Limits, parameters: Names = ()) -> list[File]:
    """As `parse_pictures`, with the error of each picture that cannot be decoded in its place."""
    return await off_the_loop(len(request.body), find_files, request, limits, parameters)


def find_files(request: RawRequest[object], limits: Limits, parameters: Names) -> list[File]:
    body, content_type = request.body, request.headers.get(b"content-type", b"")
    kind = media_type(content_type)
    if is_picture(request):
        return [body]
    if kind.startswith(b"multipart/"):
        return files_of_form(parse_multipart(content_type, body), limits, parameters)
    if is_json(content_type, body):
        return files_of_json(body, limits, parameters)
    file = unwrap(body)
    if kind == b"application/x-www-form-urlencoded" and file is body and URLENCODED.match(body):
        return files_of_form(parse_urlencoded(body), limits, parameters)
    return [file]


def misplaced(name: str) -> InvalidRequest:
    """Of a field or a member: ignored, it would not do what the client expects."""
    return InvalidRequest(f"The parameter {name!r} stands in the body: send it in the query, as ?{name}=...")


# --- forms ------------------------------------------------------------------------------------------------------------


def files_of_form(parts: list[FormPart], limits: Limits, parameters: Names = ()) -> list[File]:
    """Raises `InvalidRequest` if no part is a picture, or `TooManyPictures`."""
    pictures = []
    for part in parts:
        if is_picture_part(part):
            pictures.append(part.content)
        elif part.content and (name := part.name.decode(errors="replace")) in parameters:  # empty: not filled in
            raise misplaced(name)
    if not pictures:
        raise InvalidRequest(f"The form contains no picture: {WAY_IN_FORM}.")
    if len(pictures) > limits.max_pictures:
        raise too_many_pictures(limits.max_pictures)
    return [unwrap(content, index) for index, content in enumerate(pictures)]


def is_picture_part(part: FormPart) -> bool:
    """A file, bytes that are no text, or the text of a picture. All else is a field with some other meaning."""
    if not part.content:  # a form's file input with nothing chosen has an empty name
        return bool(part.file_name)
    if part.file_name is not None or part.media_type.startswith((b"image/", b"application/octet-stream")):
        return True
    return not is_text(part.content) or is_data_url(part.content) or is_base64_picture(part.content)


def is_text(content: bytes) -> bool:
    try:
        content.decode()
    except UnicodeDecodeError:
        return False
    return b"\0" not in content


# --- JSON -------------------------------------------------------------------------------------------------------------


def is_json(content_type: bytes, body: bytes) -> bool:
    """By its type, or because it begins as an object: `curl -d` sends JSON with a form's type."""
    kind = media_type(content_type)
    start = start_of_text(body)
    return kind in JSON_TYPES or kind.endswith(b"+json") or start.startswith(JSON_STARTS)


def files_of_json(body: bytes, limits: Limits, parameters: Names = ()) -> list[File]:
    """Of `{"images": [...]}`, `{"image": "..."}` or one string. Raises `InvalidRequest` or `TooManyPictures`."""
    return files_of_document(parse_json(body).root, limits, parameters)


def files_of_document(document: Any, limits: Limits, parameters: Names) -> list[File]:
    for name in parameters if isinstance(document, simdjson.Object) else ():
        if document.get(name) is not None:
            raise misplaced(name)
    texts = images_of(document) if isinstance(document, simdjson.Object) else document
    if isinstance(texts, str):
        return [decode(texts, 0)]
    if isinstance(texts, simdjson.Object):  # as JavaScript writes a Uint8Array
        raise not_a_string(0)
    if not isinstance(document, simdjson.Object) or not isinstance(texts, simdjson.Array) or not len(texts):
        raise InvalidRequest(f"The JSON must hold pictures: {WAY_IN_JSON}.")
    if len(texts) > limits.max_pictures:
        first: Any = texts[0]
        raise too_many_pictures(limits.max_pictures) if isinstance(first, str) else not_a_string(0)
    return [decode(text, index) if isinstance(text, str) else not_a_string(index) for index, text in enumerate(texts)]


def images_of(document: Any) -> Any:
    """A member that is null is absent."""
    images, image = document.get("images"), document.get("image")
    if images is not None and image is not None:
        raise InvalidRequest("The JSON has both 'images' and 'image': send one of them.")
    return image if images is None else images


def not_a_string(index: int) -> InvalidRequest:
    """For the bytes of a file, or the pixels of an image, as numbers."""
    return InvalidRequest(f"{A_STRING}. Numbers of images go to /v1, /v2 or /invocations.", picture=index)


# --- base64 and data URLs ---------------------------------------------------------------------------------------------


def unwrap(content: bytes, index: int = 0) -> File:
    """A picture file that was sent as the text of a data URL or in base64; everything else as it is."""
    if content.startswith(FILE_STARTS) or not (is_data_url(content) or is_base64_picture(content)):
        return content
    return decode(content.removeprefix(BYTE_ORDER_MARK).decode("latin-1"), index)


def is_data_url(content: bytes) -> bool:
    return start_of_text(content)[:5].lower() == b"data:"


def start_of_text(content: bytes) -> bytes:
    return content[:64].removeprefix(BYTE_ORDER_MARK).lstrip()


def is_base64_picture(content: bytes) -> bool:
    """Whether the text begins with the base64 of a picture's signature."""
    start = start_of_text(content)[:16].translate(URL_ALPHABET)
    try:
        decoded = binascii.a2b_base64(start[: len(start) // 4 * 4], strict_mode=True)
    except binascii.Error:
        return False
    # Any text may begin as a bitmap's two letters do. The four bytes after a bitmap's size are 0.
    return is_heif(decoded) or (decoded.startswith(FILE_STARTS) and (decoded[:2] != b"BM" or decoded[6:10] == bytes(4)))


def decode(text: str, index: int) -> File:
    """As `decode_base64`, with its error in place of a picture that cannot be decoded."""
    try:
        return decode_base64(text, index)
    except InvalidRequest as error:
        return error


def decode_base64(text: object, index: int) -> bytes:
    """Base64 in any of its alphabets, padded or not, or a data URL. `index`: of the picture in its request.

    Raises `InvalidRequest`.
    """
    if not isinstance(text, str):
        raise InvalidRequest(f"{A_STRING}.", picture=index)
    try:
        encoded = text.strip().encode("ascii")
        if url := DATA_URL.match(encoded):
            encoded = percent_decode(encoded[url.end() :])
            if not url[1].strip().lower().endswith(b";base64"):
                return encoded
        return decode_pieces(normalize_base64(encoded))
    except (binascii.Error, ValueError) as error:
        raise InvalidRequest(
            "The picture is not valid base64: send the whole file in base64, or a data URL.", picture=index
        ) from error


def normalize_base64(encoded: bytes) -> bytes:
    """RFC 4648, section 4, without line breaks and with its padding."""
    encoded = translate(encoded, URL_ALPHABET, b"\r\n\t\v\f")
    if b" " in encoded:  # a line break, or a plus sign that a form's decoder replaced
        encoded = encoded.replace(b" ", b"" if is_wrapped(encoded) else b"+")
    encoded = encoded.rstrip(b"=")
    return encoded + b"=" * (-len(encoded) % 4)


def decode_pieces(encoded: bytes) -> bytes:
    """Raises `binascii.Error`, for padding before the end too."""
    if 0 <= encoded.find(b"=") < len(encoded) - 2:
        raise binascii.Error
    return b"".join([binascii.a2b_base64(encoded[start:stop], strict_mode=True) for start, stop in pieces(encoded)])


def is_wrapped(encoded: bytes) -> bool:
    """Whether there is a space after each line of one of the usual widths, and nowhere else."""
    spaces = encoded.count(b" ")
    ends = (encoded[width :: width + 1] for width in LINE_WIDTHS)
    return any(len(line_ends) == line_ends.count(b" ") == spaces for line_ends in ends)


def too_many_pictures(max_pictures: int) -> TooManyPictures:
    return TooManyPictures(f"One request may contain at most {max_pictures} pictures: send the rest in another.")
