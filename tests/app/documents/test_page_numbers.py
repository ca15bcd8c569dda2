"""?pages= names pages of a document."""

from __future__ import annotations

import pytest

from app.documents.page_numbers import parse_page_numbers, select_pages
from app.errors import InvalidRequest, TooManyPages


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("3", (3,)),
        ("2-5", (2, 3, 4, 5)),
        ("4-6,1,5-7", (1, 4, 5, 6, 7)),
        ("7-7", (7,)),
        ("1, 2", (1, 2)),
        (" 1 - 2 ,4", (1, 2, 4)),
    ],
)
def test_pages_and_ranges_are_in_ascending_order(text: str, numbers: tuple[int, ...]) -> None:
    assert parse_page_numbers(text) == numbers


@pytest.mark.parametrize(
    "text", ["", "0", "5-2", "0-", "1,3-", "-", "-3", "a", "1,,2", "999999", "1-99999", "1" + ",1" * 10**4]
)
def test_other_texts_are_refused(text: str) -> None:
    with pytest.raises(InvalidRequest, match="'pages'"):
        parse_page_numbers(text)


def test_all_pages_are_read_if_none_are_named() -> None:
    assert list(select_pages(3, None, 100)) == [1, 2, 3]
    assert list(select_pages(3, (2,), 100)) == [2]


def test_pages_that_a_document_lacks_are_refused() -> None:
    with pytest.raises(InvalidRequest, match="no page 4: its pages are 1 to 3"):
        select_pages(3, (2, 4), 100)


def test_pages_from_one_on_end_with_the_document() -> None:
    named = parse_page_numbers("2-")
    assert list(select_pages(4, named, 100)) == [2, 3, 4]
    assert list(select_pages(2, named, 100)) == [2]
    with pytest.raises(InvalidRequest, match="no page 2: its pages are 1 to 1"):
        select_pages(1, named, 100)
    with pytest.raises(TooManyPages):
        select_pages(102, named, 100)


def test_a_long_document_is_read_in_parts() -> None:
    with pytest.raises(TooManyPages, match="at most 2"):
        select_pages(3, None, 2)
    assert list(select_pages(3, (2, 3), 2)) == [2, 3]
