"""A file is one picture, or a document whose pages come one after the other."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest

from app.documents.pages import open_document, pages_in_turn, pages_of
from app.errors import InvalidRequest, TooManyPages, TooManyPixels, UnsupportedPicture
from app.preprocessing.decode import decode
from tests.support.document_files import pdf_of, tiff_of
from tests.support.pictures import encode

MAX_PIXELS = 10**6
PAGES = [np.full((40, 30), 50 * index, np.uint8) for index in range(4)]


def means(content: bytes, named: tuple[int, ...] | None = None, max_pages: int = 100) -> dict[int, int]:
    document = open_document(content, MAX_PIXELS)
    assert document
    return {number: round(float(decode(picture).mean())) for number, picture in pages_of(document, named, max_pages)}


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "TIFF", "WEBP", "BMP"])
def test_a_picture_is_no_document(kind: str) -> None:
    assert open_document(encode(PAGES[1], kind), MAX_PIXELS) is None
    assert open_document(encode(PAGES[1], kind)[:6], MAX_PIXELS) is None


@pytest.mark.parametrize("options", [{}, {"compression": "tiff_lzw"}, {"big_tiff": True}], ids=str)
def test_pages_of_tiff_come_in_order(options: dict[str, object]) -> None:
    content = tiff_of(*PAGES, **options)
    assert means(content) == {1: 0, 2: 50, 3: 100, 4: 150}
    assert means(content, (2, 4)) == {2: 50, 4: 150}


def test_tiff_has_the_same_limits() -> None:
    with pytest.raises(TooManyPages):
        means(tiff_of(*PAGES), max_pages=3)
    with pytest.raises(InvalidRequest):
        means(tiff_of(*PAGES), (5,))


def test_a_page_with_too_many_pixels_is_named() -> None:
    with pytest.raises(TooManyPixels) as error:
        means(tiff_of(PAGES[0], np.zeros((1000, 2000), np.uint8)))
    assert error.value.detail.startswith("Page 2: The picture has 2000 x 1000 pixels")


def test_pages_before_damage_are_read() -> None:
    content = tiff_of(*PAGES)
    assert means(content[: len(content) * 3 // 4], (1, 2)) == {1: 0, 2: 50}
    with pytest.raises(UnsupportedPicture):
        means(content[: len(content) * 3 // 4])


@pytest.mark.parametrize("content", [tiff_of(*PAGES), pdf_of(*PAGES)], ids=["TIFF", "PDF"])
def test_pages_come_from_the_threads_too(content: bytes) -> None:
    document = open_document(content, MAX_PIXELS)
    assert document

    async def numbers() -> list[int]:
        return [page.number async for page in pages_in_turn(document, (2, 3), 100)]

    assert asyncio.run(numbers()) == [2, 3]
