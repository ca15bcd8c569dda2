"""workbench_loader.js: one digit is read without the workbench."""

from __future__ import annotations

from playwright.sync_api import BrowserContext, Page, expect

from tests.support.browser_actions import SEVEN, draw, expect_digit
from tests.support.workbench_actions import add_files, choose_several, expect_read, png_file


def workbench_files(page: Page) -> int:
    count: int = page.evaluate(
        "performance.getEntriesByType('resource').filter(({ name }) => name.includes('/workbench/')).length"
    )
    return count


def test_the_workbench_is_loaded_when_its_mode_is_chosen(page: Page) -> None:
    draw(page, SEVEN)
    expect_digit(page, 7)
    assert workbench_files(page) == 0
    choose_several(page)
    page.locator("#stack").wait_for(state="attached")
    assert workbench_files(page) > 10


def test_a_workbench_that_cannot_be_loaded_is_loaded_later(page: Page, desktop: BrowserContext) -> None:
    desktop.set_offline(True)
    add_files(page, png_file("a.png", 1))
    expect(page.locator("#words")).to_have_text("A part of this page could not be loaded")
    desktop.set_offline(False)
    add_files(page, png_file("a.png", 1))
    expect_read(page, 1)
