"""Several digits drawn on the page: the lines that are read, and what is drawn over them."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from tests.support.browser_actions import (
    SEVEN,
    draw,
    drawing,
    expect_digit,
    expect_lines,
    points_on_pad,
)


def write_three_sevens(page: Page) -> None:
    page.get_by_text("Several").click()
    for left in (0.1, 0.3, 0.5):
        draw(page, [(left + x * 0.15, y) for x, y in SEVEN])
    expect(page.locator("#answer")).to_have_attribute("aria-busy", "false")


def test_several_digits_are_read_and_have_boxes(page: Page) -> None:
    write_three_sevens(page)
    expect_lines(page, "777")
    expect(page.locator("#words")).to_have_text(re.compile(r"^3 digits, lowest confidence \d+\.\d\d%$"))
    expect(page.locator(".box")).to_have_count(3)
    box = page.locator(".box").nth(1).bounding_box()
    assert box is not None
    ((left, top), (right, bottom)) = points_on_pad(page, [(0.3 + 0.30 * 0.15, 0.25), (0.3 + 0.69 * 0.15, 0.78)])
    edges = [box["x"], box["y"], box["x"] + box["width"], box["y"] + box["height"]]
    assert edges == pytest.approx([left, top, right, bottom], abs=10)  # half a stroke is 6 pixels wide


def test_boxes_go_with_their_digits(page: Page) -> None:
    write_three_sevens(page)
    expect(page.locator(".box")).to_have_count(3)
    page.get_by_role("button", name="Undo").click()
    expect(page.locator(".box")).to_have_count(2)
    page.get_by_role("button", name="Clear").click()
    expect(page.locator(".box")).to_have_count(0)


def test_boxes_stay_while_the_next_digit_is_drawn(page: Page) -> None:
    write_three_sevens(page)
    expect(page.locator(".box")).to_have_count(3)
    page.route("**/read?*", lambda _: None)
    (start_x, start_y), (end_x, end_y) = points_on_pad(page, [(0.8, 0.3), (0.8, 0.6)])
    page.mouse.move(start_x, start_y)
    page.mouse.down()
    page.mouse.move(end_x, end_y, steps=5)
    assert page.locator(".box").count() == 3
    page.mouse.up()


def test_only_outlines_lie_over_the_drawing(page: Page) -> None:
    """A label would cover the digits of the line above."""
    write_three_sevens(page)
    expect(page.locator(".box")).to_have_count(3)
    assert page.locator("#boxes").inner_text() == ""
    assert page.locator(".box").first.evaluate("box => getComputedStyle(box, '::before').content") == "none"


def test_each_mode_keeps_its_drawing(page: Page) -> None:
    blank = drawing(page)
    write_three_sevens(page)
    page.get_by_text("One digit").click()
    assert drawing(page) == blank
    draw(page, SEVEN)
    expect_digit(page, 7)
    page.get_by_text("Several").click()
    expect_lines(page, "777")
