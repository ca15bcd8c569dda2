"""The page is usable by everyone: WCAG's rules, the keyboard alone, screen readers, less motion."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.support.browser_actions import SEVEN, accessibility_violations, draw, expect_digit


@pytest.fixture(params=["light", "dark"])
def page_to_check(
    browser: Browser, service: str, request: pytest.FixtureRequest, locale: str, size: tuple[int, int]
) -> Iterator[Page]:
    context = browser.new_context(
        color_scheme=request.param,
        locale=locale,
        viewport={"width": size[0], "height": size[1]},
        bypass_csp=True,  # so that axe can be put into the page
    )
    page = context.new_page()
    page.goto(service)
    yield page
    context.close()


@pytest.mark.parametrize("locale", ["en-US", "zh-CN"])
@pytest.mark.parametrize("size", [(1200, 720), (390, 844)], ids=["desktop", "phone"])
def test_the_page_violates_no_accessibility_rule(page_to_check: Page, axe: str) -> None:
    page = page_to_check
    assert accessibility_violations(page, axe) == []
    draw(page, SEVEN)
    expect_digit(page, 7)
    expect(page.locator("#decided-caption")).not_to_be_empty()
    assert accessibility_violations(page, axe) == []


def test_the_keyboard_reaches_every_control(page: Page) -> None:
    draw(page, SEVEN)  # enables undo and clear
    expect(page.locator("#decided-caption")).to_have_text("for and against 7")
    page.locator("h1").click()
    reached = []
    for _ in range(12):
        page.keyboard.press("Tab")
        reached.append(name_of(page.locator(":focus")))
        assert is_outlined(page.locator(":focus"))
    assert reached == [
        *("API", "Models", "Health", "中文", "mode one"),
        *("pad", "Undo", "Clear", "Picture", "Camera", "ondevice", "explained 7"),
    ]


def name_of(focused: Locator) -> str:
    text: str = focused.evaluate("e => e.type === 'radio' ? `${e.name} ${e.value}` : e.innerText || e.id")
    return text


def is_outlined(focused: Locator) -> bool:
    """Itself, or the visible element beside an input that is visually hidden."""
    outlined: bool = focused.evaluate(
        """e => [e, ...e.parentElement.querySelectorAll('input ~ *')]
            .some((part) => getComputedStyle(part).outlineStyle === 'solid')"""
    )
    return outlined


@pytest.mark.parametrize("key", ["Enter", "Space"])
def test_a_key_on_the_picture_button_opens_the_file_dialog(page: Page, key: str) -> None:
    file = page.locator("#file")
    # The click is recorded and stopped, since the dialog itself would stay open.
    file.evaluate("file => file.addEventListener('click', (event) => { event.preventDefault(); file.title = 'open'; })")
    page.get_by_role("button", name="Choose a picture").focus()
    page.keyboard.press(key)
    expect(file).to_have_attribute("title", "open")


def test_a_screen_reader_announces_the_result(page: Page) -> None:
    draw(page, SEVEN)
    expect(page.get_by_role("status").filter(has_text="%")).to_have_text(re.compile(r"^7, .*%$"))


def test_nothing_moves_for_visitors_who_prefer_reduced_motion(page: Page) -> None:
    page.emulate_media(reduced_motion="reduce")
    draw(page, SEVEN)
    expect_digit(page, 7)
    assert page.evaluate("document.getAnimations().length") == 0
