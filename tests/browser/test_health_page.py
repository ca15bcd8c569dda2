"""health_page.js: the state of the service, for people."""

from __future__ import annotations

import json
import re

import pytest
from playwright.sync_api import BrowserContext, Page, Route, expect


def open_health(desktop: BrowserContext, service: str) -> Page:
    page = desktop.new_page()
    page.goto(service + "about/health")
    return page


def test_a_ready_service_says_so(desktop: BrowserContext, service: str) -> None:
    page = open_health(desktop, service)
    expect(page.locator(".headline strong")).to_have_text("Ready")
    expect(page.locator("dl")).to_contain_text("CPU")
    expect(page.locator("dl")).to_contain_text(re.compile(r"\d+ s|\d+ min"))
    expect(page.get_by_role("row", name=re.compile("digits-mlp"))).to_contain_text("works")


def test_trouble_is_shown_with_its_reason(desktop: BrowserContext, service: str) -> None:
    page = desktop.new_page()
    page.route(service + "health", in_trouble)
    page.goto(service + "about/health")
    expect(page.locator(".headline strong")).to_have_text("Not ready")
    expect(page.locator(".headline")).to_contain_text("The model fails.")
    expect(page.get_by_role("row", name=re.compile("digits-mlp"))).to_contain_text("out of memory")
    expect(page.get_by_role("table", name="Refused files")).to_contain_text("no manifest")
    expect(page.locator("dl")).to_contain_text("2 d 3 h")


def in_trouble(route: Route) -> None:
    answer = route.fetch().json()
    answer |= {"status": "not ready", "reason": "The model fails.", "uptime_s": 2 * 86_400 + 3 * 3600 + 59}
    answer["refused"] = [{"name": "digits", "entry": "9", "reason": "no manifest"}]
    for model in answer["models"]:
        model["problem"] = "out of memory"
    route.fulfill(body=json.dumps(answer), content_type="application/json")


@pytest.mark.slow
def test_the_page_follows_the_service(desktop: BrowserContext, service: str) -> None:
    page = open_health(desktop, service)
    expect(page.locator(".headline strong")).to_have_text("Ready")
    desktop.set_offline(True)
    expect(page.locator("#message")).to_contain_text("The service cannot be reached")
    expect(page.locator(".card")).to_have_count(0)
    desktop.set_offline(False)
    expect(page.locator(".headline strong")).to_have_text("Ready")
