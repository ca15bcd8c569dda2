"""use_in_code.js: the request that the page has made, as programs that run."""

from __future__ import annotations

import hashlib
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.support.browser_actions import (
    ONE,
    SEVEN,
    accessibility_violations,
    draw,
    drop_file,
    expect_digit,
    expect_lines,
)
from tests.support.mnist_pictures import mnist_png
from tests.support.service_process import serving

KEY = "key-of-a-visitor"
PREFIX = "ml/digits/"


@pytest.fixture(scope="module")
def service_with_key(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A service below a prefix that answers only requests with the key."""
    digest = hashlib.sha256(KEY.encode()).hexdigest()
    folder = tmp_path_factory.mktemp("service_with_key")
    with serving(folder, "--api-keys", digest, "--root-path", "/ml/digits") as address:
        yield address + PREFIX


def code(page: Page, language: str) -> str:
    """What the page shows for this language."""
    if not page.get_by_role("dialog").is_visible():
        page.get_by_role("button", name="Use it in code").click()
    page.get_by_role("dialog").get_by_text(language, exact=True).click()
    text: str = page.locator("#code-text").inner_text()
    return text


def save_picture(page: Page, folder: Path) -> None:
    with page.expect_download() as download:
        page.get_by_role("button", name=re.compile("^Save ")).click()
    download.value.save_as(folder / download.value.suggested_filename)


def run(command: list[str], folder: Path) -> str:
    return subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True, timeout=60).stdout


@pytest.mark.parametrize("mode", ["One digit", "Several"])
def test_the_code_names_the_url_that_the_page_has_requested(page: Page, mode: str) -> None:
    page.get_by_text(mode, exact=True).click()
    with page.expect_request(lambda request: request.method == "POST") as request:
        draw(page, SEVEN)
    expect(page.locator("main")).to_have_attribute("data-state", "read")
    for language in ("curl", "Python"):
        assert re.findall(r"['\"](http.*)['\"]", code(page, language)) == [request.value.url]


def test_the_code_runs_with_the_saved_picture(page: Page, tmp_path: Path) -> None:
    draw(page, SEVEN)
    expect_digit(page, 7)
    python = code(page, "Python")
    save_picture(page, tmp_path)
    assert "'digit': 7" in run([sys.executable, "-c", python], tmp_path)
    if shutil.which("curl"):
        assert '"digit":7' in run(["sh", "-c", code(page, "curl")], tmp_path)


def test_the_name_of_a_file_is_quoted(page: Page, tmp_path: Path) -> None:
    picture, label = mnist_png(1)
    drop_file(page, """it's "2" $HOME 二.png""", "image/png", picture)
    expect_digit(page, label)
    commands = {sys.executable: code(page, "Python"), "sh": code(page, "curl")}
    (tmp_path / """it's "2" $HOME 二.png""").write_bytes(picture)
    for program, text in commands.items():
        assert re.search(rf"'?\"?digit'?\"?: ?{label}", run([program, "-c", text], tmp_path))


def test_the_javascript_makes_the_same_request(page: Page) -> None:
    page.get_by_text("Several").click()
    with page.expect_request(lambda request: request.method == "POST") as made:
        draw(page, ONE)
    expect_lines(page, "1")
    program = code(page, "JavaScript")
    assert "DIGITS_CORS_ORIGINS" in program
    imported = re.sub(r'import \{ (\w+) \} from ("[^"]+");', r"const { \1 } = await import(\2);", program)
    files = 'const files = [new File([await (await fetch("static/seven.png")).blob()], "seven.png")];'
    chosen = imported.replace('document.querySelector("input[type=file]").files', "files")
    with page.expect_request(lambda request: request.method == "POST") as repeated:
        page.evaluate(f"(async () => {{ {files} {chosen} }})()")
    assert repeated.value.url == made.value.url


def test_the_key_is_a_placeholder_and_the_prefix_is_in_the_url(
    desktop: BrowserContext, service_with_key: str, tmp_path: Path
) -> None:
    page = desktop.new_page()
    page.goto(service_with_key)
    page.get_by_label("API key").fill(KEY)
    page.get_by_label("API key").press("Enter")
    draw(page, SEVEN)
    expect_digit(page, 7)
    for language in ("curl", "Python", "JavaScript"):
        text = code(page, language)
        assert KEY not in text
        assert "YOUR_API_KEY" in text
        assert service_with_key in text
    save_picture(page, tmp_path)
    program = code(page, "Python").replace("YOUR_API_KEY", KEY)
    assert "'digit': 7" in run([sys.executable, "-c", program], tmp_path)


def test_the_code_is_copied(desktop: BrowserContext, page: Page) -> None:
    desktop.grant_permissions(["clipboard-read", "clipboard-write"])
    draw(page, SEVEN)
    expect_digit(page, 7)
    text = code(page, "Python")
    page.get_by_role("dialog").get_by_role("button", name="Copy").click()
    expect(page.locator("#code-copy")).to_have_text("Copied")
    assert page.evaluate("navigator.clipboard.readText()").strip() == text.strip()


def test_without_a_request_there_is_no_code(page: Page) -> None:
    expect(page.get_by_role("button", name="Use it in code")).to_be_hidden()


def test_the_dialog_violates_no_accessibility_rule(desktop: BrowserContext, service: str, axe: str) -> None:
    browser = desktop.browser
    assert browser is not None
    context = browser.new_context(bypass_csp=True, color_scheme="dark", viewport={"width": 390, "height": 844})
    page = context.new_page()
    page.goto(service)
    draw(page, SEVEN)
    expect_digit(page, 7)
    code(page, "Python")
    assert accessibility_violations(page, axe) == []
    context.close()
