"""picture_changes.js: a turned or cropped picture is read again; undo brings it back."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence

import pytest
from playwright.sync_api import Error, Page, Route, expect

from tests.support.browser_actions import hold_requests
from tests.support.workbench_actions import add_files, expect_read, png_file, shown_size, texts

LATE_MS = 500  # until an answer that comes too late would be shown


def test_a_turned_picture_is_read_again_and_undo_brings_it_back(page: Page) -> None:
    add_files(page, png_file("a.png", 4))
    expect_read(page, 1)
    before = shown_size(page)
    page.get_by_role("button", name="Turn by 90 degrees").click()
    expect(page.locator("#picture canvas")).to_have_attribute("width", str(before[1]))
    expect_read(page, 1)
    page.get_by_role("button", name="Undo").click()
    expect(page.locator("#picture canvas")).to_have_attribute("width", str(before[0]))
    expect(texts(page)).to_have_text(["7777"])


@pytest.mark.parametrize("by_keyboard", [False, True])
def test_a_cropped_picture_is_read_again(page: Page, by_keyboard: bool) -> None:
    add_files(page, png_file("a.png", 2, 2))
    expect_read(page, 1)
    page.get_by_role("button", name="Crop and read again").click()
    if by_keyboard:
        for key in ["ArrowUp"] * 5 + ["Shift+ArrowUp"] * 17:
            page.keyboard.press(key)
    else:
        stage = page.locator(".stage").bounding_box()
        assert stage is not None
        page.mouse.move(stage["x"] + 12, stage["y"] + 12)  # the corner itself is rounded off
        page.mouse.down()
        page.mouse.move(stage["x"] + stage["width"], stage["y"] + stage["height"] * 0.5)
        page.mouse.up()
    page.keyboard.press("Enter")
    expect(texts(page)).to_have_count(1)
    expect_read(page, 1)


def test_escape_leaves_the_picture_uncropped(page: Page) -> None:
    add_files(page, png_file("a.png", 2, 2))
    expect_read(page, 1)
    page.get_by_role("button", name="Crop and read again").click()
    page.keyboard.press("Escape")
    expect(page.locator(".crop-cover")).to_have_count(0)
    expect(texts(page)).to_have_count(2)


def test_two_turns_in_quick_succession_are_two(page: Page) -> None:
    add_files(page, png_file("a.png", 4))
    expect_read(page, 1)
    before = shown_size(page)
    page.get_by_role("button", name="Turn by 90 degrees").dblclick()
    undo = page.get_by_role("button", name="Undo")
    expect(undo).to_be_enabled()
    expect(page.locator("#picture canvas")).to_have_attribute("width", str(before[1]))
    expect(page.locator("#picture canvas")).to_have_attribute("width", str(before[0]))
    undo.click()
    expect(page.locator("#picture canvas")).to_have_attribute("width", str(before[1]))
    undo.click()
    expect(page.locator("#picture canvas")).to_have_attribute("width", str(before[0]))


def keep_the_upper_line(page: Page) -> None:
    page.get_by_role("button", name="Crop and read again").click()
    for key in ["ArrowUp"] * 5 + ["Shift+ArrowUp"] * 17 + ["Enter"]:
        page.keyboard.press(key)


def wait_for_requests(page: Page, held: Sequence[Route], count: int) -> None:
    while len(held) < count:
        page.wait_for_timeout(20)


def let_go(request: Route) -> None:
    with contextlib.suppress(Error):  # the page may have given it up
        request.continue_()


def test_the_answer_for_a_picture_that_was_cropped_meanwhile_is_not_shown(page: Page) -> None:
    held = hold_requests(page, "**/read?*")
    add_files(page, png_file("a.png", 2, 2))
    wait_for_requests(page, held, 1)
    keep_the_upper_line(page)
    wait_for_requests(page, held, 2)
    first, second = held
    let_go(second)
    expect_read(page, 1)
    let_go(first)
    page.wait_for_timeout(LATE_MS)
    expect(texts(page)).to_have_count(1)


def test_the_answer_for_a_crop_that_was_undone_meanwhile_is_not_shown(page: Page) -> None:
    add_files(page, png_file("a.png", 2, 2))
    expect_read(page, 1)
    held = hold_requests(page, "**/read?*")
    keep_the_upper_line(page)
    wait_for_requests(page, held, 1)
    page.get_by_role("button", name="Undo").click()
    expect(texts(page)).to_have_text(["77", "77"])
    (request,) = held
    let_go(request)
    page.wait_for_timeout(LATE_MS)
    expect(texts(page)).to_have_text(["77", "77"])


def test_a_rectangle_is_of_the_picture_it_was_drawn_on(page: Page) -> None:
    add_files(page, png_file("a.png", 2, 2), png_file("b.png", 1))
    expect_read(page, 2)
    page.locator("#stack li").first.click()
    expect(texts(page)).to_have_count(2)
    page.get_by_role("button", name="Crop and read again").click()
    page.locator("#stack li").nth(1).click()
    expect(page.locator(".crop-cover")).to_have_count(0)
