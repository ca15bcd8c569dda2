"""reading_queue.js: sheets are read two at a time, and what cannot be read now is read later."""

from __future__ import annotations

import re

from playwright.sync_api import BrowserContext, Page, Route, expect

from tests.support.browser_actions import hold_requests
from tests.support.workbench_actions import add_files, choose_several, expect_read, names, png_file

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
