"""workbench_loader.js: one digit is read without the workbench."""

from __future__ import annotations

from playwright.sync_api import Page

from tests.support.browser_actions import SEVEN, draw, expect_digit
from tests.support.workbench_actions import choose_several


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
