"""giving_back.js: corrections go to the service only where it keeps them and the user has turned that on."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import BrowserContext, Page, expect

from tests.support.browser_actions import hold_requests
from tests.support.service_process import serving
from tests.support.workbench_actions import Doubt, add_files, expect_read, make_doubtful, png_file

SETTLED_MS = 15_000  # more than the page waits after a correction


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
    open_page.clock.run_for(SETTLED_MS)
    assert list(kept.glob("*.json")) == []


def test_undo_takes_a_correction_back_before_it_is_sent(open_page: Page, kept: Path) -> None:
    open_page.get_by_label("Give corrections to the service").check()
    requests = hold_requests(open_page, "**/corrections")
    open_page.locator("#line-list").focus()
    open_page.keyboard.press("2")
    open_page.keyboard.press("u")
    open_page.clock.run_for(SETTLED_MS)
    assert requests == []
    assert list(kept.glob("*.json")) == []


def test_there_is_no_switch_where_the_service_keeps_nothing(page: Page) -> None:
    add_files(page, png_file("a.png", 1))
    expect_read(page, 1)
    page.wait_for_load_state("networkidle")
    expect(page.get_by_label("Give corrections to the service")).to_be_hidden()
