"""A real server process and a real browser, each started once."""

from __future__ import annotations

import contextlib
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from training.datasets.downloads import Package, read

REPOSITORY = Path(__file__).parents[2]
AXE = Package("axe-core", "4.14.1", "e6b0ce02b84d892e2e33e403485e7f3d6c29e2be6df65daf44d89ba564139745")
START_SECONDS = 60
expect.set_options(timeout=20_000)  # ms; a busy machine is no failure
# As root in a container: no sandbox, no GPU, and nothing sent to the browser's maker.
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--use-fake-device-for-media-stream",  # a camera that sees a test picture
]


@pytest.fixture(scope="session")
def chromium() -> str:
    """The installed browser's path; the tests of this folder are skipped where there is none."""
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if path := shutil.which(name):
            return path
    pytest.skip("no chromium, chromium-browser or google-chrome is installed")


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of the service, which serves the committed models."""
    with serving(tmp_path_factory.mktemp("service")) as address:
        yield address


@contextlib.contextmanager
def serving(folder: Path, *options: str) -> Iterator[str]:
    """A service of its own, whose log goes into `folder`."""
    port = free_port()
    log = folder / "log"
    command = [sys.executable, "-m", "app", "serve", "--host", "127.0.0.1", "--port", str(port), "--drain-seconds", "0"]
    with log.open("wb") as file:
        process = subprocess.Popen(
            [*command, "--models", str(REPOSITORY / "models"), *options],
            cwd=REPOSITORY,
            stdout=file,
            stderr=subprocess.STDOUT,
        )
    try:
        address = f"http://127.0.0.1:{port}/"
        wait_until_ready(address, process, log)
        yield address
    finally:
        process.terminate()
        process.wait(START_SECONDS)


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def wait_until_ready(address: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(urllib.error.URLError), urllib.request.urlopen(f"{address}health/ready", timeout=5):
            return
        time.sleep(0.1)
    pytest.fail(f"the service did not start:\n{log.read_text()}")


# Of the module and not of the session: its event loop runs as long as it does, and tests of other folders that come
# after it in the same process would start a second one in vain.
@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def axe() -> str:
    """A script that finds what keeps people out."""
    (script,) = read(AXE, "axe.min.js")
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
    """The page on a desktop, opened."""
    page = desktop.new_page()
    page.goto(service)
    return page
