"""api_key.js: the page of a service that requires an API key."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect

from tests.support.browser_actions import ONE, SEVEN, accessibility_violations, draw, expect_digit, expect_lines
from tests.support.service_process import serving

KEY = "key-of-a-visitor"


@pytest.fixture(scope="module")
def service_with_key(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A service that answers only requests with the key."""
    digest = hashlib.sha256(KEY.encode()).hexdigest()
    with serving(tmp_path_factory.mktemp("service_with_key"), "--api-keys", digest) as address:
        yield address


@pytest.fixture
def locked_page(desktop: BrowserContext, service_with_key: str) -> Page:
    """The page of that service, before a key is entered."""
    page = desktop.new_page()
    page.goto(service_with_key)
    return page


def key_field(page: Page) -> Locator:
    return page.get_by_label("API key")


def enter_key(page: Page, key: str) -> None:
    key_field(page).fill(key)
    key_field(page).press("Enter")


def test_a_required_key_is_asked_for_at_once(locked_page: Page) -> None:
    expect(key_field(locked_page)).to_be_visible()
    expect(locked_page.locator("#words")).to_have_text("API key required")
    expect(
        key_field(locked_page)
    ).not_to_be_focused()  # a screen reader that reads the page from the top is not interrupted


def test_no_key_is_asked_for_where_none_is_required(page: Page) -> None:
    draw(page, SEVEN)
    expect_digit(page, 7)
    expect(key_field(page)).to_be_hidden()


def test_what_is_drawn_is_read_once_the_key_is_entered(locked_page: Page) -> None:
    draw(locked_page, SEVEN)
    enter_key(locked_page, f" {KEY} ")
    expect_digit(locked_page, 7)
    expect(locked_page.locator("#decided-caption")).to_have_text("for and against 7")
    expect(locked_page.locator("#facts")).to_contain_text("on the")
    expect(key_field(locked_page)).to_be_hidden()
    expect(locked_page.locator("#pad")).to_be_focused()


def test_several_digits_are_read_with_the_key_too(locked_page: Page) -> None:
    enter_key(locked_page, KEY)
    expect(locked_page.locator("#words")).to_have_text("Waiting for a digit")
    locked_page.get_by_text("Several").click()
    draw(locked_page, ONE)
    expect_lines(locked_page, "1")


@pytest.mark.parametrize("link", ["Models", "Health"])
def test_links_work_with_the_key(locked_page: Page, link: str) -> None:
    enter_key(locked_page, KEY)
    expect(locked_page.locator("#words")).to_have_text("Waiting for a digit")
    locked_page.get_by_role("link", name=link).click()
    expect(locked_page.locator("#content")).to_contain_text("digits-mlp")


def test_an_unknown_key_is_refused_and_another_can_be_entered(locked_page: Page) -> None:
    enter_key(locked_page, "another")
    expect(locked_page.locator("#words")).to_have_text("API key not accepted")
    expect(locked_page.locator("#spoken")).to_contain_text("API key not accepted")
    expect(key_field(locked_page)).to_have_attribute("aria-invalid", "true")
    expect(key_field(locked_page)).to_be_focused()
    locked_page.keyboard.type(KEY)  # replaces the selected text
    locked_page.keyboard.press("Enter")
    expect(locked_page.locator("#words")).to_have_text("Waiting for a digit")


def test_a_stored_key_that_the_service_no_longer_knows_is_refused(locked_page: Page) -> None:
    enter_key(locked_page, KEY)
    expect(key_field(locked_page)).to_be_hidden()
    locked_page.evaluate("sessionStorage.setItem('digits.apiKey', 'withdrawn')")
    draw(locked_page, SEVEN)
    expect(locked_page.locator("#words")).to_have_text("API key not accepted")
    expect(key_field(locked_page)).to_have_value("")


def test_a_key_that_no_header_can_hold_is_not_sent(locked_page: Page) -> None:
    expect(key_field(locked_page)).to_be_visible()
    enter_key(locked_page, "密钥")
    assert key_field(locked_page).evaluate("field => field.validity.patternMismatch")
    expect(locked_page.locator("#words")).to_have_text("API key required")


def test_the_key_stays_in_the_tab_and_out_of_the_url(
    desktop: BrowserContext, locked_page: Page, service_with_key: str
) -> None:
    requested_urls: list[str] = []
    locked_page.on("request", lambda request: requested_urls.append(request.url))
    enter_key(locked_page, KEY)
    draw(locked_page, SEVEN)
    expect_digit(locked_page, 7)
    locked_page.reload()
    draw(locked_page, SEVEN)
    expect_digit(locked_page, 7)
    assert not [url for url in [locked_page.url, *requested_urls] if KEY in url]
    state: Any = desktop.storage_state()
    assert KEY not in str(state)  # cookies and storage that outlive the tab
    other = desktop.new_page()
    other.goto(service_with_key)
    expect(key_field(other)).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("key", ["", "another"], ids=["needed", "refused"])
def test_the_form_violates_no_accessibility_rule(
    browser: Browser, service_with_key: str, axe: str, scheme: Any, key: str
) -> None:
    size: Any = {"width": 390, "height": 844}
    context = browser.new_context(color_scheme=scheme, locale="zh-CN", viewport=size, bypass_csp=True)
    page = context.new_page()
    page.goto(service_with_key)
    field = page.get_by_label("API 密钥")
    field.fill(key)
    field.press("Enter")
    expect(page.locator("#words")).to_have_text("API 密钥无效" if key else "需要 API 密钥")
    assert accessibility_violations(page, axe) == []
    context.close()
