"""connection.js: the page waits for a service that is away, and reads what was drawn once it is back."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.support.browser_actions import SEVEN, draw, expect_digit
from tests.support.service_process import free_port, serving

UNREACHABLE = "The service cannot be reached"
WAITS = "This page keeps asking for it, and reads your picture once it is back."


@pytest.mark.slow
def test_a_drawing_is_read_when_the_service_is_back(desktop: BrowserContext, tmp_path: Path) -> None:
    port = free_port()
    with serving(tmp_path, port=port) as address:
        page = desktop.new_page()
        page.goto(address)
        expect(page.locator("#facts")).to_contain_text("on the")
    draw(page, SEVEN)
    expect(page.locator("#words")).to_have_text(UNREACHABLE)
    expect(page.locator("#detail")).to_contain_text(WAITS)
    with serving(tmp_path, port=port):
        expect_digit(page, 7)
        page.close()


@pytest.mark.parametrize("status", [502, 504])
def test_a_proxy_whose_service_is_away_is_waited_for_too(page: Page, status: int) -> None:
    page.route("**/*", lambda route: route.fulfill(status=status, body="Bad Gateway"))
    draw(page, SEVEN)
    expect(page.locator("#detail")).to_contain_text(WAITS)
    page.unroute("**/*")
    expect_digit(page, 7)


def test_a_proxy_that_hides_the_probe_does_not_keep_the_page_waiting(page: Page) -> None:
    page.route("**/health/ready", lambda route: route.fulfill(status=404))
    page.route("**/predict?*", lambda route: route.abort())
    draw(page, SEVEN)
    expect(page.locator("#detail")).to_contain_text(WAITS)
    page.unroute("**/predict?*")
    expect_digit(page, 7)


def test_the_service_is_asked_less_and_less_often(page: Page) -> None:
    page.clock.install()
    requests: list[str] = []
    page.on("request", lambda request: requests.append(request.url))
    page.route("**/predict?*", lambda route: route.abort())
    page.route("**/health/ready", lambda route: route.abort())
    draw(page, SEVEN)
    page.clock.run_for(100)
    expect(page.locator("#words")).to_have_text(UNREACHABLE)
    counts = []
    for _ in range(6):
        for _ in range(10):  # the answer of each request arrives between two steps of the clock
            page.clock.run_for(1000)
            page.wait_for_timeout(20)
        counts.append(sum("health/ready" in url for url in requests))
    assert counts[0] >= 3  # after 1, 3 and 7 s
    assert counts[-1] <= 6


def test_a_request_that_the_service_refuses_is_not_repeated(page: Page) -> None:
    requests: list[str] = []
    page.on("request", lambda request: requests.append(request.url))
    page.route("**/predict?*", lambda route: route.fulfill(status=500, body="{}"))
    draw(page, SEVEN)
    expect(page.locator("main")).to_have_attribute("data-state", "problem")
    page.wait_for_timeout(1500)
    assert not [url for url in requests if "health/ready" in url]
