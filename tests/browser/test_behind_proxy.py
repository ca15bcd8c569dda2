"""The page and the documentation through the example of nginx: TLS, and a prefix that the service does not know."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, expect

from app.web import offline_files
from tests.support.browser_actions import SEVEN, PageMonitor, draw, expect_digit, expect_lines
from tests.support.nginx import PREFIX, Nginx, nginx_before

DOWNLOAD_MS = 60_000


@pytest.fixture(scope="module")
def nginx(service: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nginx]:
    upstream = service.removeprefix("http://").rstrip("/")
    with nginx_before(upstream, tmp_path_factory.mktemp("nginx")) as nginx:
        yield nginx


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    """Trusts the certificate, which browsers do not for service workers; test_offline.py has those below a prefix."""
    context = browser.new_context(viewport={"width": 1200, "height": 720}, ignore_https_errors=True)
    context.add_init_script("delete Navigator.prototype.serviceWorker")
    yield context
    context.close()


@pytest.fixture
def monitor(context: BrowserContext, nginx: Nginx) -> Iterator[PageMonitor]:
    """Nothing was asked for outside the prefix, but its folder without the slash."""
    monitor = PageMonitor(context)
    yield monitor
    outside = [url for url in monitor.requested_urls if not url.startswith((f"{nginx.address}/", "data:", "blob:"))]
    assert outside in ([], [nginx.address])


@pytest.mark.parametrize("slash", ["", "/"])
def test_drawn_digit_is_read(monitor: PageMonitor, nginx: Nginx, slash: str) -> None:
    page = monitor.page
    page.goto(nginx.address + slash)
    assert page.url == f"{nginx.address}/"
    draw(page, SEVEN)
    expect_digit(page, 7)
    page.get_by_text("Several").click()
    draw(page, [(0.3 * x, y) for x, y in SEVEN])
    expect_lines(page, "7")
    assert monitor.messages == []


@pytest.mark.skipif(not offline_files.RUNTIME.is_dir(), reason="the page's runtime is not installed: make runtime")
def test_digit_is_read_on_the_device(monitor: PageMonitor, nginx: Nginx) -> None:
    page = monitor.page
    page.goto(f"{nginx.address}/")
    page.get_by_role("switch").check()
    expect(page.locator("#place-note")).to_have_text("Pictures stay in this browser.", timeout=DOWNLOAD_MS)
    draw(page, SEVEN)
    expect_digit(page, 7)


def test_links_of_the_page_stay_below_the_prefix(monitor: PageMonitor, nginx: Nginx) -> None:
    page = monitor.page
    for name, path in (("API", "/docs"), ("Models", "/about/models"), ("Health", "/about/health")):
        page.goto(f"{nginx.address}/")
        page.get_by_role("link", name=name).click()
        page.wait_for_url(f"**{PREFIX}{path}")
        expect(page.locator("main, #docs").first).not_to_be_empty()


@pytest.mark.slow
def test_try_it_out_calls_the_service_below_the_prefix(monitor: PageMonitor, nginx: Nginx) -> None:
    """Also from /docs/, whose links go one level up."""
    page = monitor.page
    page.goto(f"{nginx.address}/docs/#/digits/list_models")
    operation = page.locator("#operations-digits-list_models")
    operation.get_by_role("button", name="Try it out").click()
    with page.expect_response(f"{nginx.address}/models") as response:
        operation.get_by_role("button", name="Execute").click()
    assert response.value.status == 200
    expect(operation.locator(".request-url")).to_contain_text(f"{nginx.address}/models")
