"""The JavaScript that the documents show, as a module of a page. Calls from another origin: test_client.py."""

from __future__ import annotations

import pytest
from playwright.sync_api import BrowserContext

from tests.support.documents import Shown, all_blocks

SEVEN = "const fileOrBlob = await (await fetch('http://localhost:8000/static/seven.png')).blob();"


@pytest.mark.parametrize("block", all_blocks("javascript"), ids=lambda block: block.document)
def test_javascript_that_is_shown_reads_a_seven(block: Shown, desktop: BrowserContext, service: str) -> None:
    page = desktop.new_page()
    page.goto(f"{service}health")  # has no Content-Security-Policy that forbids the script
    with page.expect_console_message(lambda message: message.type == "log") as message:
        page.add_script_tag(type="module", content=f"{SEVEN}\n{block.text}".replace("http://localhost:8000/", service))
    digit, confidence = message.value.text.split()
    assert digit == "7"
    assert float(confidence) > 0.9
