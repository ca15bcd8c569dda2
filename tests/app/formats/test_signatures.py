"""A file that is no picture is named, with what to do instead."""

from __future__ import annotations

import struct

import numpy as np
import pytest

from app.errors import InvalidRequest, UnsupportedPicture
from app.preprocessing.decode import decode, open_picture
from tests.support.pictures import encode
from tests.support.tiff_files import GREY, RGB, tiff_file

FILES = {
    "AVIF": (b"\0\0\0\x1cftypavif\0\0\0\0avifmif1", "convert"),
    "video": (b"\0\0\0\x20ftypisom\0\0\2\0isomiso2", "convert"),
    "PDF": (b"%PDF-1.7\n%\xe2\xe3", "pdftoppm"),
    "SVG": (b'<svg xmlns="http://www.w3.org/2000/svg"/>', "render"),
    "SVG drawing": (b'\xef\xbb\xbf<?xml version="1.0"?>\n<!-- made by hand -->\n<svg width="3"/>', "render"),
    "HTML": (b"\n<!DOCTYPE html><html><title>Log in</title>", "the picture itself"),
    "HTML page": (b"<html>", "the picture itself"),
    "JSON": (b' {"images": []}', "application/json"),
    "data URL": (b"data:image/png;base64,iVBORw0KGgo=", "images"),
    "ZIP": (b"PK\x03\x04\x14\0", "in it"),
    "gzip": (b"\x1f\x8b\x08\0", "Content-Encoding"),
    "JPEG XL": (b"\xff\x0a\xfa\x1f", "convert"),
    "JPEG 2000": (b"\0\0\0\x0cjP  \r\n\x87\n", "convert"),
    "Photoshop": (b"8BPS\0\1", "convert"),
    "ICO": (b"\0\0\1\0\1\0", "convert"),
    "NumPy": (b"\x93NUMPY\1\0", "/invocations"),
    "a form": (b'--XX\r\nContent-Disposition: form-data; name="f"\r\n\r\nx', "multipart/form-data"),
    "a list of numbers": (b"0,0.5, 1e-3" + b",255" * 20, "text/csv"),
}


@pytest.mark.parametrize("name", FILES)
def test_a_file_of_another_kind_is_named_with_the_way_out(name: str) -> None:
    content, advice = FILES[name]
    with pytest.raises(UnsupportedPicture, match=name) as refused:
        open_picture(content, 1_000_000)
    assert advice in refused.value.detail


@pytest.mark.parametrize("content", [b"hello", bytes(100), b"\xff" * 100, b"BM", b"RIFF\0\0\0\0WAVE"])
def test_an_unknown_file_is_answered_with_the_formats_that_are_read(content: bytes) -> None:
    with pytest.raises(UnsupportedPicture, match="PNG, JPEG, WebP, BMP, GIF or TIFF"):
        open_picture(content, 1_000_000)


PICTURE = np.arange(400, dtype=np.uint8).reshape(20, 20)
CHANGES = {
    "curl -d": lambda content: content.translate(None, b"\0\r\n"),
    "decoded as UTF-8": lambda content: content.decode(errors="replace").encode(),
    "decoded as Latin-1": lambda content: content.decode("latin-1").encode(),
    "decoded as ASCII": lambda content: (
        content.decode("ascii", "replace").replace("\N{REPLACEMENT CHARACTER}", "?").encode()
    ),
}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_a_picture_that_was_sent_as_text_is_told_from_a_damaged_one(kind: str, change: str) -> None:
    with pytest.raises(UnsupportedPicture, match=r"changed on its way as if it were text: .* --data-binary @"):
        open_picture(CHANGES[change](encode(PICTURE, kind)), 1_000_000)


@pytest.mark.parametrize("kind", ["GIF", "WebP"])
def test_without_line_ends_and_zeros_every_picture_was_sent_as_text(kind: str) -> None:
    with pytest.raises(UnsupportedPicture, match="as if it were text"):
        open_picture(CHANGES["curl -d"](encode(PICTURE, kind)), 1_000_000)


@pytest.mark.parametrize(
    ("old", "new"), [(b"\r\n", b"\n"), (b"\n", b"\r\n"), (b"\x89", b""), (b"\x89", b"\xe2\x80\xb0")]
)
def test_a_png_shows_by_its_signature_that_line_ends_or_its_first_byte_were_changed(old: bytes, new: bytes) -> None:
    with pytest.raises(UnsupportedPicture, match="as if it were text"):
        open_picture(encode(PICTURE).replace(old, new), 1_000_000)


def test_an_empty_file_is_an_invalid_request() -> None:
    with pytest.raises(InvalidRequest, match="empty"):
        open_picture(b"", 1_000_000)


def odd_jpeg(frame: bytes, precision: int = 8, height: int = 200) -> bytes:
    """With another marker of its frame, bits of a sample, or height; 0: it follows the picture (DNL)."""
    content = encode(np.full((200, 200), 255, np.uint8), "JPEG")
    head = struct.pack(">BHH", 8, 200, 200)
    assert head in content
    return content.replace(b"\xff\xc0", frame).replace(head, struct.pack(">BHH", precision, height, 200))


ODD_KINDS = {
    "TIFF of float64": ("TIFF picture", tiff_file(np.ones((9, 9, 1)), GREY, planar=False)),
    "TIFF of float16": ("TIFF picture", tiff_file(np.ones((9, 9, 1), np.float16), GREY, planar=False)),
    "TIFF of RGB in floats": ("TIFF picture", tiff_file(np.ones((9, 9, 3), np.float32), RGB, planar=False)),
    "TIFF of dark on light with alpha": (
        "TIFF picture",
        tiff_file(np.ones((9, 9, 2), np.uint8), 0, planar=False, extra_samples=(2,)),
    ),
    "JPEG of 12 bits": ("JPEG picture", odd_jpeg(b"\xff\xc1", precision=12)),
    "JPEG without a height": ("JPEG picture", odd_jpeg(b"\xff\xc0", height=0)),
    "lossless JPEG": ("picture", odd_jpeg(b"\xff\xc3")),  # known when it is decoded
    "BMP around a JPEG": (
        "BMP picture",
        encode(np.zeros((9, 9, 3), np.uint8), "BMP").replace(b"\x18\0\0\0\0\0", b"\x18\0\4\0\0\0"),
    ),
}


@pytest.mark.parametrize("name", ODD_KINDS)
def test_a_kind_that_no_decoder_reads_is_not_called_another_format(name: str) -> None:
    named, content = ODD_KINDS[name]
    with pytest.raises(UnsupportedPicture, match=f"The {named} is .* kind that is not supported: .* 8 bits .* PNG"):
        decode(open_picture(content, 1_000_000))
