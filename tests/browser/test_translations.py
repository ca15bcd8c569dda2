"""translations.js: the page in Chinese, and the change of language."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.support.browser_actions import SEVEN, draw, drop_file, expect_digit


@pytest.fixture
def chinese_page(browser: Browser, service: str) -> Iterator[Page]:
    context = browser.new_context(locale="zh-CN")
    page = context.new_page()
    page.goto(service)
    yield page
    context.close()


def test_the_page_is_in_chinese_for_a_chinese_browser(chinese_page: Page) -> None:
    expect(chinese_page.locator("html")).to_have_attribute("lang", "zh-Hans")
    draw(chinese_page, SEVEN)
    expect_digit(chinese_page, 7)
    expect(chinese_page.locator("#words")).to_have_text(re.compile("几乎确定|很可能|可能|不太确定"))
    expect(chinese_page.locator("#decided-caption")).to_have_text("7 的判断依据")
    text = chinese_page.locator("body").inner_text()
    assert set(re.findall("[a-zA-Z]{3,}", text)) <= {"digits", "English", "CPU", "GPU"}


def test_a_problem_is_shown_in_chinese(chinese_page: Page) -> None:
    drop_file(chinese_page, "notes.txt", "text/plain", b"a shopping list")
    expect(chinese_page.locator("#words")).to_have_text("无法读取图片")


def test_the_language_can_be_changed_and_is_kept(page: Page) -> None:
    draw(page, SEVEN)
    expect(page.locator("#decided-caption")).to_have_text("for and against 7")
    page.get_by_role("button", name="中文").click()
    expect(page.locator("#decided-caption")).to_have_text("7 的判断依据")  # the result on display is translated too
    page.reload()
    expect(page.locator("#words")).to_have_text("等待书写")


@pytest.mark.parametrize("file", ["translations.js", "workbench/messages.js"])
def test_both_languages_have_all_messages(page: Page, file: str) -> None:
    source = page.evaluate(f"fetch('static/{file}').then((response) => response.text())")
    parts = re.split(r"^  zh: \{|^const ZH\w* = \{", source, flags=re.MULTILINE)[:2]
    english, chinese = (set(re.findall(r"^ {2,4}(\w+):", part, re.MULTILINE)) - {"en"} for part in parts)
    assert english == chinese
    assert len(english) > 50


@pytest.mark.parametrize("path", ["about/models", "about/health"])
def test_the_pages_about_the_service_have_both_languages(chinese_page: Page, service: str, path: str) -> None:
    chinese_page.goto(service + path)
    expect(chinese_page.locator(".card").first).to_be_visible()
    expect(chinese_page.locator("dt").first).to_have_text(re.compile("[\u4e00-\u9fff]"))
    source = chinese_page.evaluate("fetch('../static/about_translations.js').then((response) => response.text())")
    english, chinese = (set(re.findall(r"^    (\w+):", part, re.MULTILINE)) for part in source.split("  zh: {")[:2])
    assert english == chinese
    chinese_page.get_by_role("button", name="English").click()
    expect(chinese_page.locator("dt").first).to_have_text(re.compile("^[a-z ]+$"))
