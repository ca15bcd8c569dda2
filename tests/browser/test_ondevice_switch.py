"""ondevice_switch.js: once the switch is on, the browser reads the pictures and sends none."""

from __future__ import annotations

import hashlib
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from app.web import offline_files, pages
from tests.conftest import NEWEST
from tests.support.browser_actions import (
    SEVEN,
    PageMonitor,
    accessibility_violations,
    draw,
    drop_file,
    expect_digit,
    hold_requests,
)
from tests.support.mnist_pictures import encode_png, mnist_png
from tests.support.service_process import serving

ON_NOTE = "Pictures stay in this browser."
DOWNLOAD_MS = 60_000

pytestmark = pytest.mark.skipif(
    not offline_files.RUNTIME.is_dir(), reason="the page's runtime is not installed: make runtime"
)


def turn_on(page: Page) -> None:
    page.get_by_role("switch").check()
    expect(page.locator("#place-note")).to_have_text(ON_NOTE, timeout=DOWNLOAD_MS)


def record_methods(page: Page) -> list[str]:
    """The list of the HTTP methods of the page's requests from now on."""
    methods: list[str] = []
    page.on("request", lambda request: methods.append(request.method))
    return methods


def test_no_picture_is_sent_once_the_switch_is_on(desktop: BrowserContext, service: str) -> None:
    monitor = PageMonitor(desktop)
    page = monitor.page
    page.goto(service)
    turn_on(page)
    monitor.requested_urls.clear()
    draw(page, SEVEN)
    expect_digit(page, 7)
    picture, label = mnist_png(1)
    drop_file(page, "digit.png", "image/png", picture)
    expect_digit(page, label)
    expect(page.locator("#facts")).to_contain_text("on this device")
    page.wait_for_timeout(500)  # an explanation would be requested 250 ms after a result
    page.get_by_text("Several").click()
    draw(page, SEVEN)
    expect(page.locator("#words")).to_have_text("On this device, only one digit can be read")
    others = [url for url in monitor.requested_urls if "/static/" not in url]
    assert {url.removeprefix(service) for url in others} <= {"health"}  # asked by the mode for several digits
    assert monitor.messages == []


def test_a_picture_that_is_drawn_during_the_download_waits_for_it(page: Page) -> None:
    held = hold_requests(page, "**/ort.wasm.gz")
    page.get_by_role("switch").check()
    methods = record_methods(page)
    draw(page, SEVEN)
    expect(page.locator("#loading")).to_be_visible()
    expect(page.locator("#answer")).to_have_attribute("aria-busy", "true")
    held[0].continue_()
    expect_digit(page, 7)
    assert "POST" not in methods


def test_a_failed_download_is_reported_and_the_picture_is_not_sent_instead(page: Page) -> None:
    page.route("**/model.onnx", lambda route: route.fulfill(status=503))
    page.get_by_role("switch").check()
    methods = record_methods(page)
    draw(page, SEVEN)
    expect(page.locator("#words")).to_have_text("The files for reading on this device could not be downloaded")
    expect(page.locator("#place-note")).to_contain_text("Nothing is sent.")
    page.unroute("**/model.onnx")
    page.get_by_role("button", name="Undo").click()
    draw(page, SEVEN)
    expect_digit(page, 7)
    assert "POST" not in methods


def test_the_service_reads_again_once_the_switch_is_off(page: Page) -> None:
    turn_on(page)
    draw(page, SEVEN)
    expect_digit(page, 7)
    with page.expect_response("**/predict?*"):
        page.get_by_role("switch").uncheck()
    expect_digit(page, 7)
    expect(page.locator("#facts")).to_contain_text("round trip")


def test_a_picture_that_the_browser_cannot_open_is_reported(page: Page) -> None:
    turn_on(page)
    drop_file(page, "scan.tiff", "image/tiff", b"II*\0 and so on")
    expect(page.locator("#words")).to_have_text("This browser cannot open the picture")


def test_blank_paper_is_reported_as_blank(page: Page) -> None:
    turn_on(page)
    drop_file(page, "blank.png", "image/png", encode_png(np.full((99, 99), 255, np.uint8)))
    expect(page.locator("#words")).to_have_text("The picture is blank")


def test_the_keyboard_turns_the_switch_and_screen_readers_announce_its_note(page: Page) -> None:
    page.get_by_role("switch", name="Read on this device").focus()
    page.keyboard.press("Space")
    expect(page.get_by_role("status").filter(has_text=ON_NOTE)).to_be_visible(timeout=DOWNLOAD_MS)


@pytest.mark.parametrize("look", [{"color_scheme": "dark"}, {"locale": "zh-CN"}], ids=["dark", "Chinese"])
def test_the_switch_violates_no_accessibility_rule(
    browser: Browser, service: str, axe: str, look: dict[str, Any]
) -> None:
    context = browser.new_context(bypass_csp=True, **look)  # so that axe can be put into the page
    page = context.new_page()
    page.goto(service)
    page.get_by_role("switch").check()
    draw(page, SEVEN)
    expect_digit(page, 7)
    assert accessibility_violations(page, axe) == []
    context.close()


def test_the_model_is_downloaded_with_the_key_that_the_service_requires(browser: Browser, tmp_path: Path) -> None:
    digest = hashlib.sha256(b"a key").hexdigest()
    with serving(tmp_path, "--api-keys", digest) as address:
        with pytest.raises(urllib.error.HTTPError, match="401"):
            urllib.request.urlopen(address + f"models/digits/{NEWEST}/model.onnx")
        page = browser.new_page()
        page.goto(address)
        page.get_by_label("API key").fill("a key")
        page.get_by_role("button", name="Use key").click()
        turn_on(page)
        page.close()


def test_the_switch_is_hidden_without_the_runtime() -> None:
    assert 'id="place" hidden' in pages.page_text(on_device=False)
    assert 'id="place">' in pages.page_text(on_device=True)
