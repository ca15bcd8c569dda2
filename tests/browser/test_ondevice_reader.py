"""The switch "on this device": the browser reads as the service does, and sends it no picture."""

from __future__ import annotations

import base64
import hashlib
import json
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.random import Generator, default_rng
from numpy.typing import NDArray
from playwright.sync_api import Browser, BrowserContext, Error, Page, Route, expect

from app.web import pages
from tests.browser.conftest import serving
from tests.support.browser_actions import SEVEN, digit, draw, enlarged, expect_digit, hand_over, mnist, png, violations
from tests.browser.test_access import Watched
from tests.conftest import NEWEST, ROOT
from training.synthesis import scenes as pictures

Pixels = NDArray[np.uint8]
READY = "Pictures are read here and never sent."
TOLERANCE = 1e-4  # of any probability

pytestmark = pytest.mark.skipif(not pages.RUNTIME.is_dir(), reason="what reads in a browser is not here: make runtime")


def turn_on(page: Page) -> None:
    page.get_by_role("switch").check()
    expect(page.locator("#place-note")).to_have_text(READY, timeout=60_000)


# --- the same answers as the service's --------------------------------------------------------------------------------


def plain(index: int, _: Generator) -> Pixels:
    return digit(index)[0]


def negative(index: int, _: Generator) -> Pixels:
    return 255 - digit(index)[0]


def canvas(index: int, rng: Generator) -> Pixels:
    """A drawing, dark on light or light on dark, somewhere on a canvas of any size."""
    side = int(rng.integers(20, 400))
    sheet = np.zeros(side + rng.integers(10, 600, 2), np.uint8)
    top, left = (int(rng.integers(5, room - side - 4)) for room in sheet.shape)
    sheet[top : top + side, left : left + side] = enlarged(index, side)
    return sheet if rng.random() < 0.5 else 255 - sheet


def scene(make: pictures.Scene) -> Callable[[int, Generator], Pixels]:
    def picture(index: int, rng: Generator) -> Pixels:
        return make(digit(index)[0][4:24, 4:24], rng)

    picture.__name__ = make.__name__
    return picture


def large(index: int, rng: Generator) -> Pixels:
    """A photo with more pixels than are looked at."""
    picture = pictures.photo(digit(index)[0][4:24, 4:24], rng)
    longer = 1100 + int(rng.integers(900))
    factor = longer / max(picture.shape)
    enlarged_ = cv2.resize(picture, None, fx=factor, fy=factor, interpolation=cv2.INTER_CUBIC)
    return np.asarray(np.clip(enlarged_ + rng.normal(0, 3, enlarged_.shape), 0, 255), np.uint8)


def ruled(index: int, rng: Generator) -> Pixels:
    """Squared paper, level or a little askew."""
    sheet = np.full((300, 240), 235, np.uint8)
    slope, step = rng.uniform(-0.08, 0.08), int(rng.integers(25, 50))
    for at in range(-20, 320, step):
        cv2.line(sheet, (0, at), (239, at + round(slope * 240)), (140,), 1)
        cv2.line(sheet, (at, 0), (at - round(slope * 300), 299), (150,), 1)
    ink = cv2.resize(digit(index)[0], (140, 140), interpolation=cv2.INTER_CUBIC) / 255
    sheet[70:210, 50:190] = sheet[70:210, 50:190] * (1 - ink) + 40 * ink
    return np.asarray(np.clip(sheet + rng.normal(0, 2, sheet.shape), 0, 255), np.uint8)


