"""What the pages load and run: files of this service alone, and no injected script."""

from __future__ import annotations

import pytest
from playwright.sync_api import BrowserContext, Error, Page, expect

from tests.conftest import ROOT
from tests.support.browser_actions import SEVEN, PageMonitor, draw

STATIC = ROOT / "app/web/static"
MAX_PAGE_BYTES = 150_000


def test_the_page_is_small(page: Page) -> None:
    urls = page.evaluate("performance.getEntriesByType('resource').map(({ name }) => name)")
    files = [STATIC / url.partition("/static/")[2] for url in urls if "/static/" in url]
    assert {"page.js", "style.css"} <= {file.name for file in files}
    assert sum(file.stat().st_size for file in [*files, STATIC / "index.html"]) < MAX_PAGE_BYTES


def test_the_page_runs_nothing_but_its_own_files_and_asks_no_other_origin(
    desktop: BrowserContext, service: str
) -> None:
    monitor = PageMonitor(desktop)
    response = monitor.page.goto(service)
    assert response is not None
    policy = response.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'")
    assert "unsafe" not in policy
    draw(monitor.page, SEVEN)
    expect(monitor.page.locator("#decided-caption")).to_have_text("for and against 7")
    assert monitor.messages == []
    assert len(monitor.requested_urls) >= 9  # the page, its style and modules, the state, the answers
    assert [url for url in monitor.requested_urls if not url.startswith(service)] == []


def test_a_script_that_is_injected_into_the_page_does_not_run(page: Page) -> None:
    with pytest.raises(Error, match="TrustedScript"):
        page.evaluate("document.body.append(Object.assign(document.createElement('script'), { text: 'evil = 1' }))")


def test_the_api_documentation_needs_no_internet(desktop: BrowserContext, service: str) -> None:
    monitor = PageMonitor(desktop)
    monitor.page.goto(service + "docs")
    operation = monitor.page.locator("#operations-digits-predict")
    operation.locator("button").first.click()
    expect(operation.locator(".opblock-description")).to_contain_text("pictures of one digit")
    assert monitor.messages == []
    assert [url for url in monitor.requested_urls if not url.startswith((service, "data:"))] == []


@pytest.mark.slow
def test_an_operation_can_be_tried_in_the_api_documentation(desktop: BrowserContext, service: str) -> None:
    page = desktop.new_page()
    page.goto(service + "docs")
    operation = page.locator("#operations-digits-list_models")
    operation.locator("button").first.click()
    operation.get_by_role("button", name="Try it out").click()
    operation.get_by_role("button", name="Execute").click()
    expect(operation.locator(".live-responses-table .response-col_status").last).to_contain_text("200")
