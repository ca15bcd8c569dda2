"""Several digits on the page: the lines that are read, and what is drawn over the picture."""

from __future__ import annotations

import re

import numpy as np
import pytest
from playwright.sync_api import Page, expect

from tests.support.browser_actions import (
    SEVEN,
    draw,
    drawing,
    drop_file,
    drop_photographed_sheet,
    expect_digit,
    expect_lines,
    points_on_pad,
)
from tests.support.mnist_pictures import encode_png, enlarged_digit


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
    assert [box.get_attribute("data-text") for box in page.locator(".box").all()] == ["7", "7", "7"]
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


def test_boxes_lie_where_the_digits_of_a_picture_are_shown(page: Page) -> None:
    page.get_by_text("Several").click()
    sheet = np.full((300, 300), 255, np.uint8)
    sheet[100:200, 40:140] = sheet[100:200, 180:280] = 255 - enlarged_digit(0, 100)
    drop_file(page, "sheet.png", "image/png", encode_png(sheet))
    expect_lines(page, "77")
    left, right = (box.bounding_box() for box in page.locator(".box").all())
    assert left is not None
    assert right is not None
    middle = page.locator("#pad").evaluate("e => e.getBoundingClientRect().left + e.clientWidth / 2")
    scale = page.locator("#pad").evaluate("e => e.clientHeight / 300")
    assert left["x"] + left["width"] / 2 == pytest.approx(middle - 60 * scale, abs=10)
    assert right["x"] + right["width"] / 2 == pytest.approx(middle + 80 * scale, abs=10)


def test_the_sheet_and_its_lines_are_outlined_on_a_photograph(page: Page) -> None:
    drop_photographed_sheet(page, "desk, perspective")
    expect(page.locator(".line-box")).to_have_count(page.locator("#lines > li").count())
    left, top, right, bottom = edges_of(page, "#boxes polygon")
    outer = edges_of(page, "#paper")
    assert outer[0] < left < right < outer[2]  # the desk is visible around the sheet
    assert outer[1] < top < bottom < outer[3]
    for line in page.locator(".line-box").all():
        box = line.bounding_box()
        assert box is not None
        assert left < box["x"] < box["x"] + box["width"] < right
        assert top < box["y"] < box["y"] + box["height"] < bottom


def edges_of(page: Page, selector: str) -> tuple[float, float, float, float]:
    box = page.locator(selector).bounding_box()
    assert box is not None
    return box["x"], box["y"], box["x"] + box["width"], box["y"] + box["height"]


def test_a_page_that_lay_on_its_side_says_so(page: Page) -> None:
    drop_photographed_sheet(page, "turned by 90")
    expect(page.locator("#detail")).to_contain_text("page turned by 270°")


def test_a_picture_leaves_its_place_to_the_drawing_that_follows(page: Page) -> None:
    """A picture has its lines beside it, a drawing below it."""
    drop_photographed_sheet(page, "ink")
    assert is_beside(page)
    page.get_by_role("button", name="Undo").click()
    expect(page.locator("#lines > li")).to_have_count(0)
    expect(page.locator(".line-box")).to_have_count(0)
    assert not is_beside(page)


def is_beside(page: Page) -> bool:
    return edges_of(page, "#answer")[0] > edges_of(page, "#paper")[2]


def test_going_back_to_one_digit_starts_a_new_sheet(page: Page) -> None:
    blank = drawing(page)
    write_three_sevens(page)
    page.get_by_text("One digit").click()
    assert drawing(page) == blank
    draw(page, SEVEN)
    expect_digit(page, 7)
