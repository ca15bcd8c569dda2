"""The page at / as a visitor uses it: a real browser, the real service, the default model."""

from __future__ import annotations

import base64
import gzip
import io
import re
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import BrowserContext, FilePayload, Locator, Page, Response, Route, expect

DATA = Path(__file__).parents[1] / "data"
# Nothing but files of our own: no inline script or style, no data: URL, no other origin, no string made into markup.
STRICT = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; require-trusted-types-for 'script'"
)

Stroke = list[tuple[float, float]]  # points as shares of the pad's width and height
SEVEN: Stroke = [(0.30, 0.25), (0.69, 0.25), (0.60, 0.45), (0.48, 0.78)]
ONE: Stroke = [(0.52, 0.20), (0.48, 0.80)]
BAR_ON_TOP: Stroke = [(0.22, 0.22), (0.52, 0.20)]


def draw(page: Page, stroke: Stroke) -> None:
    """With the mouse."""
    (x, y), *rest = on_pad(page, stroke)
    page.mouse.move(x, y)
    page.mouse.down()
    for x, y in rest:
        page.mouse.move(x, y, steps=8)
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
    expect(page.locator("main")).to_have_attribute("data-state", "read")
    expect(page.locator("#digit")).to_have_text(str(digit))


def answered(response: Response) -> bool:
    return "/predict" in response.url


def mnist(index: int) -> tuple[bytes, int]:
    """A test digit of MNIST as PNG, and its label."""
    images = gzip.decompress((DATA / "t10k-images-idx3-ubyte.gz").read_bytes())
    labels = gzip.decompress((DATA / "t10k-labels-idx1-ubyte.gz").read_bytes())
    pixels = np.frombuffer(images, np.uint8, count=28 * 28, offset=16 + index * 28 * 28).reshape(28, 28)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue(), labels[8 + index]


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


def test_a_drawn_seven_is_read_as_a_seven(page: Page) -> None:
    draw(page, SEVEN)
    expect_digit(page, 7)


def test_an_answer_says_how_sure_it_is_and_who_gave_it(page: Page) -> None:
    draw(page, SEVEN)
    expect(page.locator("#words")).to_have_text(re.compile("Almost certain|Very likely|Likely|Perhaps"))
    expect(page.locator("#detail")).to_have_text(re.compile(r"^\d+\.\d\d %$"))
    expect(page.locator("#facts")).to_have_text(
        re.compile(r"^model \S+, version \d+ · on the [CG]PU · \d+ ms there and back$")
    )


def test_ten_bars_add_up_to_one_and_the_digits_own_is_marked(page: Page) -> None:
    draw(page, SEVEN)
    expect(page.locator("#bars .best .label")).to_have_text("7")
    shares = [float(text.rstrip(" %")) for text in page.locator("#bars .value").all_text_contents()]
    assert len(shares) == 10
    assert sum(shares) == pytest.approx(100, abs=1)  # each is rounded down to a tenth


def test_the_image_the_model_saw_is_shown(page: Page) -> None:
    draw(page, SEVEN)
    expect(page.locator("#seen")).to_have_attribute("aria-label", re.compile("saw a 7"))
    bright = "seen => seen.getContext('2d').getImageData(0, 0, 28, 28).data.filter((v, i) => i % 4 === 0 && v > 128)"
    assert 20 < page.locator("#seen").evaluate(f"seen => ({bright})(seen).length") < 300


def test_a_picture_the_model_does_not_accept_is_said_to_be_perhaps_no_digit(page: Page) -> None:
    page.route("**/predict?*", without_acceptance)
    draw(page, SEVEN)
    expect(page.locator("#words")).to_have_text("Not sure this is a digit")
    expect(page.locator("#detail")).to_have_text(re.compile(r"^It is most like a 7: \d+\.\d\d %\.$"))
    expect(page.locator("#digit")).to_have_attribute("aria-hidden", "true")


def without_acceptance(route: Route) -> None:
    """The service's own answer, but for `accepted`, since which scribble is refused depends on the model."""
    response = route.fetch()
    answer = response.json()
    answer["predictions"][0]["accepted"] = False
    route.fulfill(response=response, json=answer)


def test_clear_empties_the_paper_and_the_answer(page: Page) -> None:
    empty = drawing(page)
    draw(page, SEVEN)
    expect_digit(page, 7)
    page.get_by_role("button", name="Clear").click()
    assert drawing(page) == empty
    expect(page.locator("main")).to_have_attribute("data-state", "empty")
    expect(page.locator("#digit")).to_have_text("")
    expect(page.locator("#bars .value").first).to_have_text("")
    expect(page.get_by_role("button", name="Clear")).to_be_disabled()


