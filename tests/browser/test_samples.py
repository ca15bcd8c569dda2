"""samples.js: pictures to try the page with."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from tests.support.browser_actions import SEVEN, draw, expect_digit, hold_requests
from tests.support.workbench_actions import LONG_MS, texts

SHEET = ("69725", "60157", "36833", "03330", "68507", "22076", "50716", "94373")
FORM = ("38297", "03682", "93843", "11565", "17938", "14099", "81977")


def test_the_sample_of_a_digit_is_read(page: Page) -> None:
    page.get_by_role("button", name="A digit").click()
    expect_digit(page, 5)


@pytest.mark.parametrize(
    ("name", "lines"), [("A photo of a sheet", SHEET), ("A form with boxes", FORM)], ids=["sheet", "form"]
)
def test_a_sample_of_several_digits_changes_the_mode_and_is_read(page: Page, name: str, lines: tuple[str, ...]) -> None:
    page.get_by_role("button", name=name).click()
    expect(page.get_by_role("radio", name="Several")).to_be_checked()
    expect(texts(page)).to_have_text(lines, timeout=LONG_MS)


def test_a_picture_is_being_read_until_it_has_been(page: Page) -> None:
    held = hold_requests(page, "**/predict?*")
    page.get_by_role("button", name="A digit").click()
    expect(page.locator("#words")).to_have_text("Reading …")
    held[0].continue_()
    expect_digit(page, 5)


def test_the_sample_of_a_digit_changes_the_mode_back(page: Page) -> None:
    page.get_by_text("Several").click()
    page.get_by_role("button", name="A digit").click()
    expect_digit(page, 5)


def test_samples_give_way_to_the_result_and_come_back_with_clear(page: Page) -> None:
    samples = page.get_by_role("group", name=re.compile("Try one of these"))
    expect(samples).to_be_visible()
    draw(page, SEVEN)
    expect_digit(page, 7)
    expect(samples).to_be_hidden()
    page.get_by_role("button", name="Clear").click()
    expect(samples).to_be_visible()


def test_a_sample_that_cannot_be_fetched_changes_nothing(page: Page) -> None:
    page.route("**/samples/digit.png", lambda route: route.fulfill(status=404))
    page.get_by_role("button", name="A digit").click()
    page.wait_for_timeout(200)
    expect(page.locator("main")).to_have_attribute("data-state", "empty")
