"""Which pages of a document are read: all of them, or those that the client names, such as 2-5, 1,4-6 or 2-."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from typing import NamedTuple

from app.errors import InvalidRequest, TooManyPages
from app.preprocessing.decode import Picture

PAGES = re.compile(r"\d{1,5}(-\d{1,5})?(,\d{1,5}(-\d{1,5})?)*")
FROM_ONE_ON = re.compile(r"0*([1-9]\d{0,4})-")
MAX_NAMED = 10_000  # pages of one request, however many a document may have

PageNumbers = tuple[int, ...] | range  # from 1, ascending; a range goes on to the last page of its document


class Page(NamedTuple):
    number: int  # from 1
    picture: Picture


def parse_page_numbers(text: str) -> PageNumbers:
    """Raises `InvalidRequest`."""
    text = text.replace(" ", "")
    if found := FROM_ONE_ON.fullmatch(text):
        return range(int(found[1]), sys.maxsize)
    if not PAGES.fullmatch(text):
        raise InvalidRequest(
            "The parameter 'pages' must name pages and ranges of pages, from 1, such as 2-5 or 1,4-6, or the first of "
            "all that are read, such as 2-."
        )
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
    if isinstance(named, range):
        named = range(named.start, count + 1) or (named.start,)
    if named and named[-1] > count:
        raise InvalidRequest(f"The document has no page {named[-1]}: its pages are 1 to {count}.")
    numbers = named or range(1, count + 1)
    if len(numbers) > max_pages:
        raise TooManyPages(
            f"{len(numbers)} pages are too many: one request reads at most {max_pages}, chosen by ?pages=1-{max_pages}."
        )
    return numbers