def test_an_answer_that_comes_after_clear_is_not_shown(page: Page) -> None:
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    page.route("**/predict?*", hold)
    with page.expect_request("**/predict?*"):
        draw(page, SEVEN)
    page.get_by_role("button", name="Clear").click()
    page.unroute("**/predict?*")
    with page.expect_response(answered):
        draw(page, ONE)
    expect_digit(page, 1)
    assert [route.request.failure for route in held] == ["net::ERR_ABORTED"]


def test_undo_takes_back_the_last_stroke(page: Page) -> None:
    draw(page, ONE)
    expect_digit(page, 1)
    one = drawing(page)
    draw(page, BAR_ON_TOP)
    assert drawing(page) != one
    with page.expect_response(answered):
        page.get_by_role("button", name="Undo").click()
    assert drawing(page) == one
    expect_digit(page, 1)


def test_undo_works_by_key(page: Page) -> None:
    draw(page, ONE)
    expect_digit(page, 1)
    page.keyboard.press("Control+z")
    expect(page.locator("main")).to_have_attribute("data-state", "empty")


@pytest.mark.parametrize("index", [0, 3, 4])
def test_a_chosen_picture_is_read(page: Page, index: int) -> None:
    picture, label = mnist(index)
    page.locator("#file").set_input_files(FilePayload(name="digit.png", mimeType="image/png", buffer=picture))
    expect_digit(page, label)


@pytest.mark.parametrize("event", ["drop", "paste"])
def test_a_dropped_or_pasted_picture_is_read(page: Page, event: str) -> None:
    picture, label = mnist(1)
    empty = drawing(page)
    hand_over(page, event, "digit.png", "image/png", picture)
    expect_digit(page, label)
    assert drawing(page) != empty


def test_a_stroke_on_a_picture_starts_a_new_sheet_and_undo_brings_the_picture_back(page: Page) -> None:
    picture, label = mnist(1)
    hand_over(page, "drop", "digit.png", "image/png", picture)
    expect_digit(page, label)
    draw(page, SEVEN)
    expect_digit(page, 7)
    page.get_by_role("button", name="Undo").click()
    expect_digit(page, label)


def test_a_text_file_is_answered_with_the_words_of_the_problem(page: Page) -> None:
    with page.expect_response(answered) as response:
        hand_over(page, "drop", "notes.txt", "text/plain", b"a shopping list")
    problem = response.value.json()
    assert problem["status"] == 415
    expect(page.locator("#words")).to_have_text(problem["title"])
    expect(page.locator("#detail")).to_have_text(f"notes.txt: {problem['detail']}")
    expect(page.locator("#unshown")).to_have_text("notes.txt cannot be shown here.")
    draw(page, SEVEN)
    expect_digit(page, 7)


def test_a_service_out_of_reach_is_said_in_words_and_the_next_stroke_is_read(
    desktop: BrowserContext, page: Page
) -> None:
    desktop.set_offline(True)
    draw(page, ONE)
    expect(page.locator("#words")).to_have_text("The service cannot be reached")
    desktop.set_offline(False)
    draw(page, BAR_ON_TOP)
    expect(page.locator("main")).to_have_attribute("data-state", re.compile("read|unsure"))


def test_a_busy_service_is_asked_again_when_it_says(page: Page) -> None:
    busy = '{"title": "The service has more to do than it can", "status": 503, "detail": "Come back in 1 s."}'
    page.route(
        "**/predict?*",
        lambda route: route.fulfill(
            status=503, body=busy, headers={"Retry-After": "1", "Content-Type": "application/problem+json"}
        ),
        times=1,
    )
    draw(page, SEVEN)
    expect(page.locator("#detail")).to_have_text("Come back in 1 s.")
    expect_digit(page, 7)


def test_a_finger_draws_on_a_phone_and_does_not_scroll_the_page(phone: BrowserContext, service: str) -> None:
    page = phone.new_page()
    page.goto(service)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    finger = phone.new_cdp_session(page)
    points = on_pad(page, [SEVEN[0], *between(SEVEN)])
    for i, (x, y) in enumerate(points):
        kind = "touchMove" if i else "touchStart"
        finger.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [{"x": x, "y": y}]})
    finger.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    expect_digit(page, 7)
    assert page.evaluate("scrollY") == 0
    assert page.evaluate("document.documentElement.scrollHeight > innerHeight")  # it could have scrolled


def between(stroke: Stroke) -> Stroke:
    """Ten points along each of the stroke's lines, without the first point."""
    return [
        (x0 + (x1 - x0) * i / 10, y0 + (y1 - y0) * i / 10)
        for (x0, y0), (x1, y1) in pairwise(stroke)
        for i in range(1, 11)
    ]


