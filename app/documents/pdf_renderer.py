"""Renders pages of a PDF document: a program of its own, so that a hostile document ends this process, not the service.

Standard input is the document. Standard output is a head with the number of pages, and then for each page a head with
its size, followed by its pixels: RGB in rows. It imports nothing of the service, to start in a tenth of a second.

    python pdf_renderer.py BYTES SECONDS SIDE PIXELS NUMBER...

bytes that it may allocate, seconds of a core, the longest side of a rendered page in pixels, the pixels that a picture
on a page may have, and the numbers of the pages, from 1; those beyond the last page are passed over.
"""

from __future__ import annotations

import contextlib
import struct
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pypdfium2

HEAD = struct.Struct("<HIII")  # status, and the numbers that belong to it
DONE, NO_DOCUMENT, ENCRYPTED, BAD_PAGE, TOO_MANY_PIXELS = range(5)

POINTS_PER_INCH = 72
PIXELS_PER_INCH = 200  # as forms are scanned: more shows nothing more
PASSWORD_ERROR, SECURITY_ERROR = 4, 5  # FPDF_ERR_PASSWORD and FPDF_ERR_SECURITY in PDFium's fpdfview.h


def main(memory: int, seconds: int, side: int, max_pixels: int, *numbers: int) -> None:
    limit_process(memory, seconds)
    import pypdfium2  # under the limits

    try:
        document = pypdfium2.PdfDocument(sys.stdin.buffer.read())
    except pypdfium2.PdfiumError as error:
        send(ENCRYPTED if error.err_code in (PASSWORD_ERROR, SECURITY_ERROR) else NO_DOCUMENT)
        return
    if document.get_formtype():
        document.init_forms()  # otherwise fields that are filled in would be empty
    send(DONE, len(document))
    for number in numbers:
        if number <= len(document):
            try:
                send_page(document, number - 1, side, max_pixels)
            except pypdfium2.PdfiumError:
                send(BAD_PAGE)


def limit_process(memory: int, seconds: int) -> None:
    with contextlib.suppress(ImportError):  # Windows has no such limits
        import resource

        for kind, limit in ((resource.RLIMIT_DATA, memory), (resource.RLIMIT_CPU, seconds), (resource.RLIMIT_CORE, 0)):
            resource.setrlimit(kind, (limit, limit))


def send_page(document: pypdfium2.PdfDocument, index: int, side: int, max_pixels: int) -> None:
    """Raises `PdfiumError` if the page is damaged."""
    with contextlib.closing(document[index]) as page:
        for picture in pictures(page):
            width, height = picture.get_px_size()
            if width * height > max_pixels:
                send(TOO_MANY_PIXELS, width, height)
                return
        longest = max(*page.get_size(), 1)
        scale = min(PIXELS_PER_INCH / POINTS_PER_INCH, side / longest)
        with contextlib.closing(page.render(scale=scale, rev_byteorder=True, limit_image_cache=True)) as bitmap:
            send(DONE, bitmap.width, bitmap.height, bitmap.stride, data=bytes(bitmap.buffer))


def pictures(page: pypdfium2.PdfPage) -> Iterator[pypdfium2.PdfImage]:
    from pypdfium2.raw import FPDF_PAGEOBJ_IMAGE

    return page.get_objects([FPDF_PAGEOBJ_IMAGE])  # type: ignore[no-any-return]  # the library has no annotations


def send(status: int, *values: int, data: bytes = b"") -> None:
    """At once: the next page may end this process."""
    sys.stdout.buffer.write(HEAD.pack(status, *values, *[0] * (3 - len(values))) + data)
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
