"""reading_queue.js: sheets are read two at a time, and what cannot be read now is read later."""

from __future__ import annotations

import io
import re
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import BrowserContext, Page, Route, expect

from tests.support.browser_actions import hold_requests
from tests.support.workbench_actions import add_files, choose_several, expect_read, names, png_file
from training.evaluation.sheets.kinds import KINDS, make_sheet

STATES = "#stack .state"


def test_two_requests_are_sent_at_once(page: Page) -> None:
    held = hold_requests(page, "**/read?*")
    add_files(page, *(png_file(f"{number}.png", 1) for number in range(4)))
    expect(page.locator(STATES).filter(has_text="Waiting")).to_have_count(2)
    assert len(held) == 2
    for route in held:
        route.continue_()
    expect_read(page, 2)
    expect(page.locator(STATES).filter(has_text=re.compile("Sending|Reading"))).to_have_count(2)


def test_a_service_that_goes_away_and_comes_back_reads_the_rest(page: Page, desktop: BrowserContext) -> None:
    choose_several(page)
    page.locator("#stack").wait_for(state="attached")
    desktop.set_offline(True)
    add_files(page, png_file("a.png", 1), png_file("b.png", 2))
    expect(page.locator("#stack-notice")).to_have_text(re.compile("cannot be reached. Nothing is lost"))
    expect(page.locator(STATES)).to_have_text(["Waiting", "Waiting"])
    desktop.set_offline(False)
    expect_read(page, 2)
    expect(page.locator("#stack-notice")).to_be_hidden()


def test_a_busy_service_is_asked_again(page: Page) -> None:
    answers = iter([503, 503])

    def answer(route: Route) -> None:
        if status := next(answers, None):
            route.fulfill(status=status, json={"title": "Overloaded"}, headers={"Retry-After": "1"})
        else:
            route.continue_()

    page.route("**/read?*", answer)
    add_files(page, png_file("a.png", 1))
    expect(page.locator("#stack-notice")).to_have_text("The service is busy. The page tries again by itself.")
    expect_read(page, 1)


def test_a_request_that_always_breaks_does_not_stop_the_others(page: Page) -> None:
    broken: list[bytes | None] = []

    def answer(route: Route) -> None:
        body = route.request.post_data_buffer
        if not broken:
            broken.append(body)
        if body in broken:
            route.abort("connectionreset")
        else:
            route.continue_()

    page.route("**/read?*", answer)
    add_files(page, png_file("a.png", 1), png_file("b.png", 2), png_file("c.png", 3))
    expect_read(page, 2)
    expect(page.locator("#stack [data-state=failed] .state")).to_have_text("The file could not be sent")
    page.unroute("**/read?*")
    page.locator("#stack [data-state=failed]").click()
    page.get_by_role("button", name="Try again").click()
    expect_read(page, 3)
    assert names(page) == ["a.png", "b.png", "c.png"]


def test_the_stack_waits_for_the_api_key(page: Page) -> None:
    def answer(route: Route) -> None:
        if route.request.headers.get("x-api-key") == "right":
            route.continue_()
        else:
            route.fulfill(status=401, json={"title": "No API key"})

    page.route("**/read?*", answer)
    add_files(page, png_file("a.png", 1), png_file("b.png", 1))
    page.get_by_label("API key").fill("right")
    page.get_by_role("button", name="Use key").click()
    expect_read(page, 2)


def test_reading_on_this_device_sends_nothing(page: Page) -> None:
    requests = hold_requests(page, "**/read?*")
    page.locator("#ondevice").evaluate("e => { e.checked = true; }")  # without the download of the model
    add_files(page, png_file("a.png", 1))
    expect(page.locator("#stack-notice")).to_have_text(re.compile("Turn it off to read this stack"))
    assert requests == []


RECORD_STATES = """
    globalThis.states = [];
    new MutationObserver(() => states.push(document.querySelector("#stack .state").textContent))
        .observe(document.getElementById("stack"), { subtree: true, childList: true, characterData: true });
"""


def large_photo(path: Path) -> Path:
    """A photograph of a sheet as phones take them: 12 megapixels, about 3.6 MB."""
    sheet = Image.open(io.BytesIO(make_sheet(KINDS["desk, straight"], (7, 2)).content))
    pixels = np.asarray(sheet.resize((3024, 4032)), np.int16)
    noise = np.random.default_rng(0).integers(-9, 10, (4032, 3024, 1), np.int16)
    Image.fromarray(np.clip(pixels + noise, 0, 255).astype(np.uint8)).save(path, quality=92)
    assert 3_400_000 < path.stat().st_size < 3_800_000
    return path


@pytest.mark.slow
@pytest.mark.parametrize("kilobits", [1000, 400])
def test_a_large_photo_is_read_over_a_slow_connection_and_its_progress_is_shown(
    desktop: BrowserContext, page: Page, tmp_path: Path, kilobits: int
) -> None:
    """Sent as it is, it would take 29 s or 72 s; the service gives up after 10 s."""
    photo = large_photo(tmp_path / "photo.jpg")
    choose_several(page)
    page.locator("#stack").wait_for(state="attached")
    page.evaluate(RECORD_STATES)
    rate = {"downloadThroughput": kilobits * 125, "uploadThroughput": kilobits * 125}
    desktop.new_cdp_session(page).send("Network.emulateNetworkConditions", {"offline": False, "latency": 50, **rate})
    start = time.monotonic()
    page.locator("#file").set_input_files(photo)
    expect_read(page, 1)
    seconds = time.monotonic() - start
    assert page.locator("#line-list li").count() == 8
    shown = [state for state in page.evaluate("states") if re.search(r"\d%", state)]
    assert len({*shown}) >= 5
    size_mb = photo.stat().st_size / 1e6
    print(f"{size_mb:.1f} MB at {kilobits} kbit/s: read after {seconds:.0f} s; last shown: {shown[-1]}")
