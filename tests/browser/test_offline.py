"""offline.js, service_worker.js and model_store.js: the page without the service."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from app.web import offline_files
from tests.support.browser_actions import SEVEN, PageMonitor, draw, expect_digit
from tests.support.service import wait_until
from tests.support.service_process import free_port, serving

PREFIX = "ml/digits/"
DOWNLOAD_MS = 60_000
KEPT_FILES = """async () => {
    const names = await caches.keys();
    const requests = await Promise.all(names.map(async (name) => (await caches.open(name)).keys()));
    return requests.flat().map(({ url }) => url);
}"""
NEXT_VERSION = (
    "from app.web import offline_files; offline_files.digest = lambda names: 'next'; from app import __main__"
)

needs_runtime = pytest.mark.skipif(
    not offline_files.RUNTIME.is_dir(), reason="the page's runtime is not installed: make runtime"
)


@pytest.fixture
def port() -> int:
    return free_port()


def open_page(context: BrowserContext, address: str) -> Page:
    """The page, once the browser keeps it."""
    page = context.new_page()
    page.goto(address)
    wait_until(lambda: page.evaluate("navigator.serviceWorker.ready.then(({ active }) => active.state)") == "activated")
    return page


def turn_on(page: Page) -> None:
    page.get_by_role("switch").check()
    expect(page.locator("#place-note")).to_have_text("Pictures stay in this browser.", timeout=DOWNLOAD_MS)


def wait_until_kept(page: Page, name: str) -> None:
    wait_until(lambda: any(name in url for url in kept_files(page)))


def kept_files(page: Page) -> list[str]:
    files: list[str] = page.evaluate(KEPT_FILES)
    return files


def test_the_page_can_be_installed(desktop: BrowserContext, service: str) -> None:
    page = desktop.new_page()
    page.goto(service)
    manifest = page.evaluate("document.querySelector('link[rel=manifest]').href")
    answer = page.request.get(manifest)
    assert answer.headers["content-type"] == "application/manifest+json"
    session = desktop.new_cdp_session(page)
    assert session.send("Page.getAppManifest")["errors"] == []
    errors = session.send("Page.getInstallabilityErrors")["installabilityErrors"]
    assert {error["errorId"] for error in errors} <= {"in-incognito"}  # every context of the tests is
    for icon in answer.json()["icons"]:
        assert page.request.get(service + "static/" + icon["src"]).ok


@needs_runtime
@pytest.mark.parametrize("prefix", ["", pytest.param(PREFIX, marks=pytest.mark.slow)], ids=["root", "prefix"])
def test_a_digit_is_read_without_the_service(desktop: BrowserContext, tmp_path: Path, port: int, prefix: str) -> None:
    options = ("--root-path", "/ml/digits") if prefix else ()
    with serving(tmp_path, *options, port=port) as address:
        page = open_page(desktop, address + prefix)
        turn_on(page)
        wait_until_kept(page, "ort.wasm.gz")
    desktop.set_offline(True)
    page.reload()  # the switch stays as it was left
    expect(page.locator("#place-note")).to_have_text("Pictures stay in this browser.", timeout=DOWNLOAD_MS)
    draw(page, SEVEN)
    expect_digit(page, 7)
    expect(page.locator("#facts")).to_contain_text("on this device")
    page.get_by_text("Several").click()
    expect(page.locator("#words")).to_have_text("On this device, only one digit can be read")


def test_without_the_service_several_digits_are_refused_before_anything_is_drawn(
    desktop: BrowserContext, tmp_path: Path, port: int
) -> None:
    with serving(tmp_path, port=port) as address:
        page = open_page(desktop, address)
    page.reload()
    expect(page.locator("h1")).to_have_text("digits")
    page.get_by_text("Several").click()
    expect(page.locator("#words")).to_have_text("Several digits are read by the service")
    with serving(tmp_path, port=port):
        expect(page.locator("#words")).to_have_text("Waiting for a digit")
        page.close()


@pytest.mark.slow
def test_the_pages_about_the_service_say_that_it_is_away(desktop: BrowserContext, tmp_path: Path, port: int) -> None:
    with serving(tmp_path, port=port) as address:
        page = open_page(desktop, address)
    for path in ("about/models", "about/health"):
        page.goto(address + path)
        expect(page.locator("#message")).to_contain_text("The service cannot be reached")


@needs_runtime
def test_no_answer_of_the_service_is_kept(desktop: BrowserContext, service: str) -> None:
    page = open_page(desktop, service)
    draw(page, SEVEN)
    expect_digit(page, 7)
    turn_on(page)
    wait_until_kept(page, "ort.wasm.gz")
    page.reload()
    page.goto(service + "about/health")
    expect(page.locator(".card").first).to_be_visible()
    page.goto(service + "models")
    paths = {url.removeprefix(service) for url in kept_files(page)}
    pages = set(offline_files.ROUTES)
    files = {f"static/{name}" for name in (*offline_files.page_files(), *offline_files.reader_files())}
    assert paths == pages | files | {"static/model"}  # the last one is the model's graph


def test_programs_on_a_kept_page_get_the_services_own_answers(desktop: BrowserContext, service: str) -> None:
    page = open_page(desktop, service)
    page.reload()
    assert page.evaluate("navigator.serviceWorker.controller !== null")
    assert page.evaluate("fetch('./').then((response) => response.json())") == {"status": "alive"}


@pytest.mark.slow
def test_a_new_version_of_the_page_replaces_the_old_one(desktop: BrowserContext, tmp_path: Path, port: int) -> None:
    with serving(tmp_path, port=port) as address:
        page = open_page(desktop, address)
        (old,) = page_caches(page)
    program = ("-c", f"import sys; {NEXT_VERSION}; sys.exit(__main__.main())")
    with serving(tmp_path, port=port, program=program):
        page.reload()
        wait_until(lambda: old not in page_caches(page))
        (new,) = page_caches(page)
        assert new.endswith("next")
    page.reload()  # and the new one works without the service
    expect(page.locator("h1")).to_have_text("digits")


@pytest.mark.slow
@needs_runtime
def test_an_update_keeps_the_reader_of_those_who_use_it(desktop: BrowserContext, tmp_path: Path, port: int) -> None:
    with serving(tmp_path, port=port) as address:
        page = open_page(desktop, address)
        turn_on(page)
        wait_until_kept(page, "ort.wasm.gz")
        (old,) = page_caches(page)
    program = ("-c", f"import sys; {NEXT_VERSION}; sys.exit(__main__.main())")
    with serving(tmp_path, port=port, program=program):
        page.reload()
        wait_until(lambda: old not in page_caches(page))
        assert any("ort.wasm.gz" in url for url in kept_files(page))
        page.close()


def page_caches(page: Page) -> list[str]:
    names: list[str] = page.evaluate("caches.keys()")
    return [name for name in names if name != "digits model"]


@needs_runtime
def test_the_model_is_fetched_once_for_each_version(desktop: BrowserContext, service: str) -> None:
    monitor = PageMonitor(desktop)
    page = monitor.page
    page.goto(service)
    turn_on(page)
    page.reload()
    expect(page.locator("#place-note")).to_have_text("Pictures stay in this browser.", timeout=DOWNLOAD_MS)
    assert len([url for url in monitor.requested_urls if url.endswith("model.onnx")]) == 1
    page.route("**/models", with_another_graph)
    page.reload()
    expect(page.locator("#place-note")).to_have_text("Pictures stay in this browser.", timeout=DOWNLOAD_MS)
    assert len([url for url in monitor.requested_urls if url.endswith("model.onnx")]) == 2
    assert monitor.messages == []


def with_another_graph(route: Any) -> None:
    answer = route.fetch().json()
    for model in answer["models"]:
        model["manifest"]["sha256"] = "0" * 64
    route.fulfill(body=json.dumps(answer), content_type="application/json")


@pytest.mark.slow
@needs_runtime
def test_a_service_with_keys_is_kept_too(desktop: BrowserContext, tmp_path: Path, port: int) -> None:
    digest = hashlib.sha256(b"a key").hexdigest()
    with serving(tmp_path, "--api-keys", digest, port=port) as address:
        page = open_page(desktop, address)
        page.get_by_label("API key").fill("a key")
        page.get_by_role("button", name="Use key").click()
        turn_on(page)
        wait_until_kept(page, "ort.wasm.gz")
    page.reload()
    expect(page.locator("#place-note")).to_have_text("Pictures stay in this browser.", timeout=DOWNLOAD_MS)
    draw(page, SEVEN)
    expect_digit(page, 7)


def test_without_a_secure_connection_the_page_works_and_keeps_nothing(desktop: BrowserContext, service: str) -> None:
    insecure = service.replace("127.0.0.1", "insecure.example")  # browsers trust only this machine without TLS
    monitor = PageMonitor(desktop)
    page = monitor.page
    page.route(
        f"{insecure}**",
        lambda route: route.fulfill(response=route.fetch(url=route.request.url.replace(insecure, service))),
    )
    page.goto(insecure)
    assert not page.evaluate("isSecureContext")
    draw(page, SEVEN)
    expect_digit(page, 7)
    assert monitor.messages == []
    page.unroute_all(behavior="ignoreErrors")
