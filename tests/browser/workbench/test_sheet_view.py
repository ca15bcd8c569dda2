"""sheet_view.js: the picture of a sheet, upright, with outlines that cover no ink."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from tests.support.mnist_pictures import encode_png
from tests.support.workbench_actions import add_files, expect_read, file_of, png_file, sheet_png, shown_size, texts
from training.evaluation.sheets.kinds import KINDS, make_sheet


def test_outlines_enclose_the_ink_of_their_lines(page: Page) -> None:
    add_files(page, png_file("a.png", 3, 2))
    expect_read(page, 1)
    expect(page.locator(".line-outline")).to_have_count(2)
    boxes = page.locator(".line-outline").evaluate_all(
        "boxes => boxes.map((box) => ['x', 'y', 'width', 'height'].map((side) => Number(box.getAttribute(side))))"
    )
    paper = np.asarray(Image.open(io.BytesIO(sheet_png(3, 2))))
    outside = paper.copy()
    for left, top, width, height in np.array(boxes).round().astype(int):
        outside[max(0, top) : top + height, max(0, left) : left + width] = 255
        edge = paper[max(0, top), max(0, left) : left + width]
        assert edge.min() > 200  # the outline itself lies on paper
    assert (outside > 128).all()


def test_a_bar_below_a_sign_covers_no_text(page: Page) -> None:
    """Nothing is written on the picture: readings stand in the list beside it."""
    add_files(page, png_file("a.png", 3))
    expect_read(page, 1)
    expect(page.locator(".line-outline")).to_have_count(1)
    assert page.locator("#picture text").count() == 0


@pytest.mark.slow
def test_a_page_that_lies_on_its_side_is_shown_upright(page: Page) -> None:
    add_files(page, file_of("a.jpg", "image/jpeg", make_sheet(KINDS["turned by 90"], (1, 0)).content))
    expect_read(page, 1)
    width, height = shown_size(page)
    assert width < height
    tops = page.locator(".line-outline").evaluate_all("boxes => boxes.map((box) => Number(box.getAttribute('y')))")
    assert tops == sorted(tops)


def test_zoom_makes_the_picture_larger(page: Page) -> None:
    add_files(page, png_file("a.png", 2))
    expect_read(page, 1)
    width = page.locator(".stage").evaluate("e => e.clientWidth")
    page.get_by_role("button", name="Zoom in").click()
    assert page.locator(".stage").evaluate("e => e.clientWidth") == pytest.approx(1.5 * width, abs=2)
    page.get_by_role("button", name="Zoom out").click()
    assert page.locator(".stage").evaluate("e => e.clientWidth") == width


def test_the_pages_of_a_document_have_their_lines_though_it_cannot_be_shown(page: Page) -> None:
    sheets = [Image.open(io.BytesIO(sheet_png(*lines))) for lines in ((1, 2), (3,))]
    file = io.BytesIO()
    sheets[0].save(file, "TIFF", compression="tiff_deflate", save_all=True, append_images=sheets[1:])
    add_files(page, file_of("scan.tiff", "image/tiff", file.getvalue()))
    expect_read(page, 1)
    expect(page.locator(".picture-note")).to_contain_text("This browser cannot show scan.tiff.")
    expect(texts(page)).to_have_text(["7", "77"])
    expect(page.locator("#picture text")).to_have_text(["7", "77"])
    page.get_by_role("button", name="Next page").click()
    expect(texts(page)).to_have_text(["777"])


def test_a_blank_sheet_says_so(page: Page) -> None:
    add_files(page, file_of("blank.png", "image/png", encode_png(np.full((99, 99), 255, np.uint8))))
    expect(page.locator("#stack [data-state=failed]")).to_have_count(1)
    expect(page.locator("#sheet-state")).to_contain_text("blank")
