"""read_lines.js: the lines of a page, their doubtful signs, and the readings to choose from."""

from __future__ import annotations

from typing import Literal

import pytest
from playwright.sync_api import Browser, BrowserContext, Locator, Page, Route, expect

from tests.support.browser_actions import SEVEN, accessibility_violations, draw, expect_lines

TEXTS = "summary .line-text"


@pytest.fixture
def sheet(page: Page) -> Page:
    """The page with two lines that were read."""
    write_two_lines(page)
    return page


def write_two_lines(page: Page) -> None:
    page.get_by_text("Several").click()
    for left in (0.1, 0.3):
        for top in (0.0, 0.5):
            draw(page, [(left + x * 0.15, top + y * 0.5) for x, y in SEVEN])
    expect_lines(page, "77", "77")


def write_doubtful_sevens(page: Page) -> None:
    """Three sevens on a line. The service doubts the line and its second sign, and the third is none it knows."""
    page.route("**/read?*", answer_with_doubts)
    page.get_by_text("Several").click()
    for left in (0.1, 0.3, 0.5):
        draw(page, [(left + x * 0.15, 0.25 + y * 0.5) for x, y in SEVEN])
    expect(page.locator("#answer")).to_have_attribute("aria-busy", "false")  # the last answer replaces the lines
    expect(page.locator("mark")).to_have_count(2)


def answer_with_doubts(route: Route) -> None:
    """The service's own response, with doubts of ours once all three signs are there."""
    response = route.fetch()
    document = response.json()
    for line in document["readings"]:
        if len(line["signs"]) == 3:
            line |= {"accepted": False, "confidence": 0.4219}
            line["signs"][1] |= {"accepted": False, "confidence": 0.5219}
            line["signs"][2] |= {"accepted": False, "kind": "other", "text": ""}
    route.fulfill(response=response, json=document)


def open_line(page: Page, index: int) -> Locator:
    """Returns its readings to choose from."""
    page.locator("#lines summary").nth(index).click()
    return page.locator("#lines > li").nth(index).get_by_role("radio")


def test_doubtful_signs_are_marked_and_say_how_doubtful_they_are(page: Page) -> None:
    write_doubtful_sevens(page)
    doubtful, unknown = page.locator("mark").all()
    expect(doubtful).to_have_text("7")
    expect(doubtful).to_have_attribute("title", "7: 52.1%, uncertain")
    expect(unknown).to_have_attribute("title", "Neither a digit nor a mark")
    assert doubtful.evaluate("mark => getComputedStyle(mark).textDecorationLine") == "underline"
    assert unknown.evaluate("mark => getComputedStyle(mark, '::before').content") == '"▯"'
    expect(page.locator(".box.doubtful")).to_have_count(2)


def test_doubtful_lines_are_marked(page: Page) -> None:
    write_doubtful_sevens(page)
    expect(page.locator("#lines summary")).to_contain_text("42.1%, uncertain")
    expect(page.locator("#lines > .doubtful")).to_have_count(1)
    expect(page.locator(".line-box.doubtful")).to_have_count(1)


def test_a_chosen_reading_replaces_the_text_of_its_line(sheet: Page) -> None:
    before = sheet.locator(TEXTS).all_inner_texts()
    other = open_line(sheet, 1).nth(1)
    chosen = other.input_value()
    assert chosen != before[1]
    other.check()
    expect(sheet.locator(TEXTS)).to_have_text([before[0], chosen, *before[2:]])
    expect(sheet.locator("#lines summary").nth(1)).to_contain_text("chosen")
    sheet.get_by_role("button", name="中文").click()
    expect(sheet.locator(TEXTS).nth(1)).to_have_text(chosen)  # also after a change of language


def test_the_reading_of_the_service_can_be_chosen_again(page: Page) -> None:
    write_doubtful_sevens(page)
    readings = open_line(page, 0)
    readings.nth(1).check()
    expect(page.locator("mark")).to_have_count(0)  # a person has looked at it
    expect(page.locator("#lines > .doubtful")).to_have_count(0)
    readings.nth(0).check()
    expect(page.locator("mark")).to_have_count(2)


def test_the_chosen_texts_are_copied(desktop: BrowserContext, sheet: Page) -> None:
    desktop.grant_permissions(["clipboard-read", "clipboard-write"])
    other = open_line(sheet, 0).nth(1)
    other.check()
    sheet.get_by_role("button", name="Copy").click()
    expect(sheet.get_by_role("button", name="Copied")).to_be_visible()
    expect(sheet.get_by_role("status").filter(has_text="Copied")).to_have_count(1)
    expected = sheet.locator(TEXTS).all_inner_texts()
    assert expected[0] == other.input_value()
    assert sheet.evaluate("navigator.clipboard.readText()").splitlines() == expected


def test_selected_lines_are_copied_without_their_confidence(desktop: BrowserContext, sheet: Page) -> None:
    desktop.grant_permissions(["clipboard-read", "clipboard-write"])
    sheet.evaluate("getSelection().selectAllChildren(document.getElementById('lines'))")
    sheet.keyboard.press("Control+c")
    copied = sheet.evaluate("navigator.clipboard.readText()")
    assert copied.split("\n") == sheet.locator(TEXTS).all_inner_texts()


def test_one_line_is_open_at_a_time_and_marked_on_the_picture(sheet: Page) -> None:
    open_line(sheet, 0)
    open_line(sheet, 1)
    expect(sheet.locator("details[open]")).to_have_count(1)
    expect(sheet.locator(".line-box.open")).to_have_count(1)
    assert "open" in (sheet.locator(".line-box").nth(1).get_attribute("class") or "")


def test_the_keyboard_alone_opens_a_line_and_chooses(sheet: Page) -> None:
    sheet.locator("#lines summary").first.focus()
    sheet.keyboard.press("Enter")
    sheet.keyboard.press("Tab")
    sheet.keyboard.press("ArrowDown")
    second = sheet.locator("#lines > li").first.get_by_role("radio").nth(1)
    expect(second).to_be_checked()
    expect(sheet.locator(TEXTS).first).to_have_text(second.input_value())


def test_a_screen_reader_hears_the_doubts_of_a_line(page: Page) -> None:
    write_doubtful_sevens(page)
    line = page.locator("#lines summary")
    assert line.evaluate("e => e.ariaDescription") == "7: 52.1%, uncertain, Neither a digit nor a mark"
    open_line(page, 0)
    expect(page.get_by_role("group", name="Readings of line 1")).to_be_visible()


@pytest.mark.parametrize("color_scheme", ["light", "dark"])
def test_the_lines_violate_no_accessibility_rule(
    browser: Browser, service: str, axe: str, color_scheme: Literal["light", "dark"]
) -> None:
    context = browser.new_context(color_scheme=color_scheme, bypass_csp=True)  # so that axe can be put into the page
    page = context.new_page()
    page.goto(service)
    write_doubtful_sevens(page)
    open_line(page, 0)
    assert accessibility_violations(page, axe) == []
    context.close()
