"""page.js and result_panel.js: one digit and its result, in a real browser with the real service and model."""

from __future__ import annotations

import re

import numpy as np
import pytest
from playwright.sync_api import BrowserContext, Page, Route, expect

from tests.support.browser_actions import (
    BAR_ON_TOP,
    ONE,
    SEVEN,
    draw,
    drawing,
    drop_file,
    expect_digit,
    hold_requests,
    is_prediction,
    points_on_pad,
)


def test_a_drawn_seven_is_read_as_a_seven(page: Page) -> None:
    draw(page, SEVEN)
    expect_digit(page, 7)


def test_a_result_shows_its_confidence_and_its_model(page: Page) -> None:
    draw(page, SEVEN)
    expect(page.locator("#words")).to_have_text(re.compile("Almost certain|Very likely|Likely|Uncertain"))
    expect(page.locator("#detail")).to_have_text(re.compile(r"^\d+\.\d\d%$"))
    expect(page.locator("#facts")).to_have_text(
        re.compile(r"^model \S+, version \d+ · on the [CG]PU · \d+ ms round trip$")
    )


def test_a_digit_is_read_while_it_is_drawn(page: Page) -> None:
    (x, y), *rest = points_on_pad(page, SEVEN)
    page.mouse.move(x, y)
    page.mouse.down()
    for x, y in rest:
        page.mouse.move(x, y, steps=8)
    for _ in range(50):  # a hand is never quite still
        page.mouse.move(x + 1, y)
        page.mouse.move(x, y)
        page.wait_for_timeout(20)
        if page.locator("#digit").inner_text() == "7":
            break
    expect(page.locator("#digit")).to_have_text("7")
    page.mouse.up()


def test_an_explanation_is_shown_in_blue_and_orange(page: Page) -> None:
    draw(page, SEVEN)
    expect(page.locator("#decided-caption")).to_have_text("for and against 7")
    pixels = explanation_colours(page)
    assert (pixels[:, 2] - pixels[:, 0] > 60).sum() > 10  # blue
    assert (pixels == 255).all(axis=1).sum() > 500  # paper
    expect(page.locator("#legend")).to_have_text("blue: evidence for 7 orange: evidence against it")


def test_another_digit_is_explained_when_its_bar_is_chosen(page: Page) -> None:
    draw(page, SEVEN)
    expect(page.locator("#decided-caption")).to_have_text("for and against 7")
    colours_for_seven = explanation_colours(page)
    page.locator("#bars label").nth(1).click()
    expect(page.locator("#decided-caption")).to_have_text("for and against 1")
    assert (explanation_colours(page) != colours_for_seven).any()
    expect(page.locator("#digit")).to_have_text("7")
    draw(page, BAR_ON_TOP)
    expect(page.locator("#decided-caption")).to_have_text(re.compile("against [^1]"))


def explanation_colours(page: Page) -> np.ndarray:
    """The explanation's pixels, (784, 3)."""
    data = page.locator("#decided").evaluate("e => [...e.getContext('2d').getImageData(0, 0, 28, 28).data]")
    return np.array(data).reshape(-1, 4)[:, :3]


def test_ten_bars_add_up_to_one_and_the_bar_of_the_digit_is_marked(page: Page) -> None:
    draw(page, SEVEN)
    expect_digit(page, 7)
    expect(page.locator("#bars .best .label")).to_have_text("7")
    percentages = [float(text.rstrip("%")) for text in page.locator("#bars .value").all_text_contents()]
    assert len(percentages) == 10
    assert sum(percentages) == pytest.approx(100, abs=1)  # every bar is rounded down to a tenth


def test_the_image_that_the_model_received_is_shown(page: Page) -> None:
    draw(page, SEVEN)
    expect(page.locator("#seen")).to_have_attribute("aria-label", re.compile("read as 7"))
    bright = "seen => seen.getContext('2d').getImageData(0, 0, 28, 28).data.filter((v, i) => i % 4 === 0 && v > 128)"
    assert 20 < page.locator("#seen").evaluate(f"seen => ({bright})(seen).length") < 300


def test_a_prediction_that_is_not_accepted_is_marked_as_doubtful(page: Page) -> None:
    page.route("**/predict?*", without_acceptance)
    draw(page, SEVEN)
    expect(page.locator("#words")).to_have_text("Not a digit?")
    expect(page.locator("#detail")).to_have_text(re.compile(r"^Closest: 7, \d+\.\d\d%$"))
    expect(page.locator("#digit")).to_have_attribute("aria-hidden", "true")
    page.unroute_all(behavior="ignoreErrors")  # a request may be in flight when the page is closed


