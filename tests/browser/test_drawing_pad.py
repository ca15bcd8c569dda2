"""drawing_pad.js: strokes by mouse, finger and keys, pictures on the paper, undo."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, FilePayload, Page, expect

from tests.support.browser_actions import (
    BAR_ON_TOP,
    ONE,
    SEVEN,
    Stroke,
    draw,
    drawing,
    drop_file,
    expect_digit,
    is_prediction,
    paste_file,
    points_on_pad,
    tap,
)
from tests.support.mnist_pictures import mnist_png


def test_undo_takes_back_the_last_stroke(page: Page) -> None:
    draw(page, ONE)
    expect_digit(page, 1)
    one = drawing(page)
    draw(page, BAR_ON_TOP)
    assert drawing(page) != one
    with page.expect_response(is_prediction):
        page.get_by_role("button", name="Undo").click()
    assert drawing(page) == one
    expect_digit(page, 1)


def test_undo_works_by_key(page: Page) -> None:
    draw(page, ONE)
    expect_digit(page, 1)
    page.keyboard.press("Control+z")
    expect(page.locator("main")).to_have_attribute("data-state", "empty")


@pytest.mark.parametrize("index", [0, 3, 4])
def test_a_chosen_picture_is_read(page: Page, index: int) -> None:
    picture, label = mnist_png(index)
    page.locator("#file").set_input_files(FilePayload(name="digit.png", mimeType="image/png", buffer=picture))
    expect_digit(page, label)


@pytest.mark.parametrize("hand_over", [drop_file, paste_file])
def test_a_dropped_or_pasted_picture_is_read(page: Page, hand_over: Any) -> None:
    picture, label = mnist_png(1)
    blank = drawing(page)
    hand_over(page, "digit.png", "image/png", picture)
    expect_digit(page, label)
    assert drawing(page) != blank


def test_a_stroke_on_a_picture_starts_a_new_sheet_and_undo_brings_the_picture_back(page: Page) -> None:
    picture, label = mnist_png(1)
    drop_file(page, "digit.png", "image/png", picture)
    expect_digit(page, label)
    draw(page, SEVEN)
    expect_digit(page, 7)
    page.get_by_role("button", name="Undo").click()
    expect_digit(page, label)


def test_a_finger_draws_on_a_phone_and_does_not_scroll_the_page(phone: BrowserContext, service: str) -> None:
    page = phone.new_page()
    page.goto(service)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    finger = phone.new_cdp_session(page)
    for i, (x, y) in enumerate(points_on_pad(page, [SEVEN[0], *points_along(SEVEN)])):
        event = "touchMove" if i else "touchStart"
        finger.send("Input.dispatchTouchEvent", {"type": event, "touchPoints": [{"x": x, "y": y}]})
    finger.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    expect_digit(page, 7)
    assert page.evaluate("scrollY") == 0
    assert page.evaluate("document.documentElement.scrollHeight > innerHeight")  # it could have scrolled


def points_along(stroke: Stroke) -> Stroke:
    """Ten points along each line of the stroke, without its first point."""
    return [
        (x0 + (x1 - x0) * i / 10, y0 + (y1 - y0) * i / 10)
        for (x0, y0), (x1, y1) in pairwise(stroke)
        for i in range(1, 11)
    ]


def test_a_tap_makes_a_dot(phone: BrowserContext, service: str) -> None:
    page = phone.new_page()
    page.goto(service)
    tap(page, 0.5, 0.5)
    centre = "pad => Array.from(pad.getContext('2d').getImageData(pad.width / 2, pad.height / 2, 1, 1).data)"
    assert page.locator("#pad").evaluate(centre) == [0, 0, 0, 255]


def test_arrow_keys_draw(page: Page) -> None:
    page.locator("#pad").focus()
    page.keyboard.press("Space")
    for _ in range(14):
        page.keyboard.press("ArrowDown")
    page.keyboard.press("Space")
    expect_digit(page, 1)
    one = drawing(page)
    page.keyboard.press("ArrowRight")  # the pen is up
    assert drawing(page) == one


def test_the_paper_is_white_and_the_ink_black_in_the_dark_too(page: Page) -> None:
    light = drawing(page)
    page.emulate_media(color_scheme="dark")
    assert drawing(page) == light
    draw(page, SEVEN)
    expect_digit(page, 7)
    x, y = SEVEN[0]
    red = f"pad => pad.getContext('2d').getImageData(pad.width * {x}, pad.height * {y}, 1, 1).data[0]"
    assert page.locator("#pad").evaluate(red) == 0
