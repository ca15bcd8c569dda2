"""Pages of PDF documents are rendered, and documents that cannot be are refused by name."""

from __future__ import annotations

import contextlib
import contextvars
import io
import sys

import numpy as np
import pytest
from PIL import Image as Pillow
from PIL.PngImagePlugin import PngInfo

from app.documents import pdf
from app.documents.page_numbers import PageNumbers, parse_page_numbers
from app.documents.pages import open_document, pages_of
from app.documents.pdf import PAGES_PER_PROCESS, PdfFile, is_pdf
from app.errors import DeadlineExceeded, ServiceError, TooManyPages, TooManyPixels, UnsupportedPicture
from app.observability.request_context import enter_request
from app.preprocessing.decode import LONGEST_SIDE, decode
from tests.support.document_files import (
    encrypted,
    hand_written_pdf,
    pdf_of,
    pdf_of_content,
    pdf_of_nested_forms,
    pdf_with_picture,
)

MAX_PIXELS = 50_000_000
FIVE_PAGES = pdf_of(*(np.full((400, 300), 50 * index, np.uint8) for index in range(PAGES_PER_PROCESS + 1)))


def means(content: bytes, named: PageNumbers | None = None) -> dict[int, int]:
    """The mean grey level of each page."""
    document = open_document(content, MAX_PIXELS)
    assert document
    return {number: round(float(decode(picture).mean())) for number, picture in pages_of(document, named, 100)}


def refusal(content: bytes) -> ServiceError:
    with pytest.raises(ServiceError) as error:
        means(content)
    return error.value


def test_pages_come_in_order_from_several_processes() -> None:
    assert means(FIVE_PAGES) == {1: 0, 2: 50, 3: 100, 4: 150, 5: 200}


def test_named_pages_alone_are_rendered() -> None:
    assert means(FIVE_PAGES, (2, 5)) == {2: 50, 5: 200}
    assert means(FIVE_PAGES, parse_page_numbers("4-")) == {4: 150, 5: 200}


def test_a_document_with_more_pages_than_allowed_is_refused() -> None:
    with pytest.raises(TooManyPages, match="5 pages"):
        PdfFile(FIVE_PAGES, MAX_PIXELS).pages(None, 0, 4)


@pytest.mark.parametrize(
    ("points", "size"),
    [
        ("595 842", (724, LONGEST_SIDE)),  # A4
        ("216 144", (600, 400)),  # three inches by two, 200 pixels for each
        ("14400 14400", (LONGEST_SIDE, LONGEST_SIDE)),
        ("14400 1", (LONGEST_SIDE, 1)),
    ],
)
def test_pages_have_200_pixels_an_inch_up_to_the_longest_side(points: str, size: tuple[int, int]) -> None:
    content = pdf_of_content(b"", box=b"0 0 " + points.encode())
    _, [(number, picture)] = PdfFile(content, MAX_PIXELS).pages(None, 0, 1)
    assert (number, picture.width, picture.height) == (1, *size)


def test_what_is_drawn_upon_a_page_is_where_it_belongs() -> None:
    content = pdf_of_content(b"0 0 297.5 421 re f")  # the lower left quarter, in PDF's coordinates
    _, [(_, picture)] = PdfFile(content, MAX_PIXELS).pages(None, 0, 1)
    pixels = decode(picture)
    assert pixels[600:, :300].max() == 0
    assert pixels[:500].min() == pixels[:, 400:].min() == 255


def test_a_document_begins_within_its_first_kilobyte() -> None:
    assert is_pdf(b"\n" * 1000 + FIVE_PAGES)
    assert not is_pdf(b"\n" * 1024 + FIVE_PAGES)
    assert means(b"junk" * 10 + FIVE_PAGES, (3,)) == {3: 100}


def test_a_picture_whose_metadata_has_a_signature_of_pdf_is_a_picture() -> None:
    """As a programme writes it that converts PDF."""
    page = Pillow.new("L", (10, 10), 255).convert("RGB")
    text = PngInfo()
    text.add_text("Source", "%PDF-1.7")
    options: dict[str, dict[str, object]] = {
        "PNG": {"pnginfo": text},
        "JPEG": {"comment": b"%PDF-1.7"},
        "GIF": {"comment": b"%PDF-1.7"},
        "WEBP": {},
        "BMP": {},
    }
    for form, metadata in options.items():
        file = io.BytesIO()
        page.save(file, form, **metadata)
        content = file.getvalue() + b"%PDF-1.7"
        assert b"%PDF-" in content[:1024], form
        assert open_document(content, MAX_PIXELS) is None, form


@pytest.mark.parametrize(
    "content",
    [
        FIVE_PAGES[: len(FIVE_PAGES) // 2],
        FIVE_PAGES[:100],
        b"%PDF-1.7\n",
        hand_written_pdf((b"<< /Type /Catalog /Pages 2 0 R >>", b"<< /Type /Pages /Kids [] /Count 0 >>")),
    ],
    ids=["half", "head", "first line", "no pages"],
)
def test_damaged_documents_are_refused(content: bytes) -> None:
    error = refusal(content)
    assert isinstance(error, UnsupportedPicture)
    assert "The PDF document is damaged or incomplete" in error.detail


def test_an_encrypted_document_is_refused() -> None:
    error = refusal(encrypted(FIVE_PAGES))
    assert isinstance(error, UnsupportedPicture)
    assert "encrypted" in error.detail


def test_pictures_on_a_page_are_bounded() -> None:
    assert means(pdf_with_picture(500, 400)) == {1: 0}
    error = refusal(pdf_with_picture(8000, 7000))
    assert isinstance(error, TooManyPixels)
    assert "A picture on page 1 has 8000 x 7000 pixels" in error.detail


def test_a_page_that_ends_the_renderer_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pdf, "SECONDS", 2)
    assert isinstance(refusal(pdf_of_nested_forms()), UnsupportedPicture)


@pytest.mark.skipif(sys.platform == "win32", reason="has no limit of memory")
def test_the_memory_of_the_renderer_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pdf, "MEMORY", 2**23)
    error = refusal(FIVE_PAGES)
    assert isinstance(error, UnsupportedPicture)


def test_rendering_ends_when_nobody_waits_any_more() -> None:
    def render_for_nobody() -> None:
        enter_request({}).abandon()
        PdfFile(FIVE_PAGES, MAX_PIXELS).pages(None, 0, 100)

    with pytest.raises(DeadlineExceeded):
        contextvars.copy_context().run(render_for_nobody)


def test_without_the_extra_a_document_is_refused_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pypdfium2", None)
    error = refusal(FIVE_PAGES)
    assert isinstance(error, UnsupportedPicture)
    assert "[pdf]" in error.detail
    assert "pdftoppm" in error.detail


@pytest.mark.slow
def test_files_with_damage_are_read_or_refused() -> None:
    random = np.random.default_rng(0)
    for _ in range(300):
        content = bytearray(FIVE_PAGES)
        for place in random.integers(0, len(content), random.integers(1, 20)):
            content[place] = random.integers(256)
        with contextlib.suppress(UnsupportedPicture, TooManyPixels, TooManyPages):
            means(bytes(content[: random.integers(len(content) // 2, len(content) + 1)]))
