"""What the tests of the page do with it: draw, drop files, look at what is shown."""

from __future__ import annotations

import base64
from typing import Any

from playwright.sync_api import BrowserContext, Page, Response, Route, expect

from training.evaluation.sheets.kinds import KINDS, make_sheet

Stroke = list[tuple[float, float]]  # points, as fractions of the drawing pad's width and height
SEVEN: Stroke = [(0.30, 0.25), (0.69, 0.25), (0.60, 0.45), (0.48, 0.78)]
ONE: Stroke = [(0.52, 0.20), (0.48, 0.80)]
BAR_ON_TOP: Stroke = [(0.22, 0.22), (0.52, 0.20)]


class PageMonitor:
    """Opens a page and records the URLs it requests, its console messages and its errors."""

    def __init__(self, context: BrowserContext) -> None:
        self.page = context.new_page()
        self.requested_urls: list[str] = []
        self.messages: list[str] = []
        self.page.on("request", lambda request: self.requested_urls.append(request.url))
        self.page.on("console", lambda message: self.messages.append(message.text))
        self.page.on("pageerror", lambda error: self.messages.append(str(error)))


def draw(page: Page, stroke: Stroke, steps: int = 3) -> None:
    """Draws with the mouse."""
    (x, y), *rest = points_on_pad(page, stroke)
    page.mouse.move(x, y)
    page.mouse.down()
    for x, y in rest:
        page.mouse.move(x, y, steps=steps)
    page.mouse.up()


def points_on_pad(page: Page, stroke: Stroke) -> list[tuple[float, float]]:
    box = page.locator("#pad").bounding_box()
    assert box is not None
    return [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in stroke]


def tap(page: Page, x: float, y: float) -> None:
    ((x, y),) = points_on_pad(page, [(x, y)])
    page.touchscreen.tap(x, y)


def drawing(page: Page) -> str:
    """The content of the drawing pad, as a PNG in a data: URL."""
    url: str = page.locator("#pad").evaluate("pad => pad.toDataURL()")
    return url


def expect_digit(page: Page, digit: int) -> None:
    """Waits for this result of the whole drawing, not of a part of it."""
    expect(page.locator("#answer")).to_have_attribute("aria-busy", "false")
    expect(page.locator("main")).to_have_attribute("data-state", "read")
    expect(page.locator("#digit")).to_have_text(str(digit))


def expect_lines(page: Page, *lines: str) -> None:
    """Waits for these lines on a page of several digits."""
    expect(page.locator("#answer")).to_have_attribute("aria-busy", "false")
    expect(page.locator("summary .line-text")).to_have_text(lines)


def hold_requests(page: Page, url: str) -> list[Route]:
    """Leaves the page's requests to this URL pattern unanswered from now on. Returns the growing list of them."""
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    page.route(url, hold)
    return held


def is_prediction(response: Response) -> bool:
    return "/predict" in response.url


def accessibility_violations(page: Page, axe: str) -> list[dict[str, Any]]:
    """The rules that the page violates as it is now, each with the elements that violate it."""
    page.evaluate(axe)
    violations = page.evaluate("axe.run().then(({ violations }) => violations)")
    return [
        {"rule": violation["id"], "elements": [node["html"] for node in violation["nodes"]]} for violation in violations
    ]


def drop_file(page: Page, name: str, content_type: str, content: bytes) -> None:
    dispatch_file(page, "drop", name, content_type, content)


def drop_photographed_sheet(page: Page, kind: str) -> None:
    """Drops a generated photograph of a sheet of numbers and waits until its lines are read."""
    page.get_by_text("Several").click()
    drop_file(page, "sheet.jpg", "image/jpeg", make_sheet(KINDS[kind], (1, 0)).content)
    expect(page.locator("#lines > li").first).to_be_visible()


def paste_file(page: Page, name: str, content_type: str, content: bytes) -> None:
    dispatch_file(page, "paste", name, content_type, content)


def dispatch_file(page: Page, event: str, name: str, content_type: str, content: bytes) -> None:
    page.evaluate(
        """([event, name, type, content]) => {
            const data = new DataTransfer();
            const bytes = Uint8Array.from(atob(content), (character) => character.charCodeAt(0));
            data.items.add(new File([bytes], name, { type }));
            const init = { bubbles: true, cancelable: true };
            document.getElementById("paper").dispatchEvent(event === "paste"
                ? new ClipboardEvent("paste", { ...init, clipboardData: data })
                : new DragEvent("drop", { ...init, dataTransfer: data }));
        }""",
        [event, name, content_type, base64.b64encode(content).decode()],
    )
