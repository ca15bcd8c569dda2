"""Forms: multipart/form-data, application/x-www-form-urlencoded, and the media types that announce them.

Parts are found here because python-multipart refuses what RFC 2046 allows and clients send: text before the first
boundary, spaces behind one, folded headers, and line breaks without carriage returns.

Sources: RFC 9110, 8.3.1 (media types); RFC 2046, 5.1 (multipart); RFC 7578 (form-data); RFC 8187 (filename*).
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterator
from typing import NamedTuple
from urllib.parse import unquote_to_bytes

from app.errors import InvalidRequest
from app.http.large_bodies import PIECE
from app.observability.request_context import check_deadline

MAX_PARTS = 1000
MAX_HEAD = 2**14  # bytes of a part's headers
BOUNDARY_END = re.compile(rb"(--)?[ \t]*(?:\r?\n|\Z)")
BOUNDARY = re.compile(rb'(?i);\s*boundary\s*=\s*(?:"([^"]+)"|([^";\s]+))')
PARAMETER = re.compile(rb';\s*([\w*]+)\s*=\s*(?:"((?:[^"\\]|\\.)*+)"?|([^";]*))')  # of a header: quoted, or a token
FOLD = re.compile(rb"\r?\n[ \t]+")
HEAD_END = re.compile(rb"\r?\n\r?\n")


class FormPart(NamedTuple):
    """What is left of it."""

    content: bytes
    file_name: bytes | None = None  # None: the part has none
    media_type: bytes = b"text/plain"
    name: bytes = b""  # of the field


def media_type(content_type: bytes) -> bytes:
    """The value of a Content-Type header without its parameters, in lower case."""
    return content_type.partition(b";")[0].strip().lower()


# --- multipart --------------------------------------------------------------------------------------------------------


def parse_multipart(content_type: bytes, body: bytes) -> list[FormPart]:
    """The parts of a form in order. Raises `InvalidRequest`."""
    return [parse_part(part) for part in split_parts(body, boundary_of(content_type))]


def boundary_of(content_type: bytes) -> bytes:
    found = BOUNDARY.search(content_type)
    if not found:
        raise InvalidRequest(
            "The Content-Type has no boundary: let your HTTP library set this header itself, since it chooses the "
            "boundary that separates the form's parts."
        )
    return found[1] or found[2]


def split_parts(body: bytes, boundary: bytes) -> list[bytes]:
    """Each part with its headers. The text before the first boundary and after the last one is dropped."""
    parts: list[bytes] = []
    start: int | None = None  # of the current part
    for begin, end, closing in find_boundaries(body, b"--" + boundary):
        if start is not None:
            parts.append(without_line_break(body[start:begin]))
        start = end
        if closing:
            return parts
    if start is None:
        raise InvalidRequest("The form cannot be parsed: the boundary in its Content-Type does not occur in the body.")
    if body[start:].strip():
        raise InvalidRequest("The form cannot be parsed: it is cut off before its last boundary. Send it again.")
    return parts


def find_boundaries(body: bytes, delimiter: bytes) -> Iterator[tuple[int, int, bool]]:
    """Where the line of each boundary begins and ends, and whether it is the last. Raises `InvalidRequest`."""
    if body.count(delimiter) > MAX_PARTS + 1:
        raise InvalidRequest(f"The form has more than {MAX_PARTS:,} parts: send fewer in one request.")
    position = body.find(delimiter)
    while position >= 0:
        found = BOUNDARY_END.match(body, position + len(delimiter))
        if found and (position == 0 or body[position - 1] == ord("\n")):
            yield position, found.end(), bool(found[1])
        position = body.find(delimiter, position + 1)


def without_line_break(part: bytes) -> bytes:
    """The line break before a boundary belongs to the boundary."""
    return part.removesuffix(b"\n").removesuffix(b"\r")


def parse_part(part: bytes) -> FormPart:
    if part.startswith((b"\r\n", b"\n")):  # no headers
        return FormPart(part.partition(b"\n")[2])
    found = HEAD_END.search(part, 0, MAX_HEAD)
    if not found:
        raise InvalidRequest("The form cannot be parsed: no empty line ends the headers of a part.")
    headers = parse_headers(part[: found.start()])
    content = decode_transfer_encoding(part[found.end() :], headers.get(b"content-transfer-encoding", b""))
    disposition = parameters(headers.get(b"content-disposition", b""))
    file_name = next((value for name, value in disposition.items() if name.startswith(b"filename")), None)
    content_type = headers.get(b"content-type", b"text/plain")  # RFC 7578, 4.4: the default
    return FormPart(content, file_name, media_type(content_type), disposition.get(b"name", b""))


def parameters(header: bytes) -> dict[bytes, bytes]:
    """The parameters of a header's value, names in lower case. Escapes in quoted values are left as they are."""
    return {found[1].lower(): found[2] or found[3] or b"" for found in PARAMETER.finditer(header)}


def parse_headers(head: bytes) -> dict[bytes, bytes]:
    """Names in lower case; of a folded header the lines are joined."""
    headers = {}
    for line in FOLD.sub(b" ", head).splitlines():
        name, colon, value = line.partition(b":")
        if not colon:
            raise InvalidRequest("The form cannot be parsed: the headers of a part are malformed.")
        headers[name.strip().lower()] = value.strip()
    return headers


def decode_transfer_encoding(content: bytes, encoding: bytes) -> bytes:
    """RFC 7578, 4.7 deprecates it; mail libraries that make forms still send it."""
    if encoding.lower() in (b"", b"binary", b"8bit", b"7bit"):
        return content
    if encoding.lower() != b"base64":
        raise InvalidRequest("The form cannot be parsed: Content-Transfer-Encoding must be binary or base64.")
    try:
        return binascii.a2b_base64(content)
    except binascii.Error as error:
        raise InvalidRequest("The form cannot be parsed: a part is not the base64 it says it is.") from error


# --- application/x-www-form-urlencoded --------------------------------------------------------------------------------


def parse_urlencoded(body: bytes) -> list[FormPart]:
    """The fields of a form in order. A plus sign stays one: base64 has it, and few clients encode it.

    Raises `InvalidRequest`.
    """
    if body.count(b"&") >= MAX_PARTS:
        raise InvalidRequest(f"The form has more than {MAX_PARTS:,} fields: send fewer in one request.")
    fields = [field.partition(b"=") for field in body.split(b"&")]
    return [FormPart(percent_decode(value), name=percent_decode(name)) for name, _, value in fields]


def percent_decode(text: bytes) -> bytes:
    """A piece at a time: the standard library's function keeps an object for each escape."""
    pieces, start = [], 0
    while start < len(text):
        check_deadline()
        end = start + PIECE
        escape = text.find(b"%", end - 2, end)  # not to be cut
        end = escape if escape >= 0 and end < len(text) else end
        pieces.append(unquote_to_bytes(text[start:end]))
        start = end
    return b"".join(pieces)
