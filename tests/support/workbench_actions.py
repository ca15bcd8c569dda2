"""What the tests of the workbench do with it: add files, wait until they are read, make the service doubt a line."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from playwright.sync_api import FilePayload, Locator, Page, Route, expect

from tests.support.mnist_pictures import encode_png, enlarged_digit

DIGIT = 60  # pixels
LINE = 100  # pixels, from line to line
READ = "#stack :is([data-state=doubtful], [data-state=done])"
LONG_MS = 120_000  # for many sheets on a busy machine


class Doubt(NamedTuple):
    """What the service is made to answer in place of a line's own reading."""

    text: str
    alternatives: list[str]


def sheet_png(*lines: int) -> bytes:
    """A picture with as many sevens on each line as told."""
    paper = np.full((LINE * len(lines) + LINE // 2, LINE * max(lines) + LINE), 255, np.uint8)
    for row, count in enumerate(lines):
        for column in range(count):
            top, left = LINE * row + LINE // 2, LINE // 2 + DIGIT * column
            paper[top : top + DIGIT, left : left + DIGIT] = 255 - enlarged_digit(0, DIGIT)
    return encode_png(paper)


def png_file(name: str, *lines: int) -> FilePayload:
    return {"name": name, "mimeType": "image/png", "buffer": sheet_png(*lines)}


def file_of(name: str, content_type: str, content: bytes) -> FilePayload:
    return {"name": name, "mimeType": content_type, "buffer": content}


def choose_several(page: Page) -> None:
    page.get_by_text("Several", exact=True).click()


def add_files(page: Page, *files: FilePayload) -> None:
    choose_several(page)
    page.locator("#file").set_input_files(files)


def expect_read(page: Page, count: int) -> None:
    expect(page.locator(READ)).to_have_count(count, timeout=LONG_MS)


def names(page: Page) -> list[str]:
    return page.locator("#stack .name").all_inner_texts()


def texts(page: Page) -> Locator:
    """The texts of the chosen sheet's lines."""
    return page.locator("#line-list .line-text")


def shown_size(page: Page) -> tuple[int, int]:
    """Of the chosen sheet's picture."""
    width, height = page.locator("#picture canvas").evaluate("canvas => [canvas.width, canvas.height]")
    return width, height


def make_doubtful(page: Page, *doubts: Doubt) -> None:
    """The service's own answers from now on, except that it doubts the first lines of each sheet and misreads them."""

    def answer(route: Route) -> None:
        response = route.fetch()
        document = response.json()
        for line, doubt in zip(document.get("readings", []), doubts, strict=False):
            line.update(doubtful_line(line, doubt))
        route.fulfill(response=response, json=document)

    page.route("**/read?*", answer)


def doubtful_line(line: dict[str, Any], doubt: Doubt) -> dict[str, Any]:
    """Its first sign is the doubtful one."""
    signs = [sign | {"text": text} for sign, text in zip(line["signs"], doubt.text, strict=False)]
    signs[0] |= {"accepted": False, "confidence": 0.52}
    alternatives = [{"text": text, "probability": 0.4} for text in [doubt.text, *doubt.alternatives]]
    changed = {"text": doubt.text, "accepted": False, "confidence": 0.42}
    return changed | {"signs": signs, "alternatives": alternatives}