def test_half_a_digit_is_not_refused_before_the_pen_lifts(page: Page) -> None:
    page.route("**/predict?*", without_acceptance)
    (x, y), *rest = points_on_pad(page, SEVEN)
    page.mouse.move(x, y)
    page.mouse.down()
    for x, y in rest:
        with page.expect_response(is_prediction):
            page.mouse.move(x, y, steps=8)
        page.wait_for_timeout(150)  # ms: the next one is requested after 100
        expect(page.locator("main")).to_have_attribute("data-state", "empty")
    page.mouse.up()
    expect(page.locator("#words")).to_have_text("Not a digit?")
    page.unroute_all(behavior="ignoreErrors")


def without_acceptance(route: Route) -> None:
    """The service's own answer with another `accepted`: which scribbles are rejected depends on the model."""
    response = route.fetch()
    answer = response.json()
    answer["predictions"][0]["accepted"] = False
    route.fulfill(response=response, json=answer)


def test_clear_empties_the_paper_and_the_result(page: Page) -> None:
    blank = drawing(page)
    draw(page, SEVEN)
    expect_digit(page, 7)
    page.get_by_role("button", name="Clear").click()
    assert drawing(page) == blank
    expect(page.locator("main")).to_have_attribute("data-state", "empty")
    expect(page.locator("#digit")).to_have_text("")
    expect(page.locator("#bars .value").first).to_have_text("")
    expect(page.get_by_role("button", name="Clear")).to_be_disabled()


def test_an_answer_that_arrives_after_clear_is_not_shown(page: Page) -> None:
    held = hold_requests(page, "**/predict?*")
    with page.expect_request("**/predict?*"):
        draw(page, SEVEN)
    page.get_by_role("button", name="Clear").click()
    page.unroute("**/predict?*")
    with page.expect_response(is_prediction):
        draw(page, ONE)
    expect_digit(page, 1)
    assert {route.request.failure for route in held} == {"net::ERR_ABORTED"}


def test_an_explanation_that_arrives_late_does_not_bring_an_old_result_back(page: Page) -> None:
    held = hold_requests(page, "**/explain?*")
    with page.expect_request("**/explain?*"):
        draw(page, ONE)
    (x, y), *rest = points_on_pad(page, SEVEN)  # this drawing is read while the explanation of the first is on its way
    page.mouse.move(x, y)
    page.mouse.down()
    with page.expect_response(is_prediction):
        for x, y in rest:
            page.mouse.move(x, y, steps=20)
    held[0].continue_()
    page.mouse.up()
    expect(page.locator("#answer")).to_have_attribute("aria-busy", "false")
    page.unroute("**/explain?*")
    page.wait_for_timeout(300)
    expect(page.locator("#digit")).not_to_have_text("1")


# --- problems ---------------------------------------------------------------------------------------------------------


def test_the_problem_of_a_text_file_is_shown_in_the_words_of_the_service(page: Page) -> None:
    with page.expect_response(is_prediction) as response:
        drop_file(page, "notes.txt", "text/plain", b"a shopping list")
    problem = response.value.json()
    assert problem["status"] == 415
    expect(page.locator("#words")).to_have_text(problem["title"])
    expect(page.locator("#detail")).to_have_text(f"notes.txt: {problem['detail']}")
    expect(page.locator("#unshown")).to_have_text("This browser cannot display notes.txt.")
    draw(page, SEVEN)
    expect_digit(page, 7)


def test_an_unreachable_service_is_reported_and_the_next_stroke_is_read(desktop: BrowserContext, page: Page) -> None:
    desktop.set_offline(True)
    draw(page, ONE)
    expect(page.locator("#words")).to_have_text("The service cannot be reached")
    desktop.set_offline(False)
    draw(page, BAR_ON_TOP)
    expect(page.locator("main")).to_have_attribute("data-state", re.compile("read|unsure"))


def test_a_busy_service_is_asked_again_after_the_seconds_it_names(page: Page) -> None:
    busy = '{"title": "The service is overloaded", "status": 503, "detail": "Come back in 1 s."}'
    headers = {"Retry-After": "1", "Content-Type": "application/problem+json"}
    page.route("**/predict?*", lambda route: route.fulfill(status=503, body=busy, headers=headers))
    draw(page, SEVEN)
    expect(page.locator("#detail")).to_have_text("Come back in 1 s.")
    page.unroute("**/predict?*")
    expect_digit(page, 7)
