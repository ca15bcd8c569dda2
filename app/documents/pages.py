"""The pages of a document's file, one picture after the other; memory for a few of them at a time."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Protocol

from app.documents.page_numbers import Page, PageNumbers, select_pages
from app.documents.pdf import PdfFile, is_pdf
from app.errors import ServiceError
from app.formats.tiff import TIFF_SIGNATURES, TRUNCATED, TiffFile
from app.preprocessing.decode import open_picture
from app.preprocessing.pool import thread_pool


class DocumentFile(Protocol):
    @property
    def memory(self) -> int:
        """Bytes that the next pages take while they are opened."""

    def pages(self, named: PageNumbers | None, first: int, max_pages: int) -> tuple[int, list[Page]]:
        """How many pages are to be read, and the few that come next, from index `first` of these on.

        Raises `InvalidRequest`, `TooManyPages`, `TooManyPixels` or `UnsupportedPicture`.
        """


@dataclass(frozen=True)
class TiffDocument:
    """Each page becomes a file of its own, which is opened as any picture."""

    file: TiffFile
    starts: list[int]
    max_pixels: int

    @property
    def memory(self) -> int:
        return len(self.file.content)

    def pages(self, named: PageNumbers | None, first: int, max_pages: int) -> tuple[int, list[Page]]:
        numbers = select_pages(len(self.starts), named, max_pages)
        number = numbers[first]
        with page_errors(number):
            picture = open_picture(self.file.page(self.starts[number - 1]), self.max_pixels)
        return len(numbers), [Page(number, picture)]


def open_document(content: bytes, max_pixels: int) -> DocumentFile | None:
    """None for a file that is one picture. Raises `UnsupportedPicture` or `TooManyPages`."""
    if content.startswith(TIFF_SIGNATURES):
        file = TiffFile(content)
        with contextlib.suppress(*TRUNCATED):
            starts = list(file.page_starts())
            if len(starts) > 1:
                return TiffDocument(file, starts, max_pixels)
        return None
    return PdfFile(content, max_pixels) if is_pdf(content) else None


async def pages_in_turn(file: DocumentFile, named: PageNumbers | None, max_pages: int) -> AsyncIterator[Page]:
    """Opened in the threads for large pictures. Others may have their turn in between.

    Raises `Overloaded`, and what `DocumentFile.pages` raises.
    """
    done, count = 0, 1
    while done < count:
        count, pages = await thread_pool.large.run_with_memory(file.memory, file.pages, named, done, max_pages)
        done += len(pages)
        while pages:
            yield pages.pop(0)


def pages_of(file: DocumentFile, named: PageNumbers | None, max_pages: int) -> Iterator[Page]:
    """As `pages_in_turn`, in this thread."""
    done, count = 0, 1
    while done < count:
        count, pages = file.pages(named, done, max_pages)
        done += len(pages)
        while pages:
            yield pages.pop(0)


@contextlib.contextmanager
def page_errors(number: int) -> Iterator[None]:
    """Says in an error which page of the document it is about."""
    try:
        yield
    except ServiceError as error:
        error.detail = f"Page {number}: {error.detail}"
        raise
