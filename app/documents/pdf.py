"""PDF documents: their pages are rendered by PDFium in a process of its own, a few in each process.

PDFium is written in C++ and reads what strangers send. In its own process it may crash, loop or ask for more memory
than it may have, and PDFium's calls, which must not come from two threads at once, do not meet. Starting the process
takes 100 ms, rendering a page as long or longer.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import IO

from PIL import Image as Pillow

from app.documents import pdf_renderer
from app.documents.page_numbers import Page, PageNumbers, select_pages
from app.documents.pdf_renderer import HEAD
from app.errors import ServiceError, TooManyPixels, UnsupportedPicture
from app.formats.signatures import PAGES, is_picture
from app.observability.request_context import check_deadline
from app.preprocessing.decode import LONGEST_SIDE

SIGNATURE = b"%PDF-"
SIGNATURE_BYTES = 1024  # in which it may begin, as all readers of PDF accept
PAGES_PER_PROCESS = 4
MEMORY = 128 * 2**20  # bytes that the process may allocate besides the document; scans of 50 million pixels take 60 MiB
SECONDS = 20  # for a few pages, of a core and of the clock
POLL_SECONDS = 0.2  # until the process is ended after the client has left
ENVIRONMENT = ("PATH", "PYTHONPATH", "PYTHONHOME", "LD_LIBRARY_PATH", "SYSTEMROOT")  # the rest is not the renderer's
INSTALL = "the extra 'pdf' is not installed (.venv/bin/pip install '.[pdf]')"
SAVE_ANEW = "print it to PDF anew, or " + PAGES


def is_pdf(content: bytes) -> bool:
    """The metadata of a picture may contain the signature."""
    return SIGNATURE in content[:SIGNATURE_BYTES] and not is_picture(content)


def can_render() -> bool:
    return importlib.util.find_spec("pypdfium2") is not None


@dataclass(frozen=True)
class PdfFile:
    content: bytes
    max_pixels: int  # of one picture on a page

    @property
    def memory(self) -> int:
        """Bytes that rendering takes at most."""
        return MEMORY + 2 * len(self.content)

    def pages(self, named: PageNumbers | None, first: int, max_pages: int) -> tuple[int, list[Page]]:
        """How many pages are to be read, and the first few from index `first` of these on.

        Raises `InvalidRequest`, `TooManyPages`, `TooManyPixels` or `UnsupportedPicture`.
        """
        numbers = (named or range(1, sys.maxsize))[first : first + PAGES_PER_PROCESS]
        output = self.render(numbers)
        count = page_count(output)
        selected = select_pages(count, named, max_pages)
        return len(selected), list(rendered_pages(output, selected[first : first + PAGES_PER_PROCESS]))

    def render(self, numbers: Sequence[int]) -> bytes:
        """What the renderer writes. Raises `UnsupportedPicture` and `DeadlineExceeded`."""
        if not can_render():
            raise UnsupportedPicture(f"The file is a PDF document, but {INSTALL}: {PAGES}.")
        arguments = (self.memory, SECONDS, LONGEST_SIDE, self.max_pixels, *numbers)
        with (
            open_file_of(self.content) as file,
            subprocess.Popen(
                [sys.executable, pdf_renderer.__file__, *map(str, arguments)],
                stdin=file,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env={name: os.environ[name] for name in ENVIRONMENT if name in os.environ},
            ) as process,
        ):
            try:
                return wait_for_output(process)
            finally:
                process.kill()


def open_file_of(content: bytes) -> IO[bytes]:
    """In memory where that is possible: the file system may be read-only. A pipe would have to be fed."""
    file = os.fdopen(os.memfd_create("document"), "w+b") if sys.platform == "linux" else tempfile.TemporaryFile()  # noqa: SIM115  # its caller closes it
    file.write(content)
    file.seek(0)
    return file


def wait_for_output(process: subprocess.Popen[bytes]) -> bytes:
    """Raises `UnsupportedPicture` or `DeadlineExceeded` if it takes too long."""
    ends_at = time.monotonic() + SECONDS
    while time.monotonic() < ends_at:
        check_deadline()
        with contextlib.suppress(subprocess.TimeoutExpired):
            return process.communicate(timeout=POLL_SECONDS)[0]
    raise UnsupportedPicture(f"Rendering the PDF document takes more than {SECONDS} s: {SAVE_ANEW}.")


def page_count(output: bytes) -> int:
    """Raises `UnsupportedPicture` if the document cannot be opened or has no pages."""
    count: int
    status, count, _, _ = HEAD.unpack_from(output) if output else (pdf_renderer.NO_DOCUMENT, 0, 0, 0)
    if status == pdf_renderer.ENCRYPTED:
        raise UnsupportedPicture("The PDF document is encrypted: send it without its password, or " + PAGES + ".")
    if status != pdf_renderer.DONE:
        raise UnsupportedPicture(f"The PDF document is damaged or incomplete: send it again, or {SAVE_ANEW}.")
    if not count:
        raise UnsupportedPicture("The PDF document has no pages: send one with pages.")
    return count


def rendered_pages(output: bytes, numbers: Sequence[int]) -> Iterator[Page]:
    """Raises `UnsupportedPicture` or `TooManyPixels` for the first page that cannot be rendered."""
    position = HEAD.size
    for number in numbers:
        if len(output) < position + HEAD.size:
            raise bad_page(number, pdf_renderer.BAD_PAGE)
        status, width, height, stride = HEAD.unpack_from(output, position)
        position += HEAD.size
        end = position + stride * height
        if status != pdf_renderer.DONE or end > len(output):
            raise bad_page(number, status, (width, height))
        pixels = output[position:end]
        yield Page(number, Pillow.frombuffer("RGB", (width, height), pixels, "raw", "RGB", stride, 1))
        position = end


def bad_page(number: int, status: int, size: tuple[int, int] = (0, 0)) -> ServiceError:
    if status == pdf_renderer.TOO_MANY_PIXELS:
        width, height = size
        return TooManyPixels(f"A picture on page {number} has {width} x {height} pixels: scan it with fewer.")
    return UnsupportedPicture(f"Page {number} of the PDF document is damaged, or takes too much memory: {SAVE_ANEW}.")