def test_a_tap_makes_a_dot(phone: BrowserContext, service: str) -> None:
    page = phone.new_page()
    page.goto(service)
    tap(page, 0.5, 0.5)
    centre = "pad => Array.from(pad.getContext('2d').getImageData(pad.width / 2, pad.height / 2, 1, 1).data)"
    assert page.locator("#pad").evaluate(centre) == [0, 0, 0, 255]


def test_the_page_asks_no_other_origin_and_obeys_the_strictest_content_policy(
    desktop: BrowserContext, service: str
) -> None:
    page = desktop.new_page()
    complaints: list[str] = []
    asked: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("request", lambda request: asked.append(request.url))
    page.route(service, with_strict_policy)
    page.goto(service)
    draw(page, SEVEN)
    expect_digit(page, 7)
    expect(page.locator("#seen")).to_have_attribute("aria-label", re.compile("saw a 7"))
    assert complaints == []
    assert len(asked) >= 7  # the page, its style, three modules, the state, the answer
    assert [url for url in asked if not url.startswith(service)] == []


def with_strict_policy(route: Route) -> None:
    response = route.fetch()
    route.fulfill(response=response, headers={**response.headers, "content-security-policy": STRICT})


def test_the_keyboard_reaches_every_control(page: Page) -> None:
    draw(page, SEVEN)  # nothing to undo or clear until then
    expect_digit(page, 7)
    page.locator("h1").click()
    reached = []
    for _ in range(page.locator("a:visible, button").count()):
        page.keyboard.press("Tab")
        focused = page.locator(":focus")
        assert outline(focused) == "solid"
        reached.append(focused.inner_text())
    assert sorted(reached) == sorted(page.locator("a:visible, button").all_inner_texts())


def outline(focused: Locator) -> str:
    style: str = focused.evaluate("element => getComputedStyle(element).outlineStyle")
    return style


@pytest.mark.parametrize("key", ["Enter", "Space"])
def test_a_key_on_the_button_opens_the_choice_of_a_file(page: Page, key: str) -> None:
    file = page.locator("#file")
    # noted and stopped, since the dialog itself would stay open
    file.evaluate("file => file.addEventListener('click', (event) => { event.preventDefault(); file.title = 'open'; })")
    page.get_by_role("button", name="Choose a picture").focus()
    page.keyboard.press(key)
    expect(file).to_have_attribute("title", "open")


def test_a_screen_reader_is_told_the_answer(page: Page) -> None:
    draw(page, SEVEN)
    expect(page.get_by_role("status")).to_contain_text(re.compile(r"^\s*7\s.* %\s*$", re.DOTALL))


def test_the_paper_is_white_and_the_ink_black_in_the_dark_too(page: Page) -> None:
    light = drawing(page)
    page.emulate_media(color_scheme="dark")
    assert drawing(page) == light
    draw(page, SEVEN)
    expect_digit(page, 7)
    ((x, y),) = [SEVEN[0]]
    pixel = f"pad => pad.getContext('2d').getImageData(pad.width * {x}, pad.height * {y}, 1, 1).data[0]"
    assert page.locator("#pad").evaluate(pixel) == 0


def test_nothing_moves_for_those_who_ask_for_less_motion(page: Page) -> None:
    moving = "document.getAnimations().length"
    page.emulate_media(reduced_motion="reduce")
    draw(page, SEVEN)
    expect_digit(page, 7)
    assert page.evaluate(moving) == 0


def test_the_client_reads_several_pictures_in_one_request(page: Page) -> None:
    pictures = [mnist(index) for index in range(3)]
    digits = page.evaluate(
        """async (pictures) => {
            const { predict } = await import("/static/digits.js");
            const bytes = (text) => Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
            const blobs = pictures.map((text) => new Blob([bytes(text)], { type: "image/png" }));
            return (await predict(blobs)).predictions.map(({ digit }) => digit);
        }""",
        [base64.b64encode(picture).decode() for picture, _ in pictures],
    )
    assert digits == [label for _, label in pictures]


def test_the_client_throws_the_problem_the_service_tells(page: Page) -> None:
    problem = page.evaluate(
        """async () => {
            const { predict } = await import("/static/digits.js");
            const picture = new Blob(["x"], { type: "image/png" });
            return predict(picture, { model: "nobody" }).catch((error) => ({ ...error, message: error.message }));
        }"""
    )
    assert problem["status"] == 404
    assert "nobody" in problem["detail"]
    assert problem["message"] == problem["detail"]
    assert problem["title"]
    assert problem["retryAfter"] is None
