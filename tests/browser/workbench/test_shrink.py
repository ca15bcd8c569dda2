"""shrink.js: large photos are sent smaller, upright as their EXIF says; others as they are."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Page, Request, expect

from tests.support.workbench_actions import add_files, expect_read, file_of, png_file, sheet_png

UPRIGHT_AFTER_QUARTER_TURN = 6  # the EXIF orientation of a photo taken with the phone held upright


def photo(side: int, orientation: int) -> bytes:
    """A JPEG with two lines of sevens, its pixels lying on their side, and EXIF that says how to turn them."""
    picture = Image.open(io.BytesIO(sheet_png(3, 2))).resize((side * 4 // 3, side))
    exif = Image.Exif()
    exif[0x0112] = orientation
    file = io.BytesIO()
    picture.transpose(Image.Transpose.ROTATE_90).save(file, "JPEG", quality=95, exif=exif)
    return file.getvalue()


def sent_bytes(request: Request) -> int:
    return int(request.header_value("content-length") or 0)


@pytest.mark.slow
def test_a_large_photo_is_shrunk_and_stays_upright(page: Page) -> None:
    with page.expect_request("**/read?*") as request:
        add_files(page, file_of("photo.jpg", "image/jpeg", photo(3300, UPRIGHT_AFTER_QUARTER_TURN)))
    expect_read(page, 1)
    expect(page.locator("#line-list .line-text")).to_have_text(["777", "77"])
    width, height = page.locator("#picture canvas").evaluate("canvas => [canvas.width, canvas.height]")
    assert (width, height) == (3000, 2250)
    assert sent_bytes(request.value) < len(photo(3300, UPRIGHT_AFTER_QUARTER_TURN))


def test_a_small_picture_is_sent_as_it_is(page: Page) -> None:
    with page.expect_request("**/read?*") as request:
        add_files(page, png_file("a.png", 2))
    assert sent_bytes(request.value) == len(sheet_png(2))
    expect_read(page, 1)


def test_a_picture_is_never_enlarged(page: Page) -> None:
    content = photo(300, UPRIGHT_AFTER_QUARTER_TURN)
    with page.expect_request("**/read?*") as request:
        add_files(page, file_of("photo.jpg", "image/jpeg", content))
    assert sent_bytes(request.value) == len(content)
    expect_read(page, 1)
    page.wait_for_function(  # boxes and picture are turned alike
        """() => {
            const [outline, canvas] = [".line-outline", "#picture canvas"].map((name) => document.querySelector(name));
            if (!outline) return false;
            const [line, picture] = [outline, canvas].map((element) => element.getBoundingClientRect());
            return line.height > 0 && line.top - picture.top < picture.height / 2;
        }"""
    )


def test_transparent_paper_is_white(page: Page) -> None:
    ink = 255 - np.asarray(Image.open(io.BytesIO(sheet_png(2))).resize((3300, 1980)))
    picture = np.dstack([np.zeros_like(ink)] * 3 + [ink])
    file = io.BytesIO()
    Image.fromarray(picture, "RGBA").save(file, "PNG")
    add_files(page, file_of("a.png", "image/png", file.getvalue()))
    expect_read(page, 1)
    expect(page.locator("#line-list .line-text")).to_have_text(["77"])
