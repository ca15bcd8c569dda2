"""giving_back.js: corrections go to the service only where it keeps them and the user has turned that on."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import BrowserContext, Page, expect

from tests.support.browser_actions import hold_requests
from tests.support.service_process import serving
from tests.support.workbench_actions import Doubt, add_files, expect_read, make_doubtful, png_file, texts

SETTLED_MS = 15_000  # more than the page waits after a correction
SENT_MS = 1500  # more than sending takes


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    return tmp_path / "kept"


@pytest.fixture
def open_page(desktop: BrowserContext, kept: Path, tmp_path: Path) -> Iterator[Page]:
    """The page of a service that keeps corrections, with a sheet whose first line is misread."""
    with serving(tmp_path, "--corrections", str(kept), "--corrections-open", "true") as address:
        page = desktop.new_page()
        page.clock.install()
        page.goto(address)
        make_doubtful(page, Doubt("17", ["77"]))
        add_files(page, png_file("a.png", 2, 1))
        expect_read(page, 1)
        page.locator("#line-list").focus()
        yield page


def settle(page: Page) -> None:
    """Until what would be sent has been sent."""
    page.clock.run_for(SETTLED_MS)
    page.wait_for_timeout(SENT_MS)


def test_a_corrected_line_is_sent_and_nothing_else_of_the_sheet(open_page: Page, kept: Path) -> None:
    open_page.get_by_label("Give corrections to the service").check()
    open_page.keyboard.press("Tab")
    open_page.locator("#line-list").focus()
    open_page.keyboard.press("2")
    open_page.clock.run_for(SETTLED_MS)
    expect(open_page.locator("#give-back-count")).to_have_text("1 of 1 corrections sent.")
    (record,) = kept.glob("*.json")
    correction = json.loads(record.read_text())
    assert (correction["digits"], correction["read"], correction["model"]) == ("77", "17", "digits")
    picture = Image.open(io.BytesIO(record.with_suffix(".png").read_bytes()))
    assert picture.height < 100  # a line of 60 pixels
    open_page.clock.run_for(SETTLED_MS)
    assert len(list(kept.glob("*.json"))) == 1  # once


def test_nothing_is_sent_while_the_switch_is_off(open_page: Page, kept: Path) -> None:
    expect(open_page.get_by_label("Give corrections to the service")).not_to_be_checked()
    open_page.keyboard.press("2")
    settle(open_page)
    assert list(kept.glob("*.json")) == []


@pytest.mark.slow
def test_undo_takes_a_correction_back_before_it_is_sent(open_page: Page, kept: Path) -> None:
    open_page.get_by_label("Give corrections to the service").check()
    requests = hold_requests(open_page, "**/corrections")
    open_page.locator("#line-list").focus()
    open_page.keyboard.press("2")
    open_page.keyboard.press("u")
    settle(open_page)
    assert requests == []
    assert list(kept.glob("*.json")) == []


@pytest.mark.slow
def test_a_correction_undone_while_it_is_sent_is_none(open_page: Page) -> None:
    open_page.get_by_label("Give corrections to the service").check()
    held = hold_requests(open_page, "**/corrections")
    open_page.locator("#line-list").focus()
    open_page.keyboard.press("2")
    settle(open_page)
    (request,) = held
    open_page.keyboard.press("u")
    expect(texts(open_page).first).to_have_text("17")
    with open_page.expect_response("**/corrections"):
        request.continue_()
    open_page.reload()
    expect_read(open_page, 1)
    expect(texts(open_page).first).to_have_text("17")
    expect(open_page.locator("#line-list li").first).to_have_class("doubtful")


def test_nothing_is_sent_while_pictures_are_to_stay_on_the_device(open_page: Page, kept: Path) -> None:
    open_page.get_by_label("Give corrections to the service").check()
    open_page.locator("#line-list").focus()
    open_page.keyboard.press("2")
    open_page.locator("#ondevice").evaluate("checkbox => checkbox.click()")
    settle(open_page)
    assert list(kept.glob("*.json")) == []


def test_one_line_says_what_becomes_of_pictures_and_is_true(open_page: Page) -> None:
    note = open_page.locator("#place-note")
    expect(open_page.get_by_text("sent to this service")).to_have_count(1)
    expect(note).to_contain_text("none is stored or logged there. The stack and its corrections stay in this browser")
    switch = open_page.get_by_label("Give corrections to the service")
    switch.check()
    expect(note).to_contain_text("It keeps the lines whose corrections you give it")
    open_page.get_by_text("One digit", exact=True).click()
    expect(note).to_contain_text("It keeps the lines whose corrections you give it")
    open_page.get_by_text("Several", exact=True).click()
    switch.uncheck()
    expect(note).to_contain_text("none is stored or logged there")
    open_page.locator("#ondevice").evaluate("checkbox => checkbox.click()")
    expect(note).to_have_text(re.compile("Downloading|Pictures stay in this browser|Nothing is sent"))


def test_there_is_no_switch_where_the_service_keeps_nothing(page: Page) -> None:
    add_files(page, png_file("a.png", 1))
    expect_read(page, 1)
    page.wait_for_load_state("networkidle")
    expect(page.get_by_label("Give corrections to the service")).to_be_hidden()
