"""layout.css: everything important is on the screen at once, on every screen."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.support.browser_actions import SEVEN, draw, expect_digit, expect_lines

LAPTOP, UPRIGHT, ON_ITS_SIDE, ZOOMED = (1366, 641), (390, 844), (844, 390), (683, 320)  # the last: 1366 x 641 at 200 %
SMALL, NARROW = (360, 640), (320, 640)
TOOLS = ("#pad", "#undo", "#clear", "#choose", "#snap", "#modes")


@pytest.fixture
def sized_page(browser: Browser, service: str, size: tuple[int, int], locale: str) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": size[0], "height": size[1]}, locale=locale)
    page = context.new_page()
    page.goto(service)
    yield page
    context.close()


def expect_on_screen(page: Page, *selectors: str) -> None:
    for selector in selectors:
        expect(page.locator(selector)).to_be_in_viewport(ratio=1)


@pytest.mark.parametrize(
    ("size", "locale"),
    [
        (LAPTOP, "en-US"),
        (UPRIGHT, "zh-CN"),
        (ON_ITS_SIDE, "en-US"),
        (ZOOMED, "zh-CN"),
        (SMALL, "en-US"),
        (NARROW, "en-US"),
    ],
    ids=str,
)
def test_tools_and_result_are_on_the_screen_together(sized_page: Page, size: tuple[int, int]) -> None:
    expect_on_screen(sized_page, *TOOLS, "#words")
    draw(sized_page, SEVEN)
    expect_digit(sized_page, 7)
    expect_on_screen(sized_page, *TOOLS, "#digit", "#words", "#detail")
    assert sized_page.evaluate("document.documentElement.scrollWidth") == size[0]


@pytest.mark.parametrize("locale", ["en-US"])
@pytest.mark.parametrize("size", [LAPTOP, UPRIGHT, ON_ITS_SIDE, ZOOMED], ids=str)
def test_several_digits_and_their_result_are_on_the_screen_together(sized_page: Page, size: tuple[int, int]) -> None:
    sized_page.locator("#modes label").nth(1).click()
    expect_on_screen(sized_page, *TOOLS, "#words")
    draw(sized_page, SEVEN)
    expect_lines(sized_page, "7")
    expect_on_screen(sized_page, *TOOLS, "#words", "#lines")
    assert sized_page.evaluate("document.documentElement.scrollWidth") == size[0]


@pytest.mark.parametrize("locale", ["en-US"])
@pytest.mark.parametrize("size", [LAPTOP], ids=str)
def test_nothing_is_below_the_fold_of_a_laptop(sized_page: Page) -> None:
    expect_on_screen(sized_page, "#samples", "#place-note", "#facts")
    draw(sized_page, SEVEN)
    expect_digit(sized_page, 7)
    expect(sized_page.locator("#legend")).to_be_visible()
    expect_on_screen(sized_page, "#bars", "#legend", "#code-open", "#place-note")


@pytest.mark.parametrize("locale", ["en-US"])
@pytest.mark.parametrize("size", [UPRIGHT, ON_ITS_SIDE], ids=str)
def test_a_phone_shows_the_samples_and_the_explanation_without_scrolling(sized_page: Page) -> None:
    for sample in sized_page.locator("#samples button").all():
        expect(sample).to_be_in_viewport(ratio=1)
    draw(sized_page, SEVEN)
    expect_digit(sized_page, 7)
    expect(sized_page.locator("#legend")).to_be_visible()
    expect_on_screen(sized_page, "#seen", "#decided", "#legend")


def test_in_high_contrast_bars_and_modes_differ_by_a_colour_of_the_system(browser: Browser, service: str) -> None:
    context = browser.new_context(forced_colors="active", color_scheme="dark")
    page = context.new_page()
    page.goto(service)
    draw(page, SEVEN)
    expect_digit(page, 7)
    background = "(e, pseudo) => getComputedStyle(e, pseudo).backgroundColor"
    bar = page.locator("#bars .best .bar")
    assert bar.evaluate(background, "::before") != bar.evaluate(background)
    chosen, other = page.locator("#modes span").all()
    assert chosen.evaluate(background) != other.evaluate(background)
    for swatch in ("#legend-for", "#legend-against"):
        expect(page.locator(swatch)).to_be_visible()
    colours = {page.locator(s).evaluate(background, "::before") for s in ("#legend-for", "#legend-against")}
    assert len(colours) == 2
    context.close()
