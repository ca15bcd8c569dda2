"""camera.js: a picture from the camera."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.support.browser_actions import drawing


@pytest.fixture
def page_with_camera(desktop: BrowserContext, service: str) -> Page:
    desktop.grant_permissions(["camera"], origin=service)
    page = desktop.new_page()
    page.goto(service)
    return page


def test_a_picture_is_taken_with_the_camera(page_with_camera: Page) -> None:
    page = page_with_camera
    blank = drawing(page)
    page.locator("#snap").click()
    page.get_by_role("button", name="Take picture").click()
    expect(page.locator("#paper")).to_have_class(re.compile("used"))
    expect(page.locator("#camera")).not_to_be_visible()
    assert drawing(page) != blank
    expect(page.locator("main")).not_to_have_attribute("data-state", "empty")


@pytest.mark.parametrize(("mode", "width"), [("One digit", 1280), ("Several", 2560)])
def test_several_digits_are_photographed_with_more_pixels(page_with_camera: Page, mode: str, width: int) -> None:
    page = page_with_camera
    page.evaluate(
        """() => {
            const camera = navigator.mediaDevices;
            const open = camera.getUserMedia.bind(camera);
            camera.getUserMedia = (wanted) => { globalThis.wanted = wanted; return open(wanted); };
        }"""
    )
    page.get_by_text(mode, exact=True).click()
    page.locator("#snap").click()
    page.get_by_role("button", name="Take picture").click()
    expect(page.locator("#camera")).not_to_be_visible()
    assert page.evaluate("wanted.video.width.ideal") == width


def test_no_picture_is_taken_when_the_dialog_is_closed(page_with_camera: Page) -> None:
    page = page_with_camera
    blank = drawing(page)
    page.locator("#snap").click()
    expect(page.locator("#camera")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("#camera")).not_to_be_visible()
    assert drawing(page) == blank
    assert page.locator("video").evaluate("video => video.srcObject === null")  # and the camera's light is off


def test_a_camera_that_the_page_may_not_use_is_reported(desktop: BrowserContext, page: Page) -> None:
    desktop.clear_permissions()
    page.locator("#snap").click()
    expect(page.locator("#detail")).to_contain_text("The camera is not available")