def filled(index: int, rng: Generator) -> Pixels:
    """A thick drawing that reaches the edges of its picture, of two tones or nearly."""
    side = int(rng.integers(30, 300))
    ink = cv2.dilate(enlarged(index, side), np.ones((side // 12, side // 12), np.uint8))
    tones = rng.permutation([rng.uniform(0, 100), rng.uniform(150, 255)])
    share = ink[side // 6 : -side // 6, side // 6 : -side // 6] / 255
    picture = share * tones[0] + (1 - share) * tones[1]
    return np.asarray(np.clip(picture + rng.normal(0, rng.uniform(0, 4), share.shape), 0, 255), np.uint8)


def coloured(index: int, rng: Generator) -> Pixels:
    """One ink on one paper, of any two colours."""
    ink = canvas(index, rng)[:, :, np.newaxis] / 255
    colours = rng.integers(0, 256, (2, 3))
    return np.asarray(ink * colours[0] + (1 - ink) * colours[1], np.uint8)


def transparent(index: int, rng: Generator) -> Pixels:
    """Ink of one tone on nothing."""
    ink = enlarged(index, int(rng.integers(28, 300)))
    tone = np.full_like(ink, rng.integers(256))
    return np.dstack([tone, tone, tone, ink])


def sheet_of(index: int, rng: Generator) -> Pixels:
    """A digit on white paper, in one piece."""
    side = int(rng.integers(90, 180))
    return np.asarray(np.pad(255 - enlarged(index, side), side // 8, constant_values=255), np.uint8)


def framed(index: int, rng: Generator) -> Pixels:
    """In a printed box or a ring."""
    sheet = np.pad(sheet_of(index, rng), int(rng.integers(18, 28)), constant_values=255)
    side = len(sheet)
    if rng.random() < 0.5:
        return np.asarray(cv2.rectangle(sheet, (15, 15), (side - 16, side - 16), (60,), int(rng.integers(1, 4))))
    return np.asarray(cv2.circle(sheet, (side // 2, side // 2), side // 2 - 6, (60,), 2, cv2.LINE_AA))


def cut_out(index: int, rng: Generator) -> Pixels:
    """A box of a form, by its lines, which the digit may touch."""
    side = int(rng.integers(16, 200))
    cell = np.pad(255 - enlarged(index, side), side // 4, constant_values=255)
    close = cell[side // 3 : -side // 3, side // 3 : -side // 3] if rng.random() < 0.5 else cell
    rimmed = np.pad(close, 1 + side // 40, constant_values=int(rng.integers(150)))
    return np.asarray(rimmed if rng.random() < 0.5 else 255 - rimmed, np.uint8)


def on_a_line(index: int, rng: Generator) -> Pixels:
    """On a line of a form, or between two."""
    sheet = np.pad(sheet_of(index, rng), 30, constant_values=255)
    side = len(sheet)
    for at in (12, side - 13) if rng.random() < 0.5 else (side - 13,):
        cv2.line(sheet, (8, at), (side - 9, at), (60,), int(rng.integers(1, 4)))
    return np.asarray(sheet if rng.random() < 0.5 else sheet.T, np.uint8)


def beside_a_neighbour(index: int, rng: Generator) -> Pixels:
    """What the picture's edge cuts: a part of another digit."""
    other, whole = (
        cv2.resize(sheet_of(each, rng), (200, 200), interpolation=cv2.INTER_AREA) for each in (index + 1, index)
    )
    return np.asarray(np.hstack([other[:, int(rng.integers(100, 150)) :], whole]), np.uint8)


def on_a_table(index: int, rng: Generator) -> Pixels:
    """A card, turned a little, on a dark ground."""
    card = sheet_of(index, rng)
    side = len(card)
    turn = cv2.getRotationMatrix2D((side / 2, side / 2), rng.uniform(-8, 8), 1)
    turn[:, 2] += side // 4
    size = (side + side // 2,) * 2
    picture = cv2.warpAffine(card, turn, size, borderValue=(70,)) + rng.normal(0, 2, size)
    return np.asarray(np.clip(picture, 0, 255), np.uint8)


KINDS = [
    plain,
    negative,
    canvas,
    *(scene(each) for each, _ in pictures.SCENES),
    large,
    ruled,
    filled,
    coloured,
    transparent,
    framed,
    cut_out,
    on_a_line,
    beside_a_neighbour,
    on_a_table,
]


@pytest.fixture(scope="module")
def at_home(browser: Browser, service: str) -> Iterator[Page]:
    """The page with its switch turned on."""
    context = browser.new_context()
    page = context.new_page()
    page.goto(service)
    page.evaluate(
        """async () => {
            const { open } = await import("/static/ondevice.js");
            globalThis.reader = await open({ signal: new AbortController().signal, onprogress: () => {} });
        }"""
    )
    yield page
    context.close()


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_a_picture_is_read_as_the_service_reads_it(at_home: Page, service: str, kind: Any) -> None:
    compare(at_home, service, kind, range(5))


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_a_thousand_pictures_are_read_as_the_service_reads_them(at_home: Page, service: str, kind: Any) -> None:
    compare(at_home, service, kind, range(1000, 1000 + 1000 // len(KINDS) + 1))


def compare(page: Page, service: str, kind: Callable[[int, Generator], Pixels], indices: range) -> None:
    for index in indices:
        picture = png(kind(index, default_rng(index)))
        here, there = read_here(page, picture), read_there(service, picture)
        assert (here is None) == (there is None), f"blank for one of them: {index}"
        if here and there:
            assert here["digit"] == there["digit"], index
            assert here["accepted"] == there["accepted"], index
            away = np.abs(np.subtract(here["probabilities"], there["probabilities"])).max()
            assert away <= TOLERANCE, index


def read_here(page: Page, picture: bytes) -> dict[str, Any] | None:
    """What the browser reads; None if the picture is blank."""
    prediction: dict[str, Any] | None = page.evaluate(
        """async (text) => {
            const bytes = Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
            try {
                const { predictions } = await reader.predict(new Blob([bytes], { type: "image/png" }));
                return predictions[0];
            } catch (problem) {
                if (problem.type !== "urn:digits:problem:blank-picture") throw problem;
                return null;
            }
        }""",
        base64.b64encode(picture).decode(),
    )
    return prediction


def read_there(service: str, picture: bytes) -> dict[str, Any] | None:
    """What the service reads; None if the picture is blank."""
    try:
        with urllib.request.urlopen(service + "predict", data=picture) as answer:
            prediction: dict[str, Any] = json.load(answer)["predictions"][0]
            return prediction
    except urllib.error.HTTPError as error:
        if error.code != 422:
            raise
        return None


# --- the switch -------------------------------------------------------------------------------------------------------


def test_no_picture_is_sent_once_the_switch_is_on(desktop: BrowserContext, service: str) -> None:
    watched = Watched(desktop)
    watched.page.goto(service)
    turn_on(watched.page)
    watched.asked.clear()
    draw(watched.page, SEVEN)
    expect_digit(watched.page, 7)
    picture, label = mnist(1)
    hand_over(watched.page, "drop", "digit.png", "image/png", picture)
    expect_digit(watched.page, label)
    expect(watched.page.locator("#facts")).to_contain_text("on this device")
    watched.page.wait_for_timeout(500)  # an explanation is asked for 250 ms after an answer
    watched.page.get_by_text("Several").click()
    draw(watched.page, SEVEN)
    expect(watched.page.locator("#words")).to_have_text("Several digits are read by the service alone")
    assert watched.asked == []
    assert watched.complaints == []


def test_a_picture_that_is_drawn_while_all_is_fetched_waits_for_it(page: Page) -> None:
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    page.route("**/ort.wasm.gz", hold)
    page.get_by_role("switch").check()
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.method))
    draw(page, SEVEN)
    expect(page.locator("#loading")).to_be_visible()
    expect(page.locator("#answer")).to_have_attribute("aria-busy", "true")
    held[0].continue_()
    expect_digit(page, 7)
    assert "POST" not in sent


def test_what_cannot_be_fetched_is_said_and_the_picture_is_not_sent_instead(page: Page) -> None:
    page.route("**/model.onnx", lambda route: route.fulfill(status=503))
    page.get_by_role("switch").check()
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.method))
    draw(page, SEVEN)
    expect(page.locator("#words")).to_have_text("What reading here takes cannot be fetched")
    page.unroute("**/model.onnx")
    page.get_by_role("button", name="Undo").click()
    draw(page, SEVEN)
    expect_digit(page, 7)
    assert "POST" not in sent


def test_the_service_reads_again_once_the_switch_is_off(page: Page) -> None:
    turn_on(page)
    draw(page, SEVEN)
    expect_digit(page, 7)
    with page.expect_response("**/predict?*"):
        page.get_by_role("switch").uncheck()
    expect_digit(page, 7)
    expect(page.locator("#facts")).to_contain_text("there and back")


def test_a_picture_the_browser_cannot_show_is_said_to_be_one(page: Page) -> None:
    turn_on(page)
    hand_over(page, "drop", "scan.tiff", "image/tiff", b"II*\0 and so on")
    expect(page.locator("#words")).to_have_text("This browser cannot show the picture")


def test_an_empty_sheet_of_paper_is_blank_here_too(page: Page) -> None:
    turn_on(page)
    hand_over(page, "drop", "blank.png", "image/png", png(np.full((99, 99), 255, np.uint8)))
    expect(page.locator("#words")).to_have_text("The picture is blank")


def test_the_switch_turns_by_key_and_its_note_is_spoken(page: Page) -> None:
    page.get_by_role("switch", name="On this device").focus()
    page.keyboard.press("Space")
    expect(page.get_by_role("status").filter(has_text=READY)).to_be_visible(timeout=60_000)


@pytest.mark.parametrize("look", [{"color_scheme": "dark"}, {"locale": "zh-CN"}], ids=["dark", "Chinese"])
def test_the_switch_keeps_nobody_out(browser: Browser, service: str, axe: str, look: dict[str, Any]) -> None:
    context = browser.new_context(bypass_csp=True, **look)  # axe is put into the page
    page = context.new_page()
    page.goto(service)
    page.get_by_role("switch").check()
    draw(page, SEVEN)
    expect_digit(page, 7)
    assert violations(page, axe) == []
    context.close()


# --- what the browser lets it do --------------------------------------------------------------------------------------


def test_the_worker_may_fetch_nothing_and_the_page_may_make_no_code(page: Page, service: str) -> None:
    with urllib.request.urlopen(service + "static/ondevice/worker.js") as answer:
        assert answer.headers["Content-Security-Policy"] == "default-src 'none'; script-src 'self' 'unsafe-eval'"
    with pytest.raises(Error, match="Content Security Policy"):
        page.evaluate("WebAssembly.compile(new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0]))")


def test_the_graph_is_the_one_that_is_served(service: str) -> None:
    with urllib.request.urlopen(service + f"models/digits/{NEWEST}/model.onnx") as answer:
        assert answer.read() == (ROOT / f"models/digits/{NEWEST}/model.onnx").read_bytes()


@pytest.mark.parametrize("path", ["models/digits/99/model.onnx", "models/nobody/1/model.onnx"])
def test_there_is_no_graph_of_what_is_not_served(service: str, path: str) -> None:
    with pytest.raises(urllib.error.HTTPError, match="404"):
        urllib.request.urlopen(service + path)


def test_a_key_is_asked_for_where_the_service_asks_for_one(browser: Browser, tmp_path: Path) -> None:
    digest = hashlib.sha256(b"a key").hexdigest()
    with serving(tmp_path, "--api-keys", digest) as address:
        with pytest.raises(urllib.error.HTTPError, match="401"):
            urllib.request.urlopen(address + f"models/digits/{NEWEST}/model.onnx")
        page = browser.new_page()
        page.goto(address)
        page.get_by_label("API key").fill("a key")
        page.get_by_role("button", name="Use it").click()
        turn_on(page)
        page.close()


def test_the_switch_is_hidden_where_what_it_needs_is_absent() -> None:
    assert 'id="place" hidden' in pages.page_text(on_device=False)
    assert 'id="place">' in pages.page_text(on_device=True)
