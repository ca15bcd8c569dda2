"""Files that people send instead of a picture in a supported format, recognised by their first bytes."""

from __future__ import annotations

import re

from app.errors import InvalidRequest, ServiceError, UnsupportedPicture
from app.json_encoding import BYTE_ORDER_MARK

SUPPORTED = "PNG, JPEG, WebP, BMP, GIF or TIFF"
CONVERT = f"convert it to {SUPPORTED}"
PAGES = "send its pages as pictures, for example made by pdftoppm -png -r 200"
READ = "documents are read by /read and by python -m app read; or " + PAGES
RENDER = "render it and send the picture, for example as PNG"
NOT_A_DOWNLOAD = "send the picture itself; such a page is often a login or an error page in place of a download"

# Of pictures and documents that are read. None of them can begin JSON.
FILE_STARTS = (b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"RIFF", b"BM", b"II*\0", b"MM\0*", b"%PDF-")
# Of ISO/IEC 14496-12: at byte 8 of a file whose first box is "ftyp"
BRANDS = {
    b"avif": ("an AVIF picture", CONVERT),
    b"avis": ("an AVIF picture", CONVERT),
}
SIGNATURES = {
    b"%PDF-": ("a PDF document", READ),
    b"\x00\x00\x00\x0cJXL ": ("a JPEG XL picture", CONVERT),
    b"\xff\x0a": ("a JPEG XL picture", CONVERT),
    b"\x00\x00\x00\x0cjP  ": ("a JPEG 2000 picture", CONVERT),
    b"\xff\x4f\xff\x51": ("a JPEG 2000 picture", CONVERT),
    b"8BPS": ("a Photoshop document", CONVERT),
    b"\x00\x00\x01\x00": ("an icon (ICO)", CONVERT),
    b"\x93NUMPY": ("a NumPy array", "send it to /invocations, or its numbers to /v2"),
    b"PK\x03\x04": ("a ZIP archive or an Office document", "send the pictures in it"),
    b"\x1f\x8b": ("a gzip archive", "send the file in it, or add Content-Encoding: gzip"),
    b"data:": ("a data URL", 'send the bytes it stands for, or JSON: {"images": ["data:..."]}'),
}
# After white space and the byte order mark, in lower case. XML alone may hold SVG further on.
MARKUP = {
    b"<svg": ("an SVG drawing", RENDER),
    b"<!doctype html": ("an HTML page", NOT_A_DOWNLOAD),
    b"<html": ("an HTML page", NOT_A_DOWNLOAD),
    b"{": ("a JSON document", "send it with Content-Type: application/json"),
}
# Of the supported formats, by their names, and of the containers of HEIF's kind
PICTURE = re.compile(
    rb"(?P<PNG>\x89PNG\r\n\x1a\n)|(?P<JPEG>\xff\xd8\xff)|(?P<GIF>GIF8)|(?P<WebP>RIFF.{4}WEBP)|(?P<BMP>BM.{4}\0{4})"
    rb"|(?P<TIFF>II[*+]\0|MM\0[*+])|.{4}ftyp",
    re.DOTALL,
)
# PNG's signature has what such changes damage: a byte that is not ASCII, both line ends. In a file of another format no
# zero and no line end is left, as curl -d sends it, or its first bytes were decoded as UTF-8, ASCII or Latin-1.
CHANGED_AS_TEXT = re.compile(
    rb"(?!\x89PNG\r\n\x1a\n).{0,3}PNG[\r\n]*\x1a|(?:\xff\xd8\xff|GIF8|RIFF.{1,4}WEBP)[^\0\r\n]*\Z"
    rb"|(?:\xef\xbf\xbd){3}|\?{4}\0|\xc3\xbf\xc3\x98\xc3\xbf",
    re.DOTALL,
)
FORM = ("a form", "send its Content-Type too, multipart/form-data with the boundary, as HTTP libraries do")
NUMBERS = ("a list of numbers", "send it to /invocations as text/csv, or as JSON to /v1 or /v2")
LIST_OF_NUMBERS = re.compile(rb"[-\d.e]+(?:\s*[,;]\s*[-\d.e]+){9}")
SAMPLE = 1024  # bytes in which an XML document names its root


def not_a_picture(content: bytes) -> ServiceError:
    """The error for a file in no supported format: what the file is, where that is known, and what to do."""
    if not content:
        return InvalidRequest(f"The picture is empty: send the bytes of a {SUPPORTED} file.")
    name, advice = identify(content) or (None, None)
    if name:
        return UnsupportedPicture(f"The file is {name}, which is not supported: {advice}.")
    if (found := PICTURE.match(content)) and found.lastgroup:
        return undecodable(f"{found.lastgroup} picture")
    return UnsupportedPicture(f"The bytes are not a picture in a supported format: send {SUPPORTED}.")


def check_unchanged(content: bytes) -> None:
    """Raises `UnsupportedPicture` for a picture that a client took for text."""
    if CHANGED_AS_TEXT.match(content):
        raise UnsupportedPicture(
            "The picture was changed on its way as if it were text: send the bytes of its file as they are, such as by "
            "curl --data-binary @digit.png in place of -d @digit.png."
        )


def undecodable(picture: str) -> UnsupportedPicture:
    """The error for a file in a supported format that no decoder reads."""
    return UnsupportedPicture(
        f"The {picture} is damaged, incomplete or of a kind that is not supported: send it again, or save it anew with "
        "8 bits a sample, or as PNG."
    )


def identify(content: bytes) -> tuple[str, str] | None:
    """What the file is, with an article, and what to do with it; None if it is unknown."""
    if content[4:8] == b"ftyp":
        return BRANDS.get(content[8:12], ("a video or a picture in a video's container", CONVERT))
    for signature, found in SIGNATURES.items():
        if content.startswith(signature):
            return found
    return identify_text(content[:SAMPLE].removeprefix(BYTE_ORDER_MARK).lstrip().lower())


def is_picture(content: bytes) -> bool:
    """By its first bytes, whether the file can be read or not."""
    return bool(PICTURE.match(content))


def identify_text(text: bytes) -> tuple[str, str] | None:
    if text.startswith(b"--") and b"content-disposition:" in text:
        return FORM
    if LIST_OF_NUMBERS.match(text):
        return NUMBERS
    if text.startswith((b"<?xml", b"<!doctype svg", b"<!--")):
        text = text[text.find(b"<svg") :] if b"<svg" in text else text
    return next((found for start, found in MARKUP.items() if text.startswith(start)), None)
