"""template.js and template_panel.js: the fields of forms are drawn on the page, and the stack is read by them."""

from __future__ import annotations

import json

import pytest
from playwright.sync_api import Page, expect

from tests.support.workbench_actions import LONG_MS, add_files, expect_read, file_of, png_file, texts

SHARE = 0.02  # a step of an arrow key


def draw_field(page: Page, name: str, *keys: str) -> None:
    """Moves the rectangle, which is at first a tenth from each edge, with the keys."""
    page.get_by_role("button", name="Draw a field").click()
    for key in keys:
        page.keyboard.press(key)
    page.keyboard.press("Enter")
    page.get_by_label("Name").fill(name)
    page.get_by_label("Its text is").select_option("length")
    page.get_by_label("Number, pattern or values").fill("2")
    page.get_by_role("button", name="Add field").click()


def saved_template(page: Page) -> dict[str, dict[str, dict[str, float]]]:
    with page.expect_download() as download:
        page.get_by_role("button", name="Save", exact=True).click()
    template: dict[str, dict[str, dict[str, float]]] = json.loads(download.value.path().read_text())
    return template


def test_a_field_is_drawn_and_the_stack_is_read_by_it(page: Page) -> None:
    add_files(page, png_file("a.png", 2, 3), png_file("b.png", 2, 1))
    expect_read(page, 2)
    page.get_by_text("Form fields").click()
    # The first line alone: of 0.02 to 0.48 of the height, over nearly the whole width.
    draw_field(page, "count", *["ArrowUp"] * 4, *["Shift+ArrowUp"] * 17, *["ArrowLeft"] * 4, *["Shift+ArrowRight"] * 8)
    field = saved_template(page)["fields"]["count"]
    assert field["y"] == pytest.approx(0.1 - 4 * SHARE, abs=0.001)
    assert field["height"] == pytest.approx(0.8 - 17 * SHARE, abs=0.001)
    assert field["length"] == 2
    page.get_by_role("button", name="Read the stack again").click()
    for index in (0, 1):
        page.locator("#stack li").nth(index).click()
        expect(texts(page)).to_have_text(["77"], timeout=LONG_MS)
        expect(page.locator("#line-list .line-number")).to_have_text("count")


def test_a_template_is_loaded_kept_and_removed(page: Page) -> None:
    add_files(page, png_file("a.png", 2))
    expect_read(page, 1)
    page.get_by_text("Form fields").click()
    loader = page.locator(".template input[type=file]")
    loader.set_input_files([file_of("notes.json", "application/json", b"[]")])
    expect(page.locator(".template").get_by_role("status")).to_have_text(
        "The file is no template: it needs the member fields."
    )
    field = {"x": 0.1, "y": 0.1, "width": 0.5, "height": 0.5, "values": ["77", "7"]}
    loader.set_input_files([file_of("t.json", "application/json", json.dumps({"fields": {"meter": field}}).encode())])
    expect(page.locator(".fields li")).to_contain_text("meter")
    page.reload()
    page.get_by_text("Form fields").click()
    expect(page.locator(".fields li")).to_contain_text("77,7")
    page.get_by_role("button", name="Remove the field meter").click()
    expect(page.locator(".fields li")).to_have_count(0)


def test_a_field_on_a_photographed_sheet_is_placed_on_the_sheet(page: Page) -> None:
    """The document is the sheet of paper, wherever its corners are on the picture."""
    boxes = page.evaluate(
        """async () => {
            const { documentBox } = await import('/static/workbench/template.js');
            const corners = [[300, 700], [100, 100], [500, 140], [520, 640]];
            return [
                documentBox([100, 100, 1, 1], [600, 800], corners),
                documentBox([519, 639, 1, 1], [600, 800], corners),
                documentBox([60, 80, 300, 400], [600, 800], null),
            ];
        }"""
    )
    assert (boxes[0]["x"], boxes[0]["y"]) == pytest.approx((0, 0), abs=0.01)
    assert (boxes[1]["x"] + boxes[1]["width"], boxes[1]["y"] + boxes[1]["height"]) == pytest.approx((1, 1), abs=0.01)
    assert boxes[2] == {"x": 0.1, "y": 0.1, "width": 0.5, "height": 0.5}
