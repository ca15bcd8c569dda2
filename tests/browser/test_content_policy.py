"""What the pages ask of their visitors and of the network: no special eyes or hands, and nobody else's server."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Error, Page, expect

from tests.support.browser_actions import SEVEN, draw, expect_digit, violations

STATIC = Path(__file__).parents[2] / "app/web/static"
MOST_BYTES = 100_000


@pytest.fixture(params=["light", "dark"])
def page_to_check(
    browser: Browser, service: str, request: pytest.FixtureRequest, locale: str, size: tuple[int, int]
) -> Iterator[Page]:
    context = browser.new_context(
        color_scheme=request.param,
        locale=locale,
        viewport={"width": size[0], "height": size[1]},
        bypass_csp=True,  # axe is put into the page
    )
    page = context.new_page()
    page.goto(service)
    yield page
    context.close()


@pytest.mark.parametrize("locale", ["en-US", "zh-CN"])
@pytest.mark.parametrize("size", [(1200, 720), (390, 844)], ids=["desktop", "phone"])
def test_nothing_keeps_anyone_out(page_to_check: Page, axe: str) -> None:
    page = page_to_check
    assert violations(page, axe) == []
    draw(page, SEVEN)
    expect_digit(page, 7)
    expect(page.locator("#decided-caption")).not_to_be_empty()
    assert violations(page, axe) == []


def test_the_page_is_small(page: Page) -> None:
    loaded = page.evaluate("performance.getEntriesByType('resource').map(({ name }) => name)")
    files = [STATIC / url.rpartition("/")[2] for url in loaded if "/static/" in url]
    assert {"page.js", "style.css"} <= {file.name for file in files}
    assert sum(file.stat().st_size for file in [*files, STATIC / "index.html"]) < MOST_BYTES


class Watched:
    """A page, what it asked for and what its browser complained of."""

    def __init__(self, context: BrowserContext) -> None:
        self.page = context.new_page()
        self.asked: list[str] = []
        self.complaints: list[str] = []
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.on("console", lambda message: self.complaints.append(message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))


def test_the_page_runs_nothing_but_its_own_files_and_asks_no_other_origin(
    desktop: BrowserContext, service: str
) -> None:
    watched = Watched(desktop)
    response = watched.page.goto(service)
    assert response is not None
    policy = response.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'")
    assert "unsafe" not in policy
    draw(watched.page, SEVEN)
    expect(watched.page.locator("#decided-caption")).to_have_text("for and against 7")
    assert watched.complaints == []
    assert len(watched.asked) >= 9  # the page, its style and modules, the state, the answers
    assert [url for url in watched.asked if not url.startswith(service)] == []


def test_a_script_that_is_put_into_the_page_does_not_run(page: Page) -> None:
    with pytest.raises(Error, match="TrustedScript"):
        page.evaluate("document.body.append(Object.assign(document.createElement('script'), { text: 'evil = 1' }))")


def test_the_description_of_the_api_needs_no_internet(desktop: BrowserContext, service: str) -> None:
    watched = Watched(desktop)
    watched.page.goto(service + "docs")
    watched.page.locator("#operations-digits-predict button").first.click()
    expect(watched.page.locator("#operations-digits-predict .opblock-description")).to_contain_text("Reads one or many")
    assert watched.complaints == []
    assert [url for url in watched.asked if not url.startswith((service, "data:"))] == []


def test_an_operation_can_be_tried_in_the_description(desktop: BrowserContext, service: str) -> None:
    page = desktop.new_page()
    page.goto(service + "docs")
    operation = page.locator("#operations-digits-list_models")
    operation.locator("button").first.click()
    operation.get_by_role("button", name="Try it out").click()
    operation.get_by_role("button", name="Execute").click()
    expect(operation.locator(".live-responses-table .response-col_status").last).to_contain_text("200")
