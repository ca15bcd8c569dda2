"""stack.js: the stack of sheets, in the order in which they came, and how it outlives the page."""

from __future__ import annotations

import contextlib
import re

from playwright.sync_api import BrowserContext, Error, Page, expect

from tests.support.browser_actions import drop_file
from tests.support.workbench_actions import (
    add_files,
    choose_several,
    expect_read,
    file_of,
    names,
    png_file,
    sheet_png,
    texts,
)


def test_all_files_are_listed_in_order_and_bad_ones_are_named(page: Page) -> None:
    files = [
        png_file("b.png", 1),
        file_of("notes.jpg", "image/jpeg", b"a shopping list"),
        png_file("a.png", 2, 1),
        file_of("empty.png", "image/png", b""),
        png_file("c.png", 3),
    ]
    add_files(page, *files)
    expect_read(page, 3)
    assert names(page) == [file["name"] for file in files]
    states = page.locator("#stack .state")
    expect(states.nth(1)).to_have_text("The picture cannot be decoded")
    expect(states.nth(3)).to_have_text("The file is empty")
    expect(page.locator("#stack-summary")).to_have_text(re.compile(r"^3 of 5 read · 2 failed · "))


def test_several_files_leave_the_mode_of_one_digit(page: Page) -> None:
    page.locator("#file").set_input_files([png_file("a.png", 1), png_file("b.png", 2)])
    expect_read(page, 2)
    expect(page.get_by_role("radio", name="Several")).to_be_checked()


def test_a_picture_of_the_mode_of_one_digit_goes_to_the_stack(page: Page) -> None:
    """/predict refuses a page of several digits: its picture is not thrown away with the mode."""
    drop_file(page, "page.png", "image/png", sheet_png(3, 3, 3))
    choose_several(page)
    expect_read(page, 1)
    assert names(page) == ["page.png"]


def test_a_reload_loses_nothing(page: Page) -> None:
    add_files(page, png_file("a.png", 1), png_file("b.png", 2, 1))
    expect_read(page, 2)
    page.locator("#stack li").nth(1).click()
    page.locator("#line-field").fill("41")
    page.keyboard.press("Enter")
    expect(texts(page)).to_have_text(["41", "7"])
    page.reload()
    expect_read(page, 2)
    page.locator("#stack li").nth(1).click()
    expect(texts(page)).to_have_text(["41", "7"])
    expect(page.locator("#picture canvas")).to_be_visible()


def test_a_crash_of_the_tab_loses_nothing(desktop: BrowserContext, service: str) -> None:
    page = desktop.new_page()
    page.goto(service)
    page.route("**/read?*", lambda _: None)  # the first is on its way when the tab crashes
    add_files(page, *(png_file(f"{number}.png", 1) for number in range(4)))
    expect(page.locator("#stack .state").first).to_have_text(re.compile("Sending|Reading"))
    expect(page.locator("#stack .state").last).to_have_text("Waiting")
    with page.expect_event("crash"), contextlib.suppress(Error):
        page.goto("chrome://crash")
    again = desktop.new_page()
    again.goto(service)
    expect_read(again, 4)
    assert names(again) == ["0.png", "1.png", "2.png", "3.png"]


def test_a_second_tab_takes_over_when_the_first_is_closed(desktop: BrowserContext, page: Page, service: str) -> None:
    """Two tabs would read every sheet twice and write over each other's corrections."""
    add_files(page, png_file("a.png", 1))
    expect_read(page, 1)
    second = desktop.new_page()
    second.goto(service)
    expect(second.get_by_text(re.compile("open in another tab"))).to_be_visible()
    assert names(second) == []
    page.close()
    expect_read(second, 1)


def test_what_a_second_tab_is_given_is_read_at_once_and_kept(desktop: BrowserContext, page: Page, service: str) -> None:
    add_files(page, png_file("a.png", 1))
    expect_read(page, 1)
    second = desktop.new_page()
    second.goto(service)
    add_files(second, png_file("b.png", 2))
    expect_read(second, 1)
    expect(second.locator("#stack-notice")).to_contain_text("lost if this tab is closed first")
    expect(texts(second)).to_have_text(["77"])
    assert names(page) == ["a.png"]
    page.close()
    expect_read(second, 2)
    assert names(second) == ["a.png", "b.png"]
    second.reload()
    expect_read(second, 2)
    assert names(second) == ["a.png", "b.png"]
    expect(second.locator("#stack-notice")).to_be_hidden()
    second.locator("#stack li").nth(1).click()
    expect(second.locator("#picture canvas")).to_be_visible()


def test_nothing_is_left_of_a_cleared_stack(page: Page) -> None:
    add_files(page, png_file("a.png", 1), png_file("b.png", 1))
    expect_read(page, 2)
    page.get_by_role("button", name="Clear the stack").click()
    page.get_by_role("dialog").get_by_role("button", name="Cancel").click()
    assert len(names(page)) == 2
    page.get_by_role("button", name="Clear the stack").click()
    page.get_by_role("dialog").get_by_role("button", name="Clear").click()
    expect(page.locator("#pad")).to_be_visible()
    page.reload()
    expect(page.get_by_role("radio", name="One digit")).to_be_checked()
    choose_several(page)
    expect(page.locator("#pad")).to_be_visible()


def test_a_removed_sheet_comes_back_to_its_place(page: Page) -> None:
    add_files(page, png_file("a.png", 1), png_file("b.png", 2), png_file("c.png", 1))
    expect_read(page, 3)
    page.locator("#stack li").nth(1).click()
    page.get_by_role("button", name="Remove").click()
    assert names(page) == ["a.png", "c.png"]
    page.get_by_role("button", name="Undo").click()
    expect(page.locator("#stack li")).to_have_count(3)
    assert names(page) == ["a.png", "b.png", "c.png"]
    expect(texts(page)).to_have_text(["77"])


def test_the_only_sheet_comes_back_too(page: Page) -> None:
    add_files(page, png_file("a.png", 2))
    expect_read(page, 1)
    page.get_by_role("button", name="Remove").click()
    expect(page.locator("#stack li")).to_have_count(0)
    page.get_by_role("button", name="Undo").click()
    expect(page.locator("#stack li")).to_have_count(1)
    expect(texts(page)).to_have_text(["77"])
    expect(page.locator("#picture canvas")).to_be_visible()
