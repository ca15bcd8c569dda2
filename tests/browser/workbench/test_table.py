"""table.js: the stack as CSV, JSON and text."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.support.workbench_actions import Doubt, add_files, expect_read, file_of, make_doubtful, png_file

FULL_WIDTH = ["\uff1d1+1.png", "\uff0b1.png", "\uff0d1.png", "\uff20SUM.png"]
FORMULAS = ["=1+1.png", " =1+1.png", "-1+1.png", *FULL_WIDTH]


@pytest.fixture
def corrected(page: Page) -> Page:
    """A stack of a corrected sheet, a sheet as it was read, and a file that is none."""
    make_doubtful(page, Doubt("17", ["77"]))
    bad = file_of("notes.jpg", "image/jpeg", b"a shopping list")
    add_files(page, png_file('=1+1 "meter".png', 2, 1), bad, png_file("b.png", 2))
    expect_read(page, 2)
    expect(page.locator("#stack [data-state=failed]")).to_have_count(1)
    page.locator("#stack li").first.click()
    page.locator("#line-list").focus()
    page.keyboard.press("2")
    return page


def saved(page: Page, button: str) -> Path:
    with page.expect_download() as download:
        page.get_by_role("button", name=button, exact=True).click()
    return download.value.path()


def test_csv_has_a_row_for_each_line(corrected: Page) -> None:
    rows = list(csv.DictReader(saved(corrected, "CSV").read_text("utf-8-sig").splitlines()))
    shown = [tuple(row[name] for name in ("page", "line", "text", "accepted", "corrected", "original")) for row in rows]
    assert shown == [
        ("1", "1", "77", "true", "true", "17"),
        ("1", "2", "7", "true", "false", "7"),
        ("1", "1", "17", "false", "false", "17"),
    ]
    assert rows[0]["confidence"] == "0.42"


def test_a_file_name_is_no_formula_in_a_spreadsheet(corrected: Page) -> None:
    rows = list(csv.DictReader(saved(corrected, "CSV").read_text("utf-8-sig").splitlines()))
    assert rows[0]["file"] == '\'=1+1 "meter".png'


@pytest.mark.parametrize("name", FORMULAS)
def test_no_name_is_a_formula_in_csv_or_a_copy(desktop: BrowserContext, page: Page, name: str) -> None:
    desktop.grant_permissions(["clipboard-read", "clipboard-write"])
    add_files(page, png_file(name, 1))
    expect_read(page, 1)
    page.get_by_role("button", name="Copy", exact=True).click()
    expect(page.locator("#stack-summary")).to_have_text("Copied")
    copied = page.evaluate("navigator.clipboard.readText()").splitlines()[1].split("\t")
    (row,) = csv.DictReader(saved(page, "CSV").read_text("utf-8-sig").splitlines())
    assert (copied[0], row["file"]) == (f"'{name}", f"'{name}")


def test_a_negative_number_stays_a_number(page: Page) -> None:
    make_doubtful(page, Doubt("-5", ["77"]))
    add_files(page, png_file("a.png", 2))
    expect_read(page, 1)
    (row,) = csv.DictReader(saved(page, "CSV").read_text("utf-8-sig").splitlines())
    assert row["text"] == "-5"


def test_json_names_what_could_not_be_read(corrected: Page) -> None:
    document = json.loads(saved(corrected, "JSON").read_text())
    assert [line["text"] for line in document["lines"]] == ["77", "7", "17"]
    assert [failure["file"] for failure in document["failed"]] == ["notes.jpg"]
    expect(corrected.locator("#stack-summary")).to_contain_text("not read have no lines in the table: 1")


def test_the_table_is_copied(desktop: BrowserContext, corrected: Page) -> None:
    desktop.grant_permissions(["clipboard-read", "clipboard-write"])
    corrected.get_by_role("button", name="Copy", exact=True).click()
    expect(corrected.locator("#stack-summary")).to_have_text("Copied")
    rows = corrected.evaluate("navigator.clipboard.readText()").splitlines()
    assert [row.split("\t")[4] for row in rows] == ["text", "77", "7", "17"]
