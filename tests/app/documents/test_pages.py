"""A file is one picture, or a document whose pages come one after the other."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from app.documents.pages import open_document, pages_in_turn, pages_of
from app.errors import InvalidRequest, TooManyPages, TooManyPixels, UnsupportedPicture
from app.preprocessing.decode import decode
from tests.conftest import ROOT
from tests.support import document_files
from tests.support.document_files import pdf_of, tiff_of
from tests.support.pictures import encode

MAX_PIXELS = 10**6
# Decodes all pages and prints their number, and by how many bytes the memory of the process grew at most.
READ_ALL = """
import sys
from app.documents.pages import open_document, pages_of
from app.preprocessing.decode import decode

def value(name):
    (line,) = [line for line in open("/proc/self/status") if line.startswith(name + ":")]
    return int(line.split()[1]) * 1024

before, count = value("VmRSS"), 0
for page in pages_of(open_document(open(sys.argv[1], "rb").read(), 10**8), None, 100):
    decode(page.picture)
    count += 1
print(count, value("VmHWM") - before)
"""
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


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")
@pytest.mark.parametrize(("make", "count"), [("pdf_of", 100), ("tiff_of", 50)])
def test_long_documents_are_read_in_bounded_memory(make: str, count: int, tmp_path: Path) -> None:
    sheet = np.tile(np.linspace(0, 255, 1654).astype(np.uint8), (2339, 1))  # A4 at 200 pixels an inch
    options = {"compression": "tiff_lzw"} if make == "tiff_of" else {}
    file = tmp_path / "document"
    file.write_bytes(getattr(document_files, make)(*[np.dstack([sheet] * 3)] * count, **options))
    command = [sys.executable, "-c", READ_ALL, str(file)]
    output = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=600).stdout
    pages, grown = map(int, output.split())
    assert pages == count
    assert grown < 100 * 2**20 + 3 * file.stat().st_size


@pytest.mark.parametrize("content", [tiff_of(*PAGES), pdf_of(*PAGES)], ids=["TIFF", "PDF"])
def test_pages_come_from_the_threads_too(content: bytes) -> None:
    document = open_document(content, MAX_PIXELS)
    assert document

    async def numbers() -> list[int]:
        return [page.number async for page in pages_in_turn(document, (2, 3), 100)]

    assert asyncio.run(numbers()) == [2, 3]
