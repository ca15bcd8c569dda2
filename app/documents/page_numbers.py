"""Which pages of a document are read: all of them, or those that the client names, such as 2-5 or 1,4-6."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from app.errors import InvalidRequest, TooManyPages
from app.preprocessing.decode import Picture

PAGES = re.compile(r"\d{1,5}(-\d{1,5})?(,\d{1,5}(-\d{1,5})?)*")
MAX_NAMED = 10_000  # pages of one request, however many a document may have

PageNumbers = tuple[int, ...]  # from 1, ascending


class Page(NamedTuple):
    number: int  # from 1
    picture: Picture


def parse_page_numbers(text: str) -> PageNumbers:
    """Raises `InvalidRequest`."""
    if not PAGES.fullmatch(text):
        raise InvalidRequest("The parameter 'pages' must name pages and ranges of pages, from 1, such as 2-5 or 1,4-6.")
    ranges = [(int(first), int(last or first)) for first, _, last in (part.partition("-") for part in text.split(","))]
    for first, last in ranges:
        if not 1 <= first <= last:
            raise InvalidRequest(f"The parameter 'pages' has no pages in {first}-{last}: write the lower number first.")
    if sum(last - first + 1 for first, last in ranges) > MAX_NAMED:
        raise InvalidRequest(f"The parameter 'pages' names more than {MAX_NAMED} pages.")
    return tuple(sorted({number for first, last in ranges for number in range(first, last + 1)}))


def select_pages(count: int, named: PageNumbers | None, max_pages: int) -> Sequence[int]:
    """The numbers of the pages to read in a document with `count` of them; all if none are named.

    Raises `InvalidRequest` for a page that the document lacks, and `TooManyPages`.
    """
    if named and named[-1] > count:
        raise InvalidRequest(f"The document has no page {named[-1]}: its pages are 1 to {count}.")
    numbers = named or range(1, count + 1)
    if len(numbers) > max_pages:
        raise TooManyPages(
            f"{len(numbers)} pages are too many: one request reads at most {max_pages}, chosen by ?pages=1-{max_pages}."
        )
    return numbers
