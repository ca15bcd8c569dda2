"""A real service process and a real browser."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from tests.support.service_process import serving
from training.datasets.downloads import NpmPackage, load_files

AXE = NpmPackage("axe-core", "4.14.1", "e6b0ce02b84d892e2e33e403485e7f3d6c29e2be6df65daf44d89ba564139745")
expect.set_options(timeout=20_000)  # ms; a busy machine must not fail a test
# For root in a container: no sandbox and no GPU. Nothing is sent to the browser's vendor.
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--use-fake-device-for-media-stream",  # a camera that shows a test picture
]


@pytest.fixture(scope="session")
def chromium() -> str:
    """The path of the installed browser; without one, the tests of this folder are skipped."""
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if path := shutil.which(name):
            return path
    pytest.skip("no chromium, chromium-browser or google-chrome is installed")


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a service with the committed models."""
    with serving(tmp_path_factory.mktemp("service")) as address:
        yield address


# Per module, not per session: Playwright's event loop runs as long as the fixture lives, and a test of another folder
# that came later in the same process could not start a loop of its own.
@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def axe() -> str:
    """The script of axe-core, which finds violations of the accessibility guidelines (WCAG)."""
    (script,) = load_files(AXE, "axe.min.js")
    return script.decode()


@pytest.fixture
def desktop(browser: Browser) -> Iterator[BrowserContext]:
    context = browser.new_context(viewport={"width": 1200, "height": 720})
    yield context
    context.close()


@pytest.fixture
def phone(browser: Browser) -> Iterator[BrowserContext]:
    context = browser.new_context(
        viewport={"width": 390, "height": 844}, device_scale_factor=3, is_mobile=True, has_touch=True
    )
    yield context
    context.close()


@pytest.fixture
def page(desktop: BrowserContext, service: str) -> Page:
    """The page in a desktop browser."""
    page = desktop.new_page()
    page.goto(service)
    return page
