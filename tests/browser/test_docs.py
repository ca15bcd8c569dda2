"""docs.js: the documentation of the API, of a service below a prefix, in a browser that prefers dark pages."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Locator, expect

from tests.conftest import ROOT
from tests.support.browser_actions import PageMonitor
from tests.support.service_process import serving

PREFIX = "ml/digits/"
SEVEN = ROOT / "app/web/static/seven.png"


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("service")
    (folder / "kept").mkdir()
    corrections = ("--corrections", str(folder / "kept"), "--corrections-open", "true")
    with serving(folder, "--root-path", f"/{PREFIX}".removesuffix("/"), *corrections) as address:
        yield address


@pytest.fixture
def monitor(browser: Browser, address: str) -> Iterator[PageMonitor]:
    """The page. Nothing was asked for outside of the prefix."""
    context = browser.new_context(viewport={"width": 1200, "height": 1000}, color_scheme="dark")
    monitor = PageMonitor(context)
    monitor.page.goto(f"{address}{PREFIX}docs")
    yield monitor
    prefixes = (f"{address}{PREFIX}", "data:", "blob:")
    assert [url for url in monitor.requested_urls if not url.startswith(prefixes)] == []
    context.close()


def open_form(monitor: PageMonitor, operation: str) -> Locator:
    """The operation with the form's fields, ready to be filled in."""
    part = monitor.page.locator(f"#operations-digits-{operation}")
    part.locator("button").first.click()
    part.get_by_role("button", name="Try it out").click()
    part.locator(".opblock-section-request-body select").select_option("multipart/form-data")
    return part


def expect_status(part: Locator, status: int) -> None:
    part.get_by_role("button", name="Execute").click()
    expect(part.locator(".live-responses-table .response-col_status").last).to_contain_text(str(status))


@pytest.mark.slow
def test_a_dark_system_gets_a_dark_page(monitor: PageMonitor) -> None:
    page = monitor.page
    expect(page.locator("html")).to_have_css("background-color", "rgb(28, 32, 34)")
    page.emulate_media(color_scheme="light")
    expect(page.locator("html")).not_to_have_class("dark-mode")


@pytest.mark.slow
def test_several_files_are_chosen_and_read(monitor: PageMonitor) -> None:
    part = open_form(monitor, "predict")
    for index in range(2):
        if part.locator("input[type=file]").count() <= index:
            part.get_by_role("button", name="Add").click()
        part.locator("input[type=file]").nth(index).set_input_files(SEVEN)
    expect_status(part, 200)
    expect(part.locator(".live-responses-table")).to_contain_text('"predictions"')


@pytest.mark.slow
def test_a_page_is_chosen_and_read_without_a_template(monitor: PageMonitor) -> None:
    part = open_form(monitor, "read")
    part.locator("input[type=file]").first.set_input_files(SEVEN)
    expect_status(part, 200)


def test_a_correction_needs_no_more_than_a_file_and_its_digits(monitor: PageMonitor) -> None:
    part = open_form(monitor, "correct")
    part.locator("input[type=file]").set_input_files(SEVEN)
    part.locator("[data-property-name=digits] input").fill("7")
    expect_status(part, 201)


@pytest.mark.slow
def test_each_status_of_a_problem_has_an_example_of_its_own(monitor: PageMonitor) -> None:
    part = monitor.page.locator("#operations-digits-predict")
    part.locator("button").first.click()
    for status in (400, 401, 404, 413, 415, 422, 500, 503, 504):
        expect(part.locator(f".response[data-code='{status}'] pre.example")).to_contain_text(f'"status": {status}')
