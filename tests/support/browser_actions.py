"""What the tests of the page do with it: draw, hand over files, look at what is shown."""

from __future__ import annotations

import base64
import gzip
import io
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from playwright.sync_api import Page, Response, expect

DATA = Path(__file__).parents[1] / "data"

Stroke = list[tuple[float, float]]  # points as shares of the pad's width and height
SEVEN: Stroke = [(0.30, 0.25), (0.69, 0.25), (0.60, 0.45), (0.48, 0.78)]
ONE: Stroke = [(0.52, 0.20), (0.48, 0.80)]
BAR_ON_TOP: Stroke = [(0.22, 0.22), (0.52, 0.20)]


def draw(page: Page, stroke: Stroke, steps: int = 3) -> None:
    """With the mouse."""
    (x, y), *rest = on_pad(page, stroke)
    page.mouse.move(x, y)
    page.mouse.down()
    for x, y in rest:
        page.mouse.move(x, y, steps=steps)
    page.mouse.up()


def on_pad(page: Page, stroke: Stroke) -> list[tuple[float, float]]:
    box = page.locator("#pad").bounding_box()
    assert box is not None
    return [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in stroke]


def tap(page: Page, x: float, y: float) -> None:
    ((x, y),) = on_pad(page, [(x, y)])
    page.touchscreen.tap(x, y)


def drawing(page: Page) -> str:
    """What is on the pad, as a PNG in a data: URL."""
    url: str = page.locator("#pad").evaluate("pad => pad.toDataURL()")
    return url


def expect_digit(page: Page, digit: int) -> None:
    """As the answer to all that is drawn, not to a part of it."""
    expect(page.locator("#answer")).to_have_attribute("aria-busy", "false")
    expect(page.locator("main")).to_have_attribute("data-state", "read")
    expect(page.locator("#digit")).to_have_text(str(digit))


def answered(response: Response) -> bool:
    return "/predict" in response.url


def mnist(index: int) -> tuple[bytes, int]:
    """A test digit of MNIST as PNG, and its label."""
    pixels, label = digit(index)
    return png(pixels), label


def digit(index: int) -> tuple[NDArray[np.uint8], int]:
    """A test digit of MNIST, (28, 28), ink bright on 0, and its label."""
    images = gzip.decompress((DATA / "t10k-images-idx3-ubyte.gz").read_bytes())
    labels = gzip.decompress((DATA / "t10k-labels-idx1-ubyte.gz").read_bytes())
    pixels = np.frombuffer(images, np.uint8, count=28 * 28, offset=16 + index * 28 * 28).reshape(28, 28)
    return pixels, labels[8 + index]


def enlarged(index: int, size: int) -> NDArray[np.uint8]:
    """A test digit of MNIST, (size, size)."""
    return np.asarray(Image.fromarray(digit(index)[0]).resize((size, size)), np.uint8)


def png(pixels: NDArray[np.uint8]) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def violations(page: Page, axe: str) -> list[dict[str, Any]]:
    """What keeps people out of the page as it is now."""
    page.evaluate(axe)
    found = page.evaluate("axe.run().then(({ violations }) => violations)")
    return [{"rule": each["id"], "where": [node["html"] for node in each["nodes"]]} for each in found]


def hand_over(page: Page, event: str, name: str, kind: str, content: bytes) -> None:
    """A drop or a paste of one file, as the browser would tell the page of it."""
    page.evaluate(
        """([event, name, kind, content]) => {
            const data = new DataTransfer();
            const bytes = Uint8Array.from(atob(content), (character) => character.charCodeAt(0));
            data.items.add(new File([bytes], name, { type: kind }));
            const init = { bubbles: true, cancelable: true };
            document.getElementById("paper").dispatchEvent(event === "paste"
                ? new ClipboardEvent("paste", { ...init, clipboardData: data })
                : new DragEvent("drop", { ...init, dataTransfer: data }));
        }""",
        [event, name, kind, base64.b64encode(content).decode()],
    )
