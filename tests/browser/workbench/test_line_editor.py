"""line_editor.js: lines are corrected by a few keys, or with the pointer."""

from __future__ import annotations

import re

from playwright.sync_api import Page, expect

from tests.support.workbench_actions import Doubt, add_files, expect_read, make_doubtful, png_file, texts

CURRENT = '#line-list [aria-selected="true"]'


def open_doubtful_sheets(page: Page) -> None:
    """Two sheets whose first two lines are doubted and misread."""
    make_doubtful(page, Doubt("17", ["77", "71"]), Doubt("5", ["6"]))
    add_files(page, png_file("a.png", 2, 1, 1), png_file("b.png", 2, 1))
    expect_read(page, 2)
    page.locator("#stack li").first.click()
    expect(texts(page)).to_have_text(["17", "5", "7"])
    page.locator("#line-list").focus()


def test_doubtful_signs_stand_out_in_the_text_and_on_the_picture(page: Page) -> None:
    open_doubtful_sheets(page)
    expect(page.locator("#line-list mark")).to_have_text(["1", "5"])
    expect(page.locator("#picture .line-outline.doubtful")).to_have_count(2)
    expect(page.locator("#picture .sign-bar")).to_have_count(2)
    assert "uncertain" in (page.locator(CURRENT).get_attribute("aria-description") or "")


def test_a_number_key_chooses_a_reading_and_goes_on(page: Page) -> None:
    open_doubtful_sheets(page)
    page.keyboard.press("2")
    expect(texts(page).first).to_have_text("77")
    expect(page.locator(CURRENT)).to_contain_text("5")
    expect(page.get_by_role("status").filter(has_text="Corrected to 77. 1 uncertain line left")).to_have_count(1)


def test_typing_replaces_the_doubtful_sign(page: Page) -> None:
    open_doubtful_sheets(page)
    for key in ("e", "4", "Enter"):
        page.keyboard.press(key)
    expect(texts(page).first).to_have_text("47")
    expect(page.locator("#line-list")).to_be_focused()


def test_a_sign_that_is_missing_is_put_in_by_few_keys(page: Page) -> None:
    open_doubtful_sheets(page)
    for key in ("ArrowRight", "i", "4", "8"):
        page.keyboard.press(key)
    expect(texts(page).first).to_have_text("4817")
    for key in ("ArrowRight", "i", "3"):  # the arrow leaves the inserting
        page.keyboard.press(key)
    expect(texts(page).first).to_have_text("48137")
    for key in ("End", "ArrowUp", "ArrowUp", "ArrowLeft", "ArrowRight", "5", "6"):  # behind the last sign
        page.keyboard.press(key)
    expect(texts(page).first).to_have_text("4813756")


def test_typed_text_is_kept_when_the_language_changes(page: Page) -> None:
    open_doubtful_sheets(page)
    page.keyboard.press("e")
    page.keyboard.type("4")
    page.get_by_role("button", name="中文").click()
    expect(page.get_by_role("button", name="确认")).to_be_visible()
    expect(page.locator("#line-field")).to_have_value("47")
    page.locator("#line-list li").nth(1).click()
    expect(page.locator("#line-field")).to_have_value("5")
    page.locator("#line-list li").first.click()
    expect(page.locator("#line-field")).to_have_value("17")


def test_the_arrow_keys_choose_the_doubtful_sign_then_others_and_digits_replace_them(page: Page) -> None:
    open_doubtful_sheets(page)
    for key in ("ArrowRight", "4"):
        page.keyboard.press(key)
    expect(texts(page).first).to_have_text("47")
    page.keyboard.press("8")  # the next sign
    expect(texts(page).first).to_have_text("48")
    page.keyboard.press("Delete")
    expect(texts(page).first).to_have_text("4")
    page.keyboard.press("Escape")
    page.keyboard.press("2")  # a reading again
    expect(texts(page).first).to_have_text("77")


def test_typing_replaces_the_chosen_sign(page: Page) -> None:
    open_doubtful_sheets(page)
    for key in ("ArrowRight", "ArrowRight", "e", "4", "Enter"):
        page.keyboard.press(key)
    expect(texts(page).first).to_have_text("14")


def test_enter_accepts_a_line_as_it_is(page: Page) -> None:
    open_doubtful_sheets(page)
    page.keyboard.press("Enter")
    expect(page.locator("#line-list li").first).to_contain_text("accepted")
    expect(page.locator("#line-list mark")).to_have_text(["5"])


def test_n_goes_to_the_next_doubtful_line_of_any_sheet(page: Page) -> None:
    open_doubtful_sheets(page)
    page.keyboard.press("n")
    expect(page.locator(CURRENT)).to_contain_text("5")
    page.keyboard.press("n")
    expect(page.locator("#sheet-name")).to_have_text("b.png")
    expect(page.locator(CURRENT)).to_contain_text("17")
    page.keyboard.press("p")
    expect(page.locator("#sheet-name")).to_have_text("a.png")
    expect(page.locator(CURRENT)).to_contain_text("5")


def test_every_step_can_be_undone(page: Page) -> None:
    open_doubtful_sheets(page)
    for key in ("2", "2"):
        page.keyboard.press(key)
    expect(texts(page)).to_have_text(["77", "6", "7"])
    page.keyboard.press("n")
    expect(page.locator("#sheet-name")).to_have_text("b.png")
    page.keyboard.press("u")
    expect(page.locator("#sheet-name")).to_have_text("a.png")
    expect(texts(page)).to_have_text(["77", "5", "7"])
    page.keyboard.press("Control+z")
    expect(texts(page)).to_have_text(["17", "5", "7"])
    expect(page.locator("#line-list mark")).to_have_count(2)


def test_letters_are_text_in_the_field(page: Page) -> None:
    open_doubtful_sheets(page)
    page.locator("#line-field").fill("")
    page.locator("#line-field").press_sequentially("1n2u")
    expect(page.locator("#line-field")).to_have_value("1n2u")
    page.keyboard.press("Escape")
    expect(texts(page).first).to_have_text("17")


def test_the_pointer_alone_corrects(page: Page) -> None:
    open_doubtful_sheets(page)
    page.get_by_role("button", name=re.compile("^2 ?77")).click()
    expect(texts(page).first).to_have_text("77")
    page.locator("#picture .line-outline").nth(2).click()
    expect(page.locator(CURRENT)).to_contain_text("7")
    page.locator("#line-field").fill("8")
    page.get_by_role("button", name="Accept").click()
    expect(texts(page)).to_have_text(["77", "5", "8"])
