"""The page where the service asks for API keys."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect

from tests.browser.conftest import serving
from tests.support.browser_actions import ONE, SEVEN, draw, expect_digit, violations

KEY = "key-of-a-visitor"


@pytest.fixture(scope="module")
def keyed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A service that answers only those who send the key."""
    digest = hashlib.sha256(KEY.encode()).hexdigest()
    with serving(tmp_path_factory.mktemp("keyed"), "--api-keys", digest) as address:
        yield address


@pytest.fixture
def closed(desktop: BrowserContext, keyed: str) -> Page:
    """Its page, opened by someone who has entered no key yet."""
    page = desktop.new_page()
    page.goto(keyed)
    return page


def field(page: Page) -> Locator:
    return page.get_by_label("API key")


def enter(page: Page, key: str) -> None:
    field(page).fill(key)
    field(page).press("Enter")


def test_a_key_is_asked_for_at_once_where_one_is_needed(closed: Page) -> None:
    expect(field(closed)).to_be_visible()
    expect(closed.locator("#words")).to_have_text("A key is needed")
    expect(field(closed)).not_to_be_focused()  # whoever reads the page from its top goes on doing so


def test_no_key_is_asked_for_where_none_is_needed(page: Page) -> None:
    draw(page, SEVEN)
    expect_digit(page, 7)
    expect(field(page)).to_be_hidden()


def test_what_is_drawn_is_read_once_the_key_is_entered(closed: Page) -> None:
    draw(closed, SEVEN)
    enter(closed, f" {KEY} ")
    expect_digit(closed, 7)
    expect(closed.locator("#decided-caption")).to_have_text("for and against 7")
    expect(closed.locator("#facts")).to_contain_text("on the")
    expect(field(closed)).to_be_hidden()
    expect(closed.locator("#pad")).to_be_focused()


def test_several_digits_are_read_with_the_key_too(closed: Page) -> None:
    enter(closed, KEY)
    expect(closed.locator("#words")).to_have_text("Waiting for a digit")
    closed.get_by_text("Several").click()
    draw(closed, ONE)
    expect_digit(closed, 1)


@pytest.mark.parametrize("link", ["Models", "Health"])
def test_links_lead_to_what_the_key_opens(closed: Page, link: str) -> None:
    enter(closed, KEY)
    expect(closed.locator("#words")).to_have_text("Waiting for a digit")
    closed.get_by_role("link", name=link).click()
    expect(closed.locator("body")).to_contain_text('"digits-mlp"')


def test_a_key_that_is_not_known_is_refused_and_another_can_be_entered(closed: Page) -> None:
    enter(closed, "another")
    expect(closed.locator("#words")).to_have_text("This key is refused")
    expect(closed.locator("#spoken")).to_contain_text("This key is refused")
    expect(field(closed)).to_have_attribute("aria-invalid", "true")
    expect(field(closed)).to_be_focused()
    closed.keyboard.type(KEY)  # in place of the one refused
    closed.keyboard.press("Enter")
    expect(closed.locator("#words")).to_have_text("Waiting for a digit")


def test_a_key_is_no_more_taken_once_the_service_does_not_know_it(closed: Page) -> None:
    enter(closed, KEY)
    expect(field(closed)).to_be_hidden()
    closed.evaluate("sessionStorage.setItem('digits.apiKey', 'withdrawn')")
    draw(closed, SEVEN)
    expect(closed.locator("#words")).to_have_text("This key is refused")
    expect(field(closed)).to_have_value("")


def test_what_no_header_can_hold_is_not_sent(closed: Page) -> None:
    expect(field(closed)).to_be_visible()
    enter(closed, "密钥")
    assert field(closed).evaluate("field => field.validity.patternMismatch")
    expect(closed.locator("#words")).to_have_text("A key is needed")


def test_the_key_stays_with_the_tab_and_out_of_the_address(desktop: BrowserContext, closed: Page, keyed: str) -> None:
    asked: list[str] = []
    closed.on("request", lambda request: asked.append(request.url))
    enter(closed, KEY)
    draw(closed, SEVEN)
    expect_digit(closed, 7)
    closed.reload()
    draw(closed, SEVEN)
    expect_digit(closed, 7)
    assert not [url for url in [closed.url, *asked] if KEY in url]
    state: Any = desktop.storage_state()
    assert KEY not in str(state)  # cookies and what outlives the tab
    other = desktop.new_page()
    other.goto(keyed)
    expect(field(other)).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("key", ["", "another"], ids=["needed", "refused"])
def test_the_field_keeps_nobody_out(browser: Browser, keyed: str, axe: str, scheme: Any, key: str) -> None:
    size: Any = {"width": 390, "height": 844}
    context = browser.new_context(color_scheme=scheme, locale="zh-CN", viewport=size, bypass_csp=True)
    page = context.new_page()
    page.goto(keyed)
    chinese = page.get_by_label("API 密钥")
    chinese.fill(key)
    chinese.press("Enter")
    expect(page.locator("#words")).to_have_text("密钥无效" if key else "需要密钥")
    assert violations(page, axe) == []
    context.close()
