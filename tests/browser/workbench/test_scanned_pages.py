"""scanned_pages.js: the pages of scanned documents are shown, though browsers cannot draw a PDF on a page."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image
from playwright.sync_api import Page, expect

from tests.support.document_files import pdf_of, pdf_of_content
from tests.support.workbench_actions import add_files, expect_read, file_of, sheet_png, texts


def pixels(*lines: int) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    return np.asarray(Image.open(io.BytesIO(sheet_png(*lines))))


def test_each_page_of_a_scan_stands_beside_its_lines(page: Page) -> None:
    add_files(page, file_of("scan.pdf", "application/pdf", pdf_of(pixels(1, 2), pixels(3))))
    expect_read(page, 1)
    expect(texts(page)).to_have_text(["7", "77"])
    expect(page.locator(".picture-note")).to_be_hidden()
    assert ink_within_outlines(page) == [True, True]
    page.get_by_role("button", name="Next page").click()
    expect(texts(page)).to_have_text(["777"])
    assert ink_within_outlines(page) == [True]


def ink_within_outlines(page: Page) -> list[bool]:
    """Whether the canvas has ink in the middle of each outline."""
    expect(page.locator(".line-outline")).to_have_count(texts(page).count())
    found: list[bool] = page.locator(".line-outline").evaluate_all(
        """boxes => boxes.map((box) => {
            const [x, y, width, height] = ['x', 'y', 'width', 'height'].map((side) => Number(box.getAttribute(side)));
            const context = document.querySelector('#picture canvas').getContext('2d');
            return context.getImageData(x, y, width, height).data.some((level) => level < 80);
        })"""
    )
    return found


def test_a_document_that_is_no_scan_says_that_it_cannot_be_shown(page: Page) -> None:
    drawing = b"8 w 100 700 m 160 700 l 130 600 l S"  # a seven
    add_files(page, file_of("form.pdf", "application/pdf", pdf_of_content(drawing)))
    expect_read(page, 1)
    expect(page.locator(".picture-note")).to_contain_text("This browser cannot show form.pdf.")
