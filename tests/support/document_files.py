"""Files of documents: PDF and TIFF of several pages, and HEIC photos."""

from __future__ import annotations

import io
import zlib
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow

PixelArray = NDArray[np.uint8]
ENCRYPTION = b"/Encrypt << /Filter /Standard /V 1 /R 2 /P -4 /O <%b> /U <%b> >> /ID [<00> <00>] /Size" % (
    b"11" * 32,
    b"22" * 32,
)


def pdf_of(*pages: PixelArray, **options: Any) -> bytes:
    """As a scanner writes it: a picture fills each page."""
    return saved("PDF", pages, **{"resolution": 100, **options})


def tiff_of(*pages: PixelArray, **options: Any) -> bytes:
    return saved("TIFF", pages, **options)


def saved(kind: str, pages: Sequence[PixelArray], **options: Any) -> bytes:
    first, *others = map(Pillow.fromarray, pages)
    file = io.BytesIO()
    first.save(file, kind, save_all=True, append_images=others, **options)
    return file.getvalue()


def heic_of(pixels: PixelArray, **options: Any) -> bytes:
    import pillow_heif

    file = io.BytesIO()
    pillow_heif.from_pillow(Pillow.fromarray(pixels)).save(file, quality=80, **options)
    return file.getvalue()


def encrypted(pdf: bytes) -> bytes:
    """With a user's password, which nobody knows."""
    return pdf.replace(b"/Size", ENCRYPTION)


def hand_written_pdf(objects: Iterable[bytes]) -> bytes:
    """The first object is the catalog."""
    content, offsets = b"%PDF-1.4\n", []
    for number, written in enumerate(objects, 1):
        offsets.append(len(content))
        content += b"%d 0 obj\n%b\nendobj\n" % (number, written)
    table = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    size = len(offsets) + 1
    return content + (
        b"xref\n0 %d\n0000000000 65535 f \n%btrailer\n<< /Root 1 0 R /Size %d >>\nstartxref\n%d\n%%%%EOF\n"
        % (size, table, size, len(content))
    )


def pdf_of_content(drawing: bytes, *more: bytes, resources: bytes = b"", box: bytes = b"0 0 595 842") -> bytes:
    """One page with these operators. `more`: objects from number 5 on, which `resources` may name."""
    page = b"<< /Type /Page /Parent 2 0 R /MediaBox [%b] /Contents 4 0 R /Resources << %b >> >>" % (box, resources)
    return hand_written_pdf(
        (
            b"<< /Type /Catalog /Pages 2 0 R >>",
            b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
            page,
            stream(b"", drawing),
            *more,
        )
    )


def stream(entries: bytes, data: bytes) -> bytes:
    return b"<< %b /Length %d >>\nstream\n%b\nendstream" % (entries, len(data), data)


def pdf_with_picture(width: int, height: int, data: bytes | None = None, encoding: bytes = b"/FlateDecode") -> bytes:
    """One page that a grey picture fills: black, or `data`."""
    entries = b"/Type /XObject /Subtype /Image /Width %d /Height %d /ColorSpace /DeviceGray /BitsPerComponent 8 " % (
        width,
        height,
    )
    picture = stream(entries + b"/Filter " + encoding, zlib.compress(bytes(width * height)) if data is None else data)
    return pdf_of_content(b"q 595 0 0 842 0 0 cm /I Do Q", picture, resources=b"/XObject << /I 5 0 R >>")


def pdf_of_nested_forms() -> bytes:
    """Forms that draw each other, eight levels deep: a hundred million rectangles out of two kilobytes."""
    forms = [
        stream(
            b"/Type /XObject /Subtype /Form /BBox [0 0 595 842] /Resources << /XObject << /F %d 0 R >> >>"
            % (6 + level),
            b"/F Do " * 10 if level < 7 else b"0 0 100 100 re f " * 10,
        )
        for level in range(8)
    ]
    return pdf_of_content(b"/F Do " * 10, *forms, resources=b"/XObject << /F 5 0 R >>")
