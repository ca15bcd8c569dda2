"""models_page.js and about_page.js: the models in service, for people."""

from __future__ import annotations

import hashlib
import json
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.support.browser_actions import PageMonitor, accessibility_violations
from tests.support.service_process import serving


@pytest.fixture
def models_page(desktop: BrowserContext, service: str) -> Page:
    page = desktop.new_page()
    page.goto(service)
    page.get_by_role("link", name="Models").click()
    return page


def served_models(service: str) -> Any:
    with urllib.request.urlopen(service + "models") as answer:
        return json.load(answer)


def test_every_served_version_has_its_figures(models_page: Page, service: str) -> None:
    answer = served_models(service)
    cards = models_page.locator(".card")
    expect(cards).to_have_count(len(answer["models"]))
    expect(cards.first.locator(".badge")).to_have_text("default")
    for model in answer["models"]:
        manifest, precision = model["manifest"], model["precision"]
        card = cards.filter(has_text=f"{manifest['name']} {manifest['version']}")
        graph = manifest["int8"] if precision == "int8" else manifest  # the figures of the graph that runs
        (accuracy,) = [
            metric["value"]
            for metric in graph["metrics"]
            if metric["name"] == "accuracy" and metric["data"] == "MNIST test, 10,000 digits"
        ]
        expect(card.locator(".headline strong")).to_have_text(f"Accuracy {100 * accuracy:.2f}%")
        expect(card.locator("dl")).to_contain_text(precision)
        card.locator("summary").click()
        expect(card.get_by_role("rowheader", name="phone photos")).to_be_visible()
        expect(card.get_by_role("rowheader", name="letters, 1,599")).to_be_visible()


def test_the_page_asks_no_other_origin_and_breaks_no_policy(desktop: BrowserContext, service: str) -> None:
    monitor = PageMonitor(desktop)
    monitor.page.goto(service + "about/models")
    expect(monitor.page.locator(".card").first).to_be_visible()
    assert monitor.messages == []
    assert [url for url in monitor.requested_urls if not url.startswith(service)] == []


def test_programs_get_json_whatever_they_accept(service: str) -> None:
    for route in ("models", "health"):
        for accept in ("*/*", "text/html,application/xhtml+xml,*/*;q=0.8"):
            request = urllib.request.Request(service + route, headers={"Accept": accept})
            with urllib.request.urlopen(request) as answer:
                assert answer.headers["Content-Type"] == "application/json"


def test_the_json_is_one_click_away(models_page: Page, service: str) -> None:
    models_page.get_by_role("link", name="The same as JSON").click()
    models_page.wait_for_url(service + "models")


def test_a_required_key_is_asked_for_once_and_serves_all_pages(desktop: BrowserContext, tmp_path: Path) -> None:
    digest = hashlib.sha256(b"a key").hexdigest()
    with serving(tmp_path, "--api-keys", digest, "--root-path", "/ml/digits") as address:
        page = desktop.new_page()
        page.goto(address + "ml/digits/about/models")
        expect(page.locator("#message")).to_have_text("Enter an API key for this service.")
        page.get_by_label("API key").fill("another")
        page.get_by_label("API key").press("Enter")
        expect(page.locator("#message")).to_contain_text("Check the key")
        page.get_by_label("API key").fill("a key")
        page.get_by_label("API key").press("Enter")
        expect(page.locator(".card").first).to_be_visible()
        expect(page.get_by_label("API key")).to_be_hidden()
        page.get_by_role("link", name="Health").click()
        expect(page.locator(".headline strong")).to_have_text("Ready")
        page.get_by_role("link", name="The same as JSON").click()
        expect(page.locator("body")).to_contain_text('"digits-mlp"')
        page.close()


@pytest.mark.parametrize(("path", "scheme"), [("about/models", "light"), ("about/health", "dark")])
def test_the_pages_violate_no_accessibility_rule(
    browser: Browser, service: str, axe: str, path: str, scheme: Any
) -> None:
    context = browser.new_context(
        bypass_csp=True, color_scheme=scheme, locale="zh-CN", viewport={"width": 320, "height": 640}
    )
    page = context.new_page()
    page.goto(service + path)
    expect(page.locator(".card").first).to_be_visible()
    for summary in page.locator("summary").all():
        summary.click()
    assert accessibility_violations(page, axe) == []
    assert page.evaluate("document.documentElement.scrollWidth") == 320
    assert page.locator(".table").count() > 0
    assert page.locator(".table").evaluate_all("all => all.filter(one => one.scrollWidth > one.clientWidth)") == []
    context.close()
